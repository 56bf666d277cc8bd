"""Covers the pixels that a part of a network has to compute with tiles of few shapes, each to be run as one batch.

┌──┬───────┬──┐   Regions that hang together are covered one by one, each with the one of two shapes that costs
│██│  ▓▓▓  │██│   less for it: narrow tiles for bands at the borders that content scrolls across, others for
│██│  ▓▓▓  │██│   sprites. Tiles lie anywhere, but either at a border of the picture or so far from it that their
└──┴───────┴──┘   windows end inside: what a window sees beyond a border is then the same for all tiles at that
                  border, and these lie next to each other in the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import combinations_with_replacement
from operator import or_

import cv2
import numpy as np
from numpy.typing import NDArray

from vdequant.models.parts import Part
from vdequant.temporal.reuse_shifts import Mask

Shape = tuple[int, int]  # height and width of a tile
Place = tuple[int, int]  # its top and left in the picture
Region = tuple[int, int, int, int]  # top, left, bottom, right
SHAPES: tuple[Shape, ...] = ((16, 16), (32, 32), (48, 16), (16, 48), (48, 8), (8, 48), (64, 64))
SCANNED = SHAPES[:2]  # those that are tried where regions have gaps; more find little
COARSE = 4  # pixels a side of the squares that hang together: bytes in a word
CALL = 12_000_000  # multiply-accumulates in whose time a part is called once more (measured: 0.15 ms)
WIDEST, BAND = 20, 0.3  # pixels that a band is wide at most, and share of the border that it has to run along
NEVER, MANY = 1 << 60, 1 << 20  # the cost of what cannot be done, and tiles where a shape is not tried
FEW = 1 << 17  # squares of which no more regions can be made than numbers of 16 bits tell apart, in a third of the time
SPARSE = 0.7  # share of a region below which it is asked which of its tiles are needed at all


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles of one ``shape`` at ``places``."""

    shape: Shape
    places: tuple[Place, ...]

    def macs(self, part: Part) -> int:
        """Multiply-accumulates of running ``part`` for them."""
        return len(self.places) * part.macs(*self.shape)


def windows(batches: tuple[Tiles, ...], halo: int, size: Shape) -> Mask:
    """``size`` ``(H, W)``: which pixels tiles see."""
    seen = np.zeros(size, dtype=bool)
    for tiles in batches:
        height, width = tiles.shape[0] + halo, tiles.shape[1] + halo
        for top, left in tiles.places:
            seen[max(0, top - halo) : top + height, max(0, left - halo) : left + width] = True
    return seen


def fits(shape: Shape, size: Shape, halo: int) -> bool:
    """Whether tiles of this shape can cover a picture of this size, see :func:`starts`."""
    height, width = shape
    return halo <= min(height, width) and height + 2 * halo <= size[0] and width + 2 * halo <= size[1]


def starts(first: int, last: int, size: int, side: int, halo: int) -> list[int]:
    """Where intervals of ``side`` begin that together hold ``first`` to ``last`` (exclusive) of a line of ``size``.

    Each begins or ends at an end of the line, or stays ``halo`` away from both.
    """
    found = []
    if first < halo:
        found.append(0)
        first = side
    if last > size - halo:
        found.append(size - side)
        last = size - side
    while first < last:
        found.append(min(first, size - side - halo))
        first = found[-1] + side
    return found


def in_one(first: int, last: int, size: int, side: int, halo: int) -> bool:
    """Whether :func:`starts` are no more than one."""
    if first < halo:
        return last <= min(side, size - halo)
    return first >= size - side if last > size - halo else last <= min(first, size - side - halo) + side


