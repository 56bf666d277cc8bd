"""Enlarged planes are those of the enlarged picture, made with less work."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from vdequant.color import from_rgb
from vdequant.expanding import enlarged_planes, split_screen
from vdequant.frames import Layout, Matrix, Siting
from vdequant.quantizers.blends import Blend
from vdequant.quantizers.grid import Axis, Grid, blended_axis, part

GRIDS = {
    "its own size": Grid(Axis(0, (1,) * 12), Axis(0, (1,) * 10)),
    "4x2": Grid(Axis(0, (4,) * 12), Axis(0, (2,) * 10)),
    "3x3 in borders": Grid(Axis(5, (3,) * 12, 4), Axis(1, (3,) * 10, 2)),
    "4.5x4.5 between bars": Grid(Axis(7, (4, 5) * 6, 7), Axis(0, (4, 5) * 5)),
}
LAYOUTS = {
    "rgb, 16 bits": {"model": "rgb", "bits": 16},
    "gray, 10 bits": {"model": "gray", "bits": 10},
    "4:4:4, 10 bits": {"model": "yuv", "bits": 10, "matrix": Matrix.BT709, "full_range": False},
    "4:2:0, left": {"model": "yuv", "bits": 10, "chroma": (1, 1), "matrix": Matrix.BT709, "full_range": False},
    "4:2:0, center": {"model": "yuv", "bits": 8, "chroma": (1, 1), "matrix": Matrix.SMPTE170M, "siting": Siting.CENTER},
    "4:2:2": {"model": "yuv", "bits": 8, "chroma": (1, 0), "matrix": Matrix.SMPTE170M, "full_range": False},
}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("scale", GRIDS)
def test_planes_are_those_of_the_enlarged_picture(scale: str, kind: str, times: int) -> None:
    grid = GRIDS[scale]
    width, height = (side * times for side in grid.stored_size)
    layout = Layout(width, height, **LAYOUTS[kind])  # type: ignore[arg-type]
    native, around = torch.rand(2, 3, 10, 12), torch.rand(2, 3, *grid.stored_size[::-1])

    def border(box: tuple[int, int, int, int]) -> torch.Tensor:
        left, top, right, bottom = box
        return around[..., top:bottom, left:right]

    wanted = from_rgb(grid.expand(native, times, border=border), layout)
    found = enlarged_planes(native, layout, grid, times, border)
    for one, other in zip(found, wanted, strict=True):
        assert one.is_contiguous()
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_blended_planes_are_those_of_the_blended_picture(kind: str) -> None:
    grid = Grid(blended_axis(Blend("bicubic", 4.5), 54, 6, 6), blended_axis(Blend("bilinear", 5.0), 50, 3, 5))
    layout = Layout(*grid.stored_size, **LAYOUTS[kind])  # type: ignore[arg-type]
    native, around = torch.rand(2, 3, 10, 12), torch.rand(2, 3, *grid.stored_size[::-1])
    border = partial(part, around)
    wanted = from_rgb(grid.expand(native, border=border), layout)
    found = enlarged_planes(native, layout, grid, 1, border)
    for one, other in zip(found, wanted, strict=True):
        assert one.is_contiguous()
        assert (one.int() - other.int()).abs().max() <= 1  # sums in another order


def test_split_screen_shows_before_left_and_after_right() -> None:
    picture = split_screen(torch.zeros(1, 3, 4, 10), torch.full((1, 3, 4, 10), 0.5))
    assert (picture[..., :5] == 0).all()
    assert (picture[..., 5] == 1).all()
    assert (picture[..., 6:] == 0.5).all()
