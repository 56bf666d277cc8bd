"""Canvases move with their content, in place where they can, and keep a border of zeros."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from vdequant.temporal.reuse_canvas import SLACK, Canvas, bits_of
from vdequant.temporal.reuse_parts import Copy

SIZE, BORDER = (20, 30), 3


def numbered() -> Tensor:
    return torch.arange(1.0, 1 + 4 * 20 * 30).view(1, 4, 20, 30)


def shown(canvas: Canvas) -> Tensor:
    return canvas.picture.permute(2, 0, 1)[None]


def windows_of(canvas: Canvas, places: list[tuple[int, int]], shape: tuple[int, int]) -> Tensor:
    windows: Tensor = canvas.sheet.new_empty((len(places), shape[0] + 2 * BORDER, shape[1] + 2 * BORDER, 4))
    canvas.cut([(0, slot, place) for slot, place in enumerate(places)], [bits_of(windows)])
    return windows.permute(0, 3, 1, 2)


def border_of(canvas: Canvas) -> Tensor:
    whole = windows_of(canvas, [(0, 0)], SIZE)[0]
    mask = torch.ones(whole.shape[1:], dtype=torch.bool)
    mask[BORDER:-BORDER, BORDER:-BORDER] = False
    return whole[:, mask]


def test_a_canvas_shows_what_it_holds_in_a_border_of_zeros() -> None:
    canvas = Canvas.holding(numbered(), BORDER)
    assert torch.equal(shown(canvas), numbered())
    assert not border_of(canvas).any()


@pytest.mark.parametrize("shift", [(0, 2), (-1, 0), (3, -4), (0, 0)])
def test_content_moves_in_place_under_the_frame(shift: tuple[int, int]) -> None:
    canvas = Canvas.holding(numbered(), BORDER)
    moved = canvas.moved(shift, ())
    assert moved.sheet is canvas.sheet
    expected = numbered().roll((-shift[0], -shift[1]), (-2, -1))[..., 4:16, 5:25]
    assert torch.equal(shown(moved)[..., 4:16, 5:25], expected)
    assert not border_of(moved).any()


def test_a_long_way_begins_new_sheets_and_shows_the_same() -> None:
    world = torch.rand(1, 4, 20, 400)
    canvas = Canvas.holding(world[..., :30], BORDER)
    sheets = {id(canvas.sheet)}
    for t in range(1, 4 * SLACK // 3):
        canvas = canvas.moved((0, 3), ())
        canvas.picture[:, -3:] = world[0, :, :, 3 * t + 27 : 3 * t + 30].permute(1, 2, 0)
        sheets.add(id(canvas.sheet))
        assert torch.equal(shown(canvas), world[..., 3 * t : 3 * t + 30])
        assert not border_of(canvas).any()
    assert len(sheets) > 1


def test_an_overlay_stays_while_the_ground_moves_through_it() -> None:
    canvas, mask = Canvas.holding(numbered(), BORDER), np.zeros(SIZE, dtype=bool)
    mask[2:6, 4:28] = True
    moved = canvas.moved((0, 2), (Copy((0, 0), mask),))
    expected = numbered().roll(-2, -1)
    expected[..., 2:6, 4:28] = numbered()[..., 2:6, 4:28]
    assert torch.equal(shown(moved)[..., :28], expected[..., :28])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_windows_are_cut_with_the_border_around_them(dtype: torch.dtype) -> None:
    canvas = Canvas.holding(numbered().to(dtype), BORDER)
    middle, corner = windows_of(canvas, [(4, 6), (0, 22)], (8, 8))
    assert torch.equal(middle, numbered()[0, :, 1:15, 3:17].to(dtype))
    assert torch.equal(corner[:, 3:, :11], numbered()[0, :, :11, 19:].to(dtype))
    assert not corner[:, :3].any()
    assert not corner[..., 11:].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tiles_are_put_where_they_belong(dtype: torch.dtype) -> None:
    canvas, tiles = Canvas.holding(numbered().to(dtype), BORDER), torch.rand(2, 4, 6, 6).to(dtype)
    canvas.put([(0, 1, (0, 0)), (0, 0, (10, 24))], [bits_of(tiles.permute(0, 2, 3, 1))])
    expected = numbered().to(dtype)
    expected[0, :, 10:16, 24:], expected[0, :, :6, :6] = tiles
    assert torch.equal(shown(canvas), expected)


def test_windows_go_to_the_slots_that_are_theirs_and_leave_others_alone() -> None:
    canvas, windows = Canvas.holding(numbered(), BORDER), torch.zeros(3, 14, 14, 4)
    canvas.cut([(1, 2, (4, 6))], [bits_of(torch.zeros(1, 9, 9, 4)), bits_of(windows)])
    assert not windows[:2].any()
    assert torch.equal(windows[2].permute(2, 0, 1), numbered()[0, :, 1:15, 3:17])
