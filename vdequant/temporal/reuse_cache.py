"""Content that was on the screen some time ago: squares of the scrolled grid by all that the restorer sees of them.

The grid moves with the scroll, so that a tile of a background is cut the same way wherever it is. A sprite that goes
through its poses, a menu that opens again, a background that scrolls back are found by their digest.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from threading import Event

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vdequant.temporal.reuse_shifts import Digests, Mask, Shift
from vdequant.temporal.reuse_windows import Box

SIDE = 16  # of a square
MOST = 4096  # squares that are kept: 12 MiB of restored samples
WORTH = 0.2  # share of squares found, below which looking is given up
FRAMES = 30  # over which that share is taken
PAUSE, LONGEST_PAUSE = 120, 960  # frames until it is tried again, for the first time and at most
MANY = 160  # squares a frame, from which on looking for each takes too long

_ODD = 0x5DEECE66D1CE4E5B


def _powers(count: int, base: int) -> NDArray[np.uint64]:
    values, power = [], 1
    for _ in range(count):
        values.append(power)
        power = power * base % (1 << 64)
    return np.array(values, dtype=np.uint64)


@dataclass(slots=True)
class Square:
    """A restored square; ``values`` ``(3, h, w)`` are there once ``ready`` is set, or None if that frame failed."""

    ready: Event
    values: Tensor | None = None


@dataclass(slots=True)
class Found:
    """Squares to copy, squares to keep once the frame is restored, and where in the picture they lie."""

    hits: list[tuple[Square, Box]] = field(default_factory=list)
    keeps: list[tuple[Square, Box]] = field(default_factory=list)


class SquareCache:
    """The last :data:`MOST` distinct squares that had to be restored. Used by one thread.

    Args:
        halo: what a restorer sees around a square.
    """

    def __init__(self, halo: int) -> None:
        self.halo = halo
        self._squares: OrderedDict[tuple[int, ...], Square] = OrderedDict()
        self._rates: deque[float] = deque(maxlen=FRAMES)
        self._origin = (0, 0)
        self._pause, self._next_pause = 0, PAUSE
        span = SIDE + 2 * halo
        self._weights = _powers(span, 0x9E3779B97F4A7C15), _powers(span, 0xD1342543DE82EF95)

    @property
    def resting(self) -> bool:
        """Whether too few squares were found lately for looking to be worth its time."""
        return self._pause > 0

    def follow(self, shift: Shift) -> None:
        """Move the grid with the content."""
        self._origin = (self._origin[0] - shift[0]) % SIDE, (self._origin[1] - shift[1]) % SIDE

    def look_up(self, digests: Digests, needed: Mask, ready: Event) -> Found:
        """Find squares among those that hold ``needed`` pixels; the others are announced as ``keeps``.

        Args:
            digests: of the picture, see :func:`~vdequant.temporal.reuse_shifts.pixel_digests`.
            needed: pixels that are in nobody's hands yet; those of hits are cleared.
            ready: is going to be set when the frame is restored.
        """
        found = Found()
        if self._pause:
            self._pause -= 1
            return found
        boxes = self._boxes(needed)
        if not 0 < len(boxes) <= MANY:
            return found
        for key, box in zip(self._keys(digests, boxes), boxes, strict=True):
            square = self._squares.get(key)
            if square is None:
                square = self._squares[key] = Square(ready)
                found.keeps.append((square, box))
            elif square.ready is not ready:  # one that comes twice in this very picture is not there yet
                self._squares.move_to_end(key)
                found.hits.append((square, box))
                needed[box[0] : box[2], box[1] : box[3]] = False
        while len(self._squares) > MOST:
            self._squares.popitem(last=False)
        self._judge(len(found.hits) / len(boxes))
        return found

    def _judge(self, rate: float) -> None:
        self._rates.append(rate)
        if len(self._rates) < FRAMES:
            return
        if sum(self._rates) >= WORTH * FRAMES:
            self._next_pause = PAUSE
        else:
            self._pause, self._next_pause = self._next_pause, min(LONGEST_PAUSE, 2 * self._next_pause)
            self._rates.clear()
            self._squares.clear()

    def _boxes(self, needed: Mask) -> list[Box]:
        """The squares of the grid that hold needed pixels, cut at the borders of the picture."""
        height, width = needed.shape
        down, across = self._origin
        padded = np.zeros((height + 2 * SIDE, width + 2 * SIDE), dtype=bool)
        padded[SIDE : SIDE + height, SIDE : SIDE + width] = needed
        grid = padded[down:, across:]
        rows, columns = grid.shape[0] // SIDE, grid.shape[1] // SIDE
        squares = np.asarray(grid[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE).any((1, 3)))
        boxes = []
        for row, column in zip(*(axis.tolist() for axis in squares.nonzero()), strict=True):
            top, left = row * SIDE + down - SIDE, column * SIDE + across - SIDE
            boxes.append((max(0, top), max(0, left), min(height, top + SIDE), min(width, left + SIDE)))
        return boxes

    def _keys(self, digests: Digests, boxes: list[Box]) -> list[tuple[int, ...]]:
        """A key a box: size, distance to the borders where they are in sight, and a digest of all pixels in sight."""
        height, width = digests.shape
        halo, (down, across) = self.halo, self._weights
        values = digests.astype(np.uint64)
        keys = []
        for top, left, bottom, right in boxes:
            y, x = max(0, top - halo), max(0, left - halo)
            part = values[y : min(height, bottom + halo), x : min(width, right + halo)]
            mixed = part ^ (part >> np.uint64(29))
            digest = int(((mixed * across[: part.shape[1]]).sum(1) ^ np.uint64(_ODD)) @ down[: part.shape[0]])
            keys.append((bottom - top, right - left, top - y, left - x, *part.shape, digest))
        return keys