def regions(needed: Mask) -> list[tuple[Region, float]]:
    """Regions of ``needed`` ``(H, W)`` that hang together, and the share of each that is needed, both coarsely."""
    height, width = needed.shape
    padded = np.ascontiguousarray(needed)
    if height % COARSE or width % COARSE:
        padded = np.zeros((-(-height // COARSE) * COARSE, -(-width // COARSE) * COARSE), dtype=bool)
        padded[:height, :width] = needed
    words = padded.view(np.uint32).reshape(padded.shape[0] // COARSE, COARSE, -1)
    squares = (np.bitwise_or.reduce(words, axis=1) != 0).view(np.uint8)
    numbers = cv2.CV_16U if squares.size < FEW else cv2.CV_32S
    count, _, stats, _ = cv2.connectedComponentsWithStats(squares, connectivity=8, ltype=numbers)
    found = []
    for left, top, across, down, area in stats[1:count].tolist():
        bottom, right = min(height, (top + down) * COARSE), min(width, (left + across) * COARSE)
        found.append(((top * COARSE, left * COARSE, bottom, right), area / (across * down)))
    return found


def _split(needed: Mask) -> list[Mask]:
    """Bands along borders of the picture, and what is left: together they would be rings, which no tile is good for."""
    rest, masks = needed, []
    for turned in (False, True):
        view = rest.T if turned else rest
        first, last = _band(view[:, :WIDEST]), view.shape[1] - _band(view[:, : -WIDEST - 1 : -1])
        if first or last < view.shape[1]:
            bands = view.copy()
            bands[:, first:last] = False
            bands = bands.T if turned else bands
            rest = rest > bands
            masks.append(bands)
    return [*masks, rest]


def _band(strip: Mask) -> int:
    """How many of a strip's columns, from its first one on, belong to a band."""
    if np.count_nonzero(strip[:, 0]) <= BAND * len(strip):
        return 0
    long = strip.sum(0) > BAND * len(strip)
    return int(long.nonzero()[0][-1]) + 1 if not long[-1] else 0


def _places(region: Region, size: Shape, shape: Shape, halo: int) -> list[Place]:
    rows = starts(region[0], region[2], size[0], shape[0], halo)
    columns = starts(region[1], region[3], size[1], shape[1], halo)
    return [(row, column) for row in rows for column in columns]


def _counts(found: NDArray[np.int64], size: Shape, shapes: NDArray[np.int64], halo: int) -> NDArray[np.int64]:
    """How many :func:`_places` there are, ``(regions, shapes)``."""
    sides, whole = shapes.T, np.array(size)[:, None]
    first, last = found[:, :2, None], found[:, 2:, None]  # by region, axis and shape
    at_first, at_last = first < halo, last > whole - halo
    first, last = np.where(at_first, sides, first), np.where(at_last, whole - sides, last)
    lines = np.maximum(0, -((first - last) // sides))
    lines += at_first
    lines += at_last
    counts: NDArray[np.int64] = lines[:, 0] * lines[:, 1]
    return counts


def _bits(lines: Mask, first: int) -> list[int]:
    """Each of the ``lines`` as a number, its pixels from bit ``first`` on."""
    packed, step = np.packbits(lines, axis=1, bitorder="little").tobytes(), -(-lines.shape[1] // 8)
    return [int.from_bytes(packed[at : at + step], "little") << first for at in range(0, len(packed), step)]


def _taken(bits: int, size: int, side: int, halo: int) -> list[int]:
    """Like :func:`starts`, for the set bits of a line alone."""
    found = []
    if bits & ((1 << halo) - 1):
        found.append(0)
        bits = bits >> side << side
    if bits >> (size - halo):
        found.append(size - side)
        bits &= (1 << (size - side)) - 1
    while bits:
        found.append(min((bits & -bits).bit_length() - 1, size - side - halo))
        bits = bits >> (found[-1] + side) << (found[-1] + side)
    return found


class _Scan:
    """Finds places in a region with gaps: line by line of tiles, each from the first pixel on that is needed.

    Args:
        needed: ``(H, W)``.
        region: of it.
        halo: of windows.
    """

    def __init__(self, needed: Mask, region: Region, halo: int) -> None:
        top, left, bottom, right = region
        part = needed[top:bottom, left:right]
        self.size, self.halo, self.top = (needed.shape[0], needed.shape[1]), halo, top
        self.rows = _bits(part, left)
        self.lines = _bits(part.any(1).reshape(1, -1), top)[0]

    def places(self, shape: Shape) -> list[Place]:
        """Places of tiles of this shape."""
        found = []
        for first in _taken(self.lines, self.size[0], shape[0], self.halo):
            at = first - self.top
            band = reduce(or_, self.rows[max(0, at) : max(0, at + shape[0])], 0)
            found += [(first, left) for left in _taken(band, self.size[1], shape[1], self.halo)]
        return found


def cover(needed: Mask, part: Part) -> tuple[Tiles, ...]:
    """Tiles that together hold all pixels of ``needed`` ``(H, W)``, in batches of one shape each.

    The picture has to be large enough for tiles of the first of :data:`SHAPES`, see :func:`fits`.
    """
    size, halo = (needed.shape[0], needed.shape[1]), part.halo
    found = [(region, mask, share) for mask in _split(needed) for region, share in regions(mask)]
    if not found:
        return ()
    shapes, sides, costs = _fitting(part, size)
    counts = _counts(np.array([region for region, _, _ in found]), size, sides, halo)
    scanned: dict[int, list[list[Place]]] = {}
    for at, (region, mask, share) in enumerate(found):
        if share < SPARSE:
            scan = _Scan(mask, region, halo)
            scanned[at] = [scan.places(shape) if shape in SCANNED else [] for shape in shapes]
            counts[at] = [len(places) or MANY for places in scanned[at]]
    own = [_whole(region, size, halo) for region, _, _ in found]
    batches: dict[Shape, list[Place]] = {}
    for at, chosen in enumerate(_chosen(counts * costs, shapes, own, part)):
        if at in scanned and chosen in SCANNED:
            places = scanned[at][shapes.index(chosen)]
        else:  # also where the shape is one of the others, but that of a tile for the whole region
            places = _places(found[at][0], size, chosen, halo)
        batches.setdefault(chosen, []).extend(places)
    return tuple(Tiles(shape, tuple(set(places))) for shape, places in batches.items())


@lru_cache(maxsize=64)
def _fitting(part: Part, size: Shape) -> tuple[list[Shape], NDArray[np.int64], NDArray[np.int64]]:
    """The shapes that fit into pictures of this size, the same as an array, and the cost of a tile of each."""
    shapes = [shape for shape in SHAPES if fits(shape, size, part.halo)]
    return shapes, np.array(shapes), np.array([part.cost(*shape) for shape in shapes])


@lru_cache(maxsize=1024)
def _alone(part: Part, shape: Shape | None) -> int:
    """The cost of a tile that nothing else is run with."""
    return NEVER if shape is None else part.cost(*shape) + CALL


def _chosen(costs: NDArray[np.int64], shapes: list[Shape], own: list[Shape | None], part: Part) -> list[Shape]:
    """By region, the shape that it is covered with.

    Args:
        costs: of covering it with each of the shapes, ``(regions, shapes)``.
        shapes: all of them.
        own: by region, that of a tile that holds all of it.
        part: what is to be run.
    """
    alone = [_alone(part, shape) for shape in own]
    one, other = _cheapest(costs, np.array(alone))
    chosen = []
    for shape, single, first, second in zip(own, alone, costs[:, one].tolist(), costs[:, other].tolist(), strict=True):
        best = one if first <= second else other
        chosen.append(shape if shape is not None and single < min(first, second) else shapes[best])
    return chosen


def _whole(region: Region, size: Shape, halo: int) -> Shape | None:
    """A tile that holds all of a region, if there is one."""
    top, left, bottom, right = region
    shape = _rounded(bottom - top), _rounded(right - left)
    if not fits(shape, size, halo):
        return None
    lines = in_one(top, bottom, size[0], shape[0], halo) and in_one(left, right, size[1], shape[1], halo)
    return shape if lines else None


def _rounded(side: int) -> int:
    """A side of which there are few, so that libraries meet the same shapes again."""
    step = 16 if side <= 64 else 32
    return -(-side // step) * step


@lru_cache(maxsize=16)
def _pairs(shapes: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of numbers below ``shapes``, a number with itself too, and what a second call costs each of them."""
    one, other = np.array(list(combinations_with_replacement(range(shapes), 2))).T
    return one, other, np.where(one == other, 0, CALL)


def _cheapest(costs: NDArray[np.int64], alone: NDArray[np.int64]) -> tuple[int, int]:
    """The two shapes, or one twice, that are cheapest together.

    Args:
        costs: ``(regions, shapes)``.
        alone: of a tile of its own for each region.
    """
    one, other, calls = _pairs(costs.shape[1])
    each = np.minimum(costs[:, one], costs[:, other])
    totals = np.minimum(each, alone[:, None]).sum(0) + calls
    best = int(totals.argmin())
    return int(one[best]), int(other[best])
