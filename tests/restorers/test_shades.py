"""What a network makes of a dithered palette keeps the means around each pixel."""

from __future__ import annotations

import torch

from vdequant.quantizers.mean_cells import dithered_cells
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.windows import local_mean
from vdequant.restorers.ramps import HALO as RAMPS_HALO
from vdequant.restorers.shades import HALO, MOST_OFF, has_shades, with_means

PALETTE = PaletteQuantizer(torch.tensor([[0.0, 0.6, 0.8], [0.1, 0.7, 0.9], [0.8, 0.9, 1.0]]))


def stored() -> torch.Tensor:
    return PALETTE.quantize(torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(1)))


def test_a_shade_that_ran_away_is_brought_back() -> None:
    y = stored()
    off = local_mean(with_means(y, (y - 0.2).clamp(0, 1)) - y).abs()
    assert float(off.mean()) < 1.05 * MOST_OFF
    assert float(off.max()) < 2 * MOST_OFF  # where neighbors move each other


def test_what_keeps_its_means_is_left_alone() -> None:
    y = stored()
    near = y + 0.1 * torch.tensor([1.0, -1.0]).repeat(24)
    assert torch.equal(with_means(y, near), near)


def test_only_dithered_palettes_are_bound() -> None:
    y = stored()
    levels = UniformQuantizer.of_bits((2, 2, 2), "shift")
    assert has_shades(dithered_cells(PALETTE.cells(y)))
    assert not has_shades(PALETTE.cells(y))
    assert not has_shades(dithered_cells(levels.cells(levels.quantize(y))))


def test_it_sees_no_farther_than_tiles_reach() -> None:
    assert HALO <= RAMPS_HALO
    y = torch.cat([stored(), stored()], -1)
    x = (y - 0.2).clamp(0, 1)
    other = x.clone()
    other[..., : 96 - HALO - 4] = 0.5
    assert torch.equal(with_means(y, x)[..., -4:], with_means(y, other)[..., -4:])
