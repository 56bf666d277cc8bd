"""Tiles of several pictures become few batches, in which each picture finds its own again."""

from __future__ import annotations

import numpy as np
import pytest

from vdequant.models.cellnet import SMALL
from vdequant.models.cellnet_parts import parts_of
from vdequant.temporal.reuse_batches import ALONE, COUNTS, MOST_PIXELS, Batch, batched, spots
from vdequant.temporal.reuse_tiles import Place, Shape, Tiles, cover

PARTS = parts_of(SMALL)
SIZES = [(72, 160), (125, 163), (60, 61)]


def asked(size: Shape, pictures: int) -> list[tuple[Tiles, ...]]:
    """Tiles for a band at the right border and some squares, others in each picture, and none in one of them."""
    found = []
    for number in range(pictures):
        needed = np.zeros(size, dtype=bool)
        if number != 1:
            needed[:, -5 - number :] = True
            needed[10 + number : 20, 20 : 26 + 4 * number] = True
        found.append(cover(needed, PARTS[1]))
    return found


def all_of(tiles: tuple[Tiles, ...]) -> set[tuple[Shape, Place]]:
    return {(each.shape, place) for each in tiles for place in each.places}


@pytest.mark.parametrize("size", SIZES)
def test_each_picture_finds_its_own_tiles_in_the_batches(size: Shape) -> None:
    tiles = asked(size, 5)
    batches = batched(tiles, PARTS[1].halo, size)
    for number, (own, parts) in enumerate(zip(tiles, spots(batches, 5), strict=True)):
        found = [(batches[batch].shape, place) for batch, _, place in parts]
        assert len(found) == len(set(found))
        assert set(found) == all_of(own)
        for batch, slot, place in parts:
            assert (batches[batch].places[slot], batches[batch].pictures[slot]) == (place, number)


def test_tiles_of_one_shape_are_one_batch_whichever_picture_they_are_of() -> None:
    tiles = [(Tiles((16, 16), ((20, 20 + 8 * number),)),) for number in range(6)]
    (batch,) = batched(tiles, 3, (72, 160))
    assert sorted(batch.pictures) == list(range(6))


@pytest.mark.parametrize("size", SIZES)
def test_tiles_at_a_border_lie_next_to_each_other_in_the_batch(size: Shape) -> None:
    whole = cover(np.ones(size, dtype=bool), PARTS[1])
    for batch in batched([whole, whole], PARTS[1].halo, size):
        at = {side: set[int]() for side in range(4)}
        for side, first, last in batch.borders:
            at[side] |= set(range(first, last))
        (height, width), (down, across) = size, batch.shape
        touching = [
            {i for i, (top, _) in enumerate(batch.places) if top == 0},
            {i for i, (_, left) in enumerate(batch.places) if left + across == width},
            {i for i, (top, _) in enumerate(batch.places) if top + down == height},
            {i for i, (_, left) in enumerate(batch.places) if left == 0},
        ]
        assert [at[side] for side in range(4)] == touching


def test_batches_are_not_larger_than_what_a_cache_holds() -> None:
    places = tuple((row, column) for row in range(20, 900, 16) for column in range(20, 900, 16))
    batches = batched([(Tiles((16, 16), places),)], 3, (1000, 1000))
    assert sum(len(batch.places) for batch in batches) == len(places)
    assert max(len(batch.places) * 22 * 22 for batch in batches) <= MOST_PIXELS
    assert len(batches) > 1
    assert {batch.windows(3) for batch in batches} <= set(COUNTS)


@pytest.mark.parametrize(("count", "windows"), [(1, 2), (2, 2), (4, 4), (5, 6), (8, 8), (13, 16), (25, 32), (97, 128)])
def test_small_batches_are_filled_up_to_few_sizes(count: int, windows: int) -> None:
    batch = Batch((16, 16), tuple((20, 20 + at) for at in range(count)), (0,) * count, ())
    assert batch.windows(3) == windows


def test_a_large_window_may_be_alone() -> None:
    assert Batch((64, 64), ((0, 0),), (0,), ()).windows(3) == 1
    assert ALONE < 70 * 70
