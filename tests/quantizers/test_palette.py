from __future__ import annotations

import pytest
import torch

from vdequant.errors import UsageError
from vdequant.quantizers.palette import PaletteQuantizer, axis_reach

PALETTE = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.2, 0.4, 0.9]])


def test_nearest_color_agrees_with_distances_taken_one_by_one() -> None:
    x = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    quantizer = PaletteQuantizer(PALETTE)
    distances = ((x[:, None] - quantizer.palette[None, :, :, None, None]) ** 2).sum(2)
    expected = quantizer.palette[distances.argmin(1)].permute(0, 3, 1, 2)
    assert torch.equal(quantizer.quantize(x), expected)


def test_projection_stops_at_the_border_between_two_colors() -> None:
    y = torch.zeros(1, 3, 1, 1)
    black_and_white = PaletteQuantizer(torch.tensor([[0.0] * 3, [1.0] * 3]))
    projected = black_and_white.cells(y).project(torch.full_like(y, 0.9))
    assert projected.flatten().tolist() == pytest.approx([0.5] * 3, abs=1e-4)


def test_reach_along_an_axis_is_where_the_color_changes() -> None:
    quantizer = PaletteQuantizer(PALETTE)
    reach = axis_reach(quantizer.palette)
    black = int((quantizer.palette.sum(1) == 0).nonzero())
    step = torch.tensor([reach[black, 1, 2].item(), 0.0])
    x = torch.zeros(1, 3, 1, 2)
    x[0, 2, 0] = step[0] + torch.tensor([-1e-3, 1e-3])
    same = (quantizer.quantize(x) == 0).all(1).flatten()
    assert same.tolist() == [True, False]


def test_a_color_that_is_not_in_the_palette_is_held() -> None:
    y = torch.full((1, 3, 2, 2), 0.6)
    cells = PaletteQuantizer(PALETTE).cells(y)
    assert torch.equal(cells.project(torch.rand(1, 3, 2, 2)), y)
    assert cells.contains(y).all()
    assert not cells.contains(y + 0.1).any()


def test_dither_widens_what_is_plausible_only() -> None:
    y = torch.zeros(1, 3, 1, 1)
    plain, dithered = PaletteQuantizer(PALETTE).cells(y), PaletteQuantizer(PALETTE).cells(y, dithered=True)
    assert dithered.spread > plain.spread
    assert torch.equal(plain.high, dithered.high)


def test_duplicates_are_merged_and_empty_palettes_refused() -> None:
    assert len(PaletteQuantizer(torch.cat([PALETTE, PALETTE])).palette) == 4
    with pytest.raises(UsageError, match="1 to 4096"):
        PaletteQuantizer(torch.zeros(0, 3))
