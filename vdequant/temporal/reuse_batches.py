"""Puts tiles of several pictures together, so that a part of a network is called for all of them at once.

picture 1: ▪ ▪ ▮        one call: ▪ ▪ ▪ ▪ ▪      A call takes as long as 1,000 pixels, and few tiles keep a core
picture 2: ▪ ▮      ─►  one call: ▮ ▮ ▮          less busy than many: measured 28 ns a pixel for four tiles, 15 for
picture 3: ▪ ▪ ▮                                 thirty-two.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from vdequant.temporal.reuse_tiles import Place, Shape, Tiles

MOST_PIXELS = 48_000  # of the windows in one batch: what they become stays in a core's cache
# PyTorch gives pictures of fewer pixels, of 16 channels and one at a time, to another library: other last bits.
ALONE = 48 * 48
# Windows of a batch, which is filled up to one of these: a convolution of a shape that was not there before takes half
# a millisecond longer, and PyTorch's library remembers a thousand shapes.
COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


# Where tiles lie, by row and column of first border, inside and last border: around the picture, then the inside.
ORDER = ((0, 1, 2), (7, 8, 3), (6, 5, 4))
SIDES = (((0, 1, 2),), ((2, 3, 4),), ((4, 5, 6),), ((6, 7), (0,)))  # by side from the top on: runs of that order


@dataclass(frozen=True, slots=True)
class Batch:
    """Tiles of one ``shape``, those at borders first, clockwise from the upper left corner.

    Attributes:
        shape: of all of them.
        places: of each.
        pictures: the number of that which each belongs to.
        borders: side (0 top, 1 right, 2 bottom, 3 left), first and last (exclusive) of the tiles that lie there.
    """

    shape: Shape
    places: tuple[Place, ...]
    pictures: tuple[int, ...]
    borders: tuple[tuple[int, int, int], ...]

    def windows(self, halo: int) -> int:
        """How many windows it is run with."""
        count = len(self.places)
        if count == 1 and (self.shape[0] + 2 * halo) * (self.shape[1] + 2 * halo) < ALONE:
            return 2
        return COUNTS[bisect_left(COUNTS, count)]


Spot = tuple[int, int, Place]  # number of a batch, of a tile in it, and where that tile is in its picture


def batched(asked: Sequence[tuple[Tiles, ...]], halo: int, size: Shape) -> list[Batch]:
    """The tiles of all pictures in batches that are not too large.

    Args:
        asked: by picture.
        halo: of windows.
        size: of every picture, ``(H, W)``.
    """
    found: dict[Shape, list[tuple[int, int, Place]]] = {}
    for picture, all_tiles in enumerate(asked):
        for tiles in all_tiles:
            entries = found.setdefault(tiles.shape, [])
            last = size[0] - tiles.shape[0], size[1] - tiles.shape[1]
            entries += [(_zone(*place, *last), picture, place) for place in tiles.places]
    batches = []
    for shape, entries in found.items():
        entries.sort(key=lambda entry: entry[0])
        most = COUNTS[bisect_right(COUNTS, MOST_PIXELS // ((shape[0] + 2 * halo) * (shape[1] + 2 * halo)), lo=1) - 1]
        for first in range(0, len(entries), most):
            zones, pictures, places = zip(*entries[first : first + most], strict=True)
            batches.append(Batch(shape, places, pictures, _borders(zones)))
    return batches


def spots(batches: Sequence[Batch], pictures: int) -> list[list[Spot]]:
    """By picture, where its tiles are."""
    found: list[list[Spot]] = [[] for _ in range(pictures)]
    for number, batch in enumerate(batches):
        for slot, (picture, place) in enumerate(zip(batch.pictures, batch.places, strict=True)):
            found[picture].append((number, slot, place))
    return found


def _zone(top: int, left: int, last_top: int, last_left: int) -> int:
    """Where a tile lies in :data:`ORDER`, from its place and the last one that there is."""
    row = 2 if top == last_top else 1 if top else 0
    return ORDER[row][2 if left == last_left else 1 if left else 0]


def _borders(zones: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """See :class:`Batch`; ``zones`` rise."""
    found = []
    for side, members in enumerate(SIDES if zones[0] != ORDER[1][1] else ()):
        for group in members:
            first, last = bisect_left(zones, group[0]), bisect_right(zones, group[-1])
            if first < last:
                found.append((side, first, last))
    return tuple(found)
