"""The middle of a cell in 8-bit codes."""

from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import BoxCells, Expansion, UniformQuantizer
from vdequant.restorers.code_middles import code_middles, told_from_the_middle

CODES = (torch.arange(256) / 255).expand(1, 3, 2, 256).contiguous()


@pytest.mark.parametrize("expansion", ["replicate", "floor", "shift", "center"])
@pytest.mark.parametrize("bits", [2, 5, 7, 8])
def test_the_middle_is_the_mean_of_the_codes_that_are_stored_alike(bits: int, expansion: Expansion) -> None:
    quantizer = UniformQuantizer.of_bits((bits,) * 3, expansion)
    y = quantizer.quantize(CODES)
    middle = code_middles(quantizer.cells(y))[0, 0, 0]
    stored = y[0, 0, 0]
    for value in stored.unique()[1:-1]:
        alike = stored == value
        assert middle[alike].unique().item() == pytest.approx(CODES[0, 0, 0][alike].mean().item(), abs=1e-6)


def test_black_and_white_stay() -> None:
    quantizer = UniformQuantizer.of_bits((4, 4, 4), "floor")
    y = quantizer.quantize(CODES)
    ends = (y == 0) | (y == 1)
    assert ends.any()
    assert torch.equal(code_middles(quantizer.cells(y))[ends], y[ends])


def test_a_restorer_is_told_the_middle_and_the_same_cells() -> None:
    quantizer = UniformQuantizer.of_bits((5, 6, 7), "floor")
    y = quantizer.quantize(CODES)
    cells = quantizer.cells(y)
    middle, told = told_from_the_middle(y, cells)
    assert torch.equal(told.stored, middle)
    assert torch.equal(told.low, cells.low)
    assert cells.contains(middle).all()
    assert not torch.equal(middle, y)


def test_cells_that_are_no_boxes_are_left_as_they_are() -> None:
    y = torch.rand(1, 3, 4, 4)
    palette = PaletteQuantizer(torch.rand(5, 3))
    cells = palette.cells(palette.quantize(y))
    stored, told = told_from_the_middle(cells.stored, cells)
    assert told is cells
    assert torch.equal(stored, cells.stored)
    lossy = BoxCells(y, y - 0.1, y + 0.1, lossy=True)
    assert told_from_the_middle(y, lossy)[1] is lossy
