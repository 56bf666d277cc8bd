"""Positional dither keeps the means that a mixture of two colors cannot."""

from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.positional import by_luma, positional
from vdequant.quantizers.uniform import UniformQuantizer

COLORS = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
PLACES = ((torch.arange(16) + 0.5) / 16)[None]


def flat(color: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, 16, 16).contiguous()


@pytest.mark.parametrize("kind", ["knoll4", "knoll8"])
def test_a_color_off_every_line_between_two_keeps_its_mean(kind: str) -> None:
    x = flat((0.5, 0.3, 0.2))
    mean = DitherQuantizer(PaletteQuantizer(COLORS), kind).quantize(x).mean((0, 2, 3))
    torch.testing.assert_close(mean, x[0, :, 0, 0], rtol=0, atol=0.07)
    of_two = DitherQuantizer(PaletteQuantizer(COLORS), "bayer8").quantize(x).mean((0, 2, 3))
    assert (of_two - x[0, :, 0, 0]).abs().max() > 0.15


def test_places_of_higher_rank_show_lighter_colors() -> None:
    shown = positional(flat((0.4, 0.4, 0.4))[..., :1, :], PLACES, 16, COLORS)
    luma = shown[0, :, 0].T @ torch.tensor([0.299, 0.587, 0.114])
    assert (luma.diff() >= -1e-6).all()
    assert luma[0] < luma[-1]


def test_full_strength_mixes_farther_colors() -> None:
    """A pixel next to a palette color is left to it by a weak method, and given its full mixture by a strong one."""
    x = flat((0.08, 0.0, 0.0))[..., :1, :]
    weak, strong = (positional(x, PLACES, 16, COLORS, strength)[0, 0].mean() for strength in (0.05, 1.0))
    assert weak < strong
    assert strong == pytest.approx(0.08, abs=0.02)


def test_the_result_does_not_depend_on_how_many_pixels_are_looked_at_together() -> None:
    x, places = torch.rand(2, 3, 200, 180, generator=torch.Generator().manual_seed(1)), torch.rand(200, 180)
    whole = positional(x, places, 16, COLORS)
    assert torch.equal(whole[1:, :, -9:], positional(x[1:, :, -9:], places[-9:], 16, COLORS))


def test_colors_are_put_in_order_of_luma() -> None:
    assert by_luma(COLORS).tolist() == [COLORS[i].tolist() for i in (0, 3, 1, 2, 4)]


def test_between_levels_lists_are_bayers_pattern() -> None:
    x, levels = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2)), UniformQuantizer.of_levels(4)
    assert torch.equal(DitherQuantizer(levels, "knoll4").quantize(x), DitherQuantizer(levels, "bayer4").quantize(x))


def test_the_soft_form_is_the_picture_within_the_range_of_the_colors() -> None:
    x = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    assert torch.equal(DitherQuantizer(PaletteQuantizer(COLORS * 0.5), "knoll4").soft(x, 9.0), x.clamp(0, 0.5))
