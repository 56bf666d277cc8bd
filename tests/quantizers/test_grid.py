from __future__ import annotations

from fractions import Fraction
from functools import partial

import pytest
import torch

from vdequant.quantizers.grid import Axis, Grid, even_axis, part

GRIDS = {
    "4x": Grid.of_scale((4, 4), 48, 40),
    "4x2": Grid.of_scale((4, 2), 48, 20),
    "4.5x": Grid(Axis(0, (4, 5) * 6), Axis(0, (5, 4) * 5)),
    "bordered 2x1": Grid(Axis(3, (2,) * 12, 4), Axis(5, (1,) * 10, 2)),
    "bordered 4.5x": Grid(Axis(8, (4, 5) * 6, 0), Axis(0, (5, 4) * 5, 6)),
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_fold_and_expand_are_inverse(grid: Grid) -> None:
    native = torch.rand(2, 3, 10, 12)
    border = torch.rand(2, 3, *grid.stored_size[::-1])
    stored = grid.expand(native, border=partial(part, border))
    assert stored.shape == border.shape
    assert torch.equal(grid.fold(stored), native)
    assert grid.size == (12, 10)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_borders_come_back_as_they_were_and_the_picture_stays_out_of_them(grid: Grid) -> None:
    around = torch.full((1, *grid.stored_size[::-1]), 0.25)
    stored = grid.expand(torch.ones(1, 10, 12), 2, border=partial(part, around))
    assert stored.shape[-2:] == (2 * around.shape[-2], 2 * around.shape[-1])
    left, top, right, bottom = (2 * side for side in grid.borders)
    inner = stored[..., top : stored.shape[-2] - bottom, left : stored.shape[-1] - right]
    assert (inner == 1).all()
    assert int((stored == 0.25).sum()) == stored.numel() - inner.numel()


def test_a_grid_with_borders_asks_for_what_is_in_them() -> None:
    with pytest.raises(ValueError, match="expected what is around"):
        GRIDS["bordered 2x1"].expand(torch.zeros(3, 10, 12))


def test_runs_keep_their_widths_when_everything_is_enlarged_further() -> None:
    grid = GRIDS["4.5x"]
    wide = grid.widen(torch.arange(12.0).expand(10, 12), 2)[0]
    assert wide.unique_consecutive(return_counts=True)[1].tolist() == [8, 10] * 6


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_an_enlarged_native_picture_lands_where_its_native_pixels_do(factor: int) -> None:
    grid = GRIDS["bordered 4.5x"]
    native = torch.rand(1, 3, 10, 12)
    enlarged = native.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
    assert torch.equal(grid.widen(enlarged, 2, factor), grid.widen(native, 2))


def test_an_enlarged_native_picture_is_taken_as_it_is_where_the_runs_are_that_wide() -> None:
    enlarged = torch.rand(1, 40, 48)
    assert torch.equal(GRIDS["4x"].widen(enlarged, 1, 4), enlarged)


def test_scale_and_words_tell_how_much_a_capture_was_enlarged() -> None:
    grid = GRIDS["bordered 4.5x"]
    assert grid.scale == (Fraction(9, 2), Fraction(9, 2))
    assert grid.describe() == "enlarged 4.5x4.5 in borders of 8, 0, 0, 6 pixels (left, top, right, bottom)"


def test_borders_of_whole_native_pixels_can_be_made_part_of_the_picture() -> None:
    grid = Grid(Axis(8, (4,) * 10, 12), Axis(3, (4,) * 5, 0))
    assert grid.filled() == Grid(even_axis(60, 4), grid.rows)


@pytest.mark.parametrize("wrong", [(-1, (2, 2)), (0, ()), (0, (2, 0))])
def test_impossible_axes_are_refused(wrong: tuple[int, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="expected borders"):
        Axis(*wrong)
    with pytest.raises(ValueError, match="expected a multiple"):
        even_axis(7, 2)
