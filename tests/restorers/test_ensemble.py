from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.base import Cells
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.quantizers.jpeg_grid import grid_of
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.base import Needs
from vdequant.restorers.ensemble import VIEWS, SelfEnsemble, View, ViewedCells, viewed


class RightNeighbor:
    """Answers the value to the right: as unsymmetric as a restorer can be."""

    needs = Needs(halo=1, align=4)

    def to(self, device: torch.device, dtype: torch.dtype) -> RightNeighbor:
        return self

    def restore(self, y: torch.Tensor, cells: Cells) -> torch.Tensor:
        return y.roll(-1, -1)


def picture() -> torch.Tensor:
    return torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_undone_by_its_inverse(view: View) -> None:
    assert torch.equal(view.back(view.of(picture())), picture())


def test_the_eight_views_differ() -> None:
    x = torch.rand(1, 1, 5, 5)
    assert len({view.of(x).numpy().tobytes() for view in VIEWS}) == 8


def test_the_ensemble_is_the_mean_over_all_four_sides() -> None:
    y = picture()
    cells = UniformQuantizer.of_levels(4).cells(y)
    sides = [y.roll(shift, dim) for dim in (-1, -2) for shift in (1, -1)]
    torch.testing.assert_close(SelfEnsemble(RightNeighbor()).restore(y, cells), torch.stack(sides).mean(0))


def test_two_views_are_the_picture_and_half_a_turn_of_it() -> None:
    y = picture()
    cells = UniformQuantizer.of_levels(4).cells(y)
    expected = (y.roll(-1, -1) + y.roll(1, -1)) / 2
    torch.testing.assert_close(SelfEnsemble(RightNeighbor(), 2).restore(y, cells), expected)


class Twice(RightNeighbor):
    needs = Needs(halo=1, align=4, views=2)


def test_a_restorer_is_asked_as_often_as_it_needs_unless_the_user_says_otherwise() -> None:
    once, twice = RightNeighbor(), Twice()
    assert viewed(once) is once
    assert viewed(twice, 1) is twice
    y = picture()
    cells = UniformQuantizer.of_levels(4).cells(y)
    assert torch.equal(viewed(twice).restore(y, cells), SelfEnsemble(once, 2).restore(y, cells))
    assert torch.equal(viewed(twice, 8).restore(y, cells), SelfEnsemble(once).restore(y, cells))


def test_turned_cells_project_and_contain_like_the_cells_they_are_of() -> None:
    quantizer = PaletteQuantizer(torch.rand(6, 3, generator=torch.Generator().manual_seed(2)))
    y = quantizer.quantize(picture())
    cells, x, view = quantizer.cells(y), picture().flip(0), View(True, True, False)
    turned = ViewedCells(cells, view)
    assert torch.equal(turned.project(view.of(x)), view.of(cells.project(x)))
    assert torch.equal(turned.contains(view.of(x)), view.of(cells.contains(x)))
    assert torch.equal(turned.room, view.of(cells.room))


def test_a_jpegs_tables_and_its_blocks_of_color_turn_with_the_picture() -> None:
    cells = JpegQuantizer(30, "422").cells(torch.rand(1, 3, 16, 32))
    upright, mirrored, turned = (
        grid_of(ViewedCells(cells, view))
        for view in (View(False, False, False), View(False, True, False), View(True, False, False))
    )
    assert upright is not None
    assert mirrored is not None
    assert turned is not None
    assert (upright.across, upright.down) == (mirrored.across, mirrored.down) == (turned.down, turned.across)
    assert upright.across != upright.down
    assert torch.equal(mirrored.luma, upright.luma)
    assert torch.equal(turned.luma, upright.luma.T)
    assert not torch.equal(turned.luma, upright.luma)


def test_sizes_suit_mirrored_blocks() -> None:
    assert SelfEnsemble(RightNeighbor()).needs == Needs(multiple_of=4, halo=1, align=4)
