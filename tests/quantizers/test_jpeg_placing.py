"""A picture that was turned or cropped is laid onto its blocks, and comes back as it was."""

from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.jpeg_placing import Placing

PICTURE = torch.arange(2 * 3.0 * 5 * 7).reshape(2, 3, 5, 7)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_back_undoes_onto_blocks(quarters: int, mirrored: bool) -> None:
    placing = Placing((quarters, mirrored), left=3, top=13)
    assert torch.equal(placing.back(placing.onto_blocks(PICTURE)), PICTURE)


def test_a_turned_picture_is_turned_back() -> None:
    shown = torch.rot90(PICTURE, 1, (-2, -1)).flip(-1)
    assert torch.equal(Placing((1, True)).onto_blocks(shown), PICTURE)


def test_edges_are_repeated_up_to_the_border_of_blocks() -> None:
    grown = Placing(left=2, top=1).onto_blocks(PICTURE)
    assert grown.shape == (2, 3, 6, 9)
    assert torch.equal(grown[..., 1:, :2], PICTURE[..., :1].expand(-1, -1, -1, 2))


def test_only_a_picture_that_lies_elsewhere_needs_placing() -> None:
    assert not Placing()
    assert Placing((1, False))
    assert Placing(top=1)
