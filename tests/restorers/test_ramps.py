"""Wide bands become ramps inside their cells; grain, coarse cells and everything else are left alone."""

from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.base import Cells
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.cellnet import CellnetMedium, CellnetSmall
from vdequant.restorers.ramps import HALO, has_bands, with_ramps

BITS5 = UniformQuantizer.of_bits((5, 5, 5))
SKY = torch.stack([torch.linspace(low, high, 240) for low, high in ((0.3, 0.5), (0.5, 0.75), (0.75, 0.9))])
SKY = SKY[None, :, :, None].expand(1, 3, 240, 48).contiguous()


def gain(found: torch.Tensor, before: torch.Tensor, truth: torch.Tensor) -> float:
    errors = [float((x - truth).square().mean()) for x in (before, found)]
    return 10 * float(torch.tensor(errors[0] / errors[1]).log10())


def test_a_clean_sky_loses_its_bands() -> None:
    y = BITS5.quantize(SKY)
    cells = BITS5.cells(y)
    restored = with_ramps(y, cells, y)
    assert gain(restored, y, SKY) > 6
    assert bool(cells.contains(cells.project(restored)).all())


def test_grain_and_edges_are_not_smoothed() -> None:
    grain = 0.03 * torch.randn(SKY.shape, generator=torch.Generator().manual_seed(1))
    y = BITS5.quantize((SKY + grain).clamp(0, 1))
    assert torch.equal(with_ramps(y, BITS5.cells(y), y), y)


def test_wide_cells_are_left_alone() -> None:
    coarse = UniformQuantizer.of_levels(8)
    y = coarse.quantize(SKY)
    assert torch.equal(with_ramps(y, coarse.cells(y), y), y)


def test_only_levels_have_bands() -> None:
    y = BITS5.quantize(SKY)
    palette = PaletteQuantizer(torch.rand(8, 3, generator=torch.Generator().manual_seed(1)))
    others: list[Cells] = [
        DitherQuantizer(UniformQuantizer.of_levels(4), "bayer4").cells(y),
        palette.cells(palette.quantize(y)),
        ToleranceQuantizer(4 / 255).cells(y),
    ]
    assert has_bands(BITS5.cells(y))
    assert not any(has_bands(cells) for cells in others)


def test_the_result_depends_on_no_more_than_the_halo() -> None:
    wide = SKY[..., :1].expand(1, 3, 240, 2 * HALO + 40).contiguous()
    y = BITS5.quantize(wide)
    other = y.clone()
    other[..., : y.shape[-1] - HALO - 8] = 1 - other[..., : y.shape[-1] - HALO - 8]
    one, two = (with_ramps(x, BITS5.cells(x), x)[..., -8:] for x in (y, other))
    assert torch.equal(one, two)


@pytest.mark.parametrize(("restorer", "least"), [(CellnetMedium, 1.0), (CellnetSmall, 0.0)])
def test_the_larger_networks_have_ramps(restorer: type[CellnetMedium] | type[CellnetSmall], least: float) -> None:
    y = BITS5.quantize(SKY)
    made = restorer()
    with torch.inference_mode():
        whole = made.restore(y, BITS5.cells(y))
        made.finishes = False
        plain = made.restore(y, BITS5.cells(y))
    assert gain(whole, plain, SKY) >= least
    assert made.needs.halo == made.levels.spec.radius + (HALO if least else 0)
