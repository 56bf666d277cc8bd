from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from vdequant.errors import UsageError
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.palettes_from import METHODS, palette_from


def picture(seed: int = 0) -> torch.Tensor:
    down, across = torch.meshgrid(torch.linspace(0, 1, 40), torch.linspace(0, 1, 60), indexing="ij")
    noise = 0.05 * torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(seed))
    return (torch.stack([down, across, down * across]) * 0.95 + noise).clamp(0, 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("colors", [1, 2, 16, 100])
def test_there_are_at_most_as_many_colors_as_asked_for_and_all_are_8_bit(method: str, colors: int) -> None:
    palette = palette_from([picture()], colors, method)
    assert palette.shape[1] == 3
    assert max(1, colors // 2) <= len(palette) <= colors
    assert len(torch.unique(palette, dim=0)) == len(palette)
    torch.testing.assert_close(palette * 255, (palette * 255).round(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_more_colors_come_nearer_to_the_picture(method: str) -> None:
    x = picture()[None]
    errors = [(PaletteQuantizer(palette_from([x[0]], n, method)).quantize(x) - x).square().mean() for n in (2, 16, 128)]
    assert errors[2] < 0.3 * errors[1] < 0.3 * errors[0]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_pictures_give_the_same_colors(method: str) -> None:
    assert torch.equal(palette_from([picture()], 16, method), palette_from([picture()], 16, method))


def test_k_means_begins_where_the_seed_says() -> None:
    first, second = (palette_from([picture()], 16, "kmeans", seed=seed) for seed in (1, 2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("method", METHODS)
def test_a_picture_of_few_colors_keeps_them_exactly(method: str) -> None:
    colors = torch.tensor([[1, 2, 3], [3, 2, 1], [200, 100, 0]], dtype=torch.float32) / 255
    drawn = colors[torch.arange(24).view(4, 6) % 3].permute(2, 0, 1)
    assert torch.equal(palette_from([drawn], 16, method), colors)


def test_median_cut_is_pillows_of_the_same_picture() -> None:
    codes = (picture() * 255).round().to(torch.uint8)
    image = Image.fromarray(codes.permute(1, 2, 0).numpy()).quantize(8, Image.Quantize.MEDIANCUT)
    theirs = np.unique(np.asarray(image.getpalette()).reshape(-1, 3)[:8], axis=0)
    ours = (palette_from([codes / 255], 8) * 255).round().int().numpy()
    np.testing.assert_array_equal(ours, theirs)


def test_pictures_of_several_sizes_share_a_palette() -> None:
    red, blue = torch.zeros(3, 4, 4), torch.zeros(3, 2, 9)
    red[0], blue[2] = 1.0, 1.0
    assert palette_from([red, blue], 4).tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_numbers_and_methods_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UsageError, match="mediancut, kmeans, octree"):
        palette_from([picture()], 4, "wu")
    with pytest.raises(UsageError, match="palette:500/kmeans"):
        palette_from([picture()], 500)
    with pytest.raises(UsageError, match="1 or more"):
        palette_from([picture()], 0)
