from __future__ import annotations

import numpy as np
import pytest
import torch

from vdequant.edits.selecting import (
    flood,
    grabcut,
    inside_picture,
    parse_point,
    parse_rect,
    rectangle,
    soft_inside,
)
from vdequant.errors import UsageError


def scene() -> torch.Tensor:
    """A blue square and a red one on noisy green, ``(1, 3, 48, 64)``."""
    x = torch.tensor([0.2, 0.6, 0.2]).view(1, 3, 1, 1) + 0.02 * torch.rand(1, 3, 48, 64)
    x[..., 10:30, 10:30] = torch.tensor([0.1, 0.1, 0.9]).view(1, 3, 1, 1) + 0.02 * torch.rand(1, 3, 20, 20)
    x[..., 10:30, 44:60] = torch.tensor([0.9, 0.1, 0.1]).view(1, 3, 1, 1)
    return x


def test_a_rectangle_holds_its_pixels() -> None:
    bits = rectangle(parse_rect("3,2,10,5"), 64, 48)
    assert bits.sum() == 50
    assert bits[2:7, 3:13].all()


@pytest.mark.parametrize("text", ["1,2,3", "1,2,0,4", "a,b,c,d", "-1,0,3,3", ""])
def test_words_that_are_no_rectangle_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--rect"):
        parse_rect(text)


def test_places_beyond_the_picture_are_refused() -> None:
    with pytest.raises(UsageError, match="64x48"):
        rectangle((60, 0, 5, 5), 64, 48)
    with pytest.raises(UsageError, match="64x48"):
        inside_picture(parse_point("64,0"), 64, 48)
    with pytest.raises(UsageError, match="--point"):
        parse_point("1;2")


def test_a_flood_takes_what_is_connected_and_similar() -> None:
    bits = flood(scene(), (15, 15), 16)
    assert bits.sum() == 400
    assert bits[10:30, 10:30].all()
    assert flood(scene(), (15, 15), 255).all()


def test_grabcut_finds_what_stands_out_in_a_rectangle() -> None:
    bits = grabcut(scene(), (6, 6, 28, 28))
    assert bits[10:30, 10:30].mean() > 0.95
    assert bits.sum() < 450


def test_grabcut_without_surroundings_is_refused() -> None:
    with pytest.raises(UsageError, match="surroundings"):
        grabcut(scene(), (0, 0, 64, 48))


def test_soft_edges_lie_inside_the_mask() -> None:
    bits = np.zeros((16, 16), np.bool_)
    bits[4:12, 4:] = True
    weight = soft_inside(bits, 2)[0, 0]
    assert torch.equal(weight > 0, torch.from_numpy(bits))
    assert weight[4, 8] == pytest.approx(1 / 3)
    assert weight[8, 8] == 1
    assert weight[8, 15] == 1  # the border of the picture is no edge of the mask
    assert torch.equal(soft_inside(bits, 0)[0, 0] > 0.5, torch.from_numpy(bits))
