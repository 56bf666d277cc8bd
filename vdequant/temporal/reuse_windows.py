"""Which parts of a picture to give to a network so that a given set of pixels comes out: few, small, of few shapes.

needed pixels ─► boxes (cut where that saves area) ─► groups of boxes ─► windows

┌──┬───────┬──┐      A window is the picture with all rows and columns left out that no box of its group can see.
│▓▓│       │▓▓│      Two bands at the borders of a scrolling picture become one narrow picture: each box keeps its
│▓▓│   ▓   │▓▓│      halo, and what lies beyond the halo cannot matter. Rows and columns leave in whole steps, so
└──┴───────┴──┘      that patterns and strided layers stay in phase.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]  # top, left, bottom, right in pixels
Boxes = NDArray[np.int64]  # (..., 4), the same

CALL = 1200  # pixels that one more call of a small network costs (measured: 0.3 ms beside 0.25 microseconds a pixel)
SIZES = 8  # sizes of windows are multiples of this, so that a convolution library sees few shapes
SMALLEST = 48  # smaller windows may be summed in another order (measured with oneDNN: differences from 34 down)
MOST_BOXES = 96  # before they are merged; beyond, one is taken
COARSE, LARGE = 8, 128_000  # pixels a side of the squares on whose borders boxes are cut; twice that in large pictures


@dataclass(frozen=True, slots=True)
class Window:
    """A part to compute: ``rows`` and ``columns`` of the picture, ascending, and the boxes that are right in it."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    boxes: tuple[Box, ...]

    @property
    def pixels(self) -> int:
        """Pixels that the network is given."""
        return len(self.rows) * len(self.columns)

    def place(self, box: Box) -> Box:
        """Where one of the boxes lies in the window."""
        top, left, bottom, right = box
        first = int(np.searchsorted(self.rows, top)), int(np.searchsorted(self.columns, left))
        return first[0], first[1], first[0] + bottom - top, first[1] + right - left


@dataclass(frozen=True, slots=True)
class Grain:
    """How windows may be cut: the ``halo`` of a box, and the ``step`` of which all removed parts are multiples."""

    halo: int
    step: int = 1

    def reach(self, first: int, last: int, size: int) -> tuple[int, int]:
        """First and last (exclusive) step that pixels ``first`` to ``last`` (exclusive) of ``size`` can see."""
        return max(0, first - self.halo) // self.step, -(-min(size, last + self.halo) // self.step)


def _bounds(mask: Mask) -> Box | None:
    """The smallest box around the set pixels; None where there are none."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if len(rows) == 0:
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _coarse(mask: Mask, side: int) -> Mask:
    """Which squares of ``side`` pixels a side hold set pixels."""
    height, width = (-(-size // side) * side for size in mask.shape)
    padded = np.zeros((height, width), dtype=bool)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(padded.reshape(height // side, side, width // side, side).any((1, 3)))


def _strips(squares: Mask) -> Boxes:
    """Boxes of whole squares that are set: runs along each row, joined with the same run of the row before."""
    padded = np.zeros((squares.shape[0], squares.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = squares
    steps = np.diff(padded, axis=1)
    rows, firsts = (steps == 1).nonzero()
    lasts = (steps == -1).nonzero()[1]
    open_runs: dict[tuple[int, int], list[int]] = {}
    done: list[list[int]] = []
    for row, first, last in zip(rows.tolist(), firsts.tolist(), lasts.tolist(), strict=True):
        strip = open_runs.get((first, last))
        if strip is not None and strip[2] == row:
            strip[2] = row + 1
        else:
            open_runs[first, last] = strip = [row, first, row + 1, last]
            done.append(strip)
    return np.array(done, dtype=np.int64).reshape(-1, 4)


def _area(boxes: Boxes, halo: int, size: tuple[int, int]) -> NDArray[np.int64]:
    """Areas of ``(..., 4)`` boxes with their halos, as far as these lie in the picture."""
    height = np.minimum(boxes[..., 2] + halo, size[0]) - np.maximum(boxes[..., 0] - halo, 0)
    width = np.minimum(boxes[..., 3] + halo, size[1]) - np.maximum(boxes[..., 1] - halo, 0)
    area: NDArray[np.int64] = height * width
    return area


def _around(one: Boxes, others: Boxes) -> Boxes:
    """The smallest boxes that hold ``one`` and each of the others."""
    return np.concatenate([np.minimum(one[..., :2], others[..., :2]), np.maximum(one[..., 2:], others[..., 2:])], -1)


def _merged(boxes: Boxes, halo: int, size: tuple[int, int]) -> Boxes:
    """Boxes joined in pairs, the best pair first, as long as one box with its halo is cheaper than two."""
    own = _area(boxes, halo, size)
    gains = own[:, None] + own - _area(_around(boxes[:, None], boxes[None]), halo, size)
    np.fill_diagonal(gains, -1)
    while len(boxes) > 1:
        i, j = divmod(int(gains.argmax()), len(boxes))
        if gains[i, j] < 0:
            break
        boxes[i] = _around(boxes[i], boxes[j])
        kept = np.arange(len(boxes)) != j
        boxes, gains = boxes[kept], gains[kept][:, kept]
        i -= j < i
        own = _area(boxes, halo, size)
        gains[i] = gains[:, i] = own + own[i] - _area(_around(boxes[i], boxes), halo, size)
        gains[i, i] = -1
    return boxes


def _trimmed(mask: Mask, box: Box) -> Box | None:
    """The smallest box around the set pixels within ``box``."""
    top, left, bottom, right = box
    inner = _bounds(mask[top:bottom, left:right])
    return None if inner is None else (top + inner[0], left + inner[1], top + inner[2], left + inner[3])


def cover(mask: Mask, halo: int) -> list[Box]:
    """Boxes that hold every set pixel, chosen so that they and their halos are small: strips along rows or columns."""
    side = COARSE if mask.size <= LARGE else 2 * COARSE
    squares, reach = _coarse(mask, side), -(-halo // side)
    choices = []
    for turned in (False, True):
        view = squares.T if turned else squares
        boxes = _strips(view)
        if len(boxes) > MOST_BOXES:
            boxes = np.array([_bounds(view)], dtype=np.int64)
        boxes = _merged(boxes, reach, (view.shape[0], view.shape[1]))
        choices.append(boxes[:, [1, 0, 3, 2]] if turned else boxes)
    size = squares.shape[0], squares.shape[1]
    best = min(choices, key=lambda boxes: int(_area(boxes, reach, size).sum()))
    trimmed = (_trimmed(mask, (top, left, bottom, right)) for top, left, bottom, right in (best * side).tolist())
    return [box for box in trimmed if box is not None]


@dataclass
class _Groups:
    """Boxes that are restored together: a window keeps the rows and columns of all of its boxes, and no others.

    Attributes:
        rows, columns: ``(N, steps)`` that the windows keep.
        boxes: by window.
        step: see :class:`Grain`.
    """

    rows: Mask
    columns: Mask
    boxes: list[list[Box]]
    step: int

    def joined(self, one: int) -> NDArray[np.int64]:
        """Pixels of the windows ``(N,)`` that a group would make with each."""
        rows, columns = (kept | kept[one] for kept in (self.rows, self.columns))
        return self._pixels(rows, columns)

    def alone(self) -> NDArray[np.int64]:
        """Pixels of each window ``(N,)``."""
        return self._pixels(self.rows, self.columns)

    def join(self, one: int, other: int) -> None:
        """Put the second group into the first."""
        self.rows[one] |= self.rows[other]
        self.columns[one] |= self.columns[other]
        self.rows, self.columns = (np.delete(kept, other, axis=0) for kept in (self.rows, self.columns))
        self.boxes[one] += self.boxes.pop(other)

    def _pixels(self, rows: Mask, columns: Mask) -> NDArray[np.int64]:
        height, width = (_rounded(np.count_nonzero(kept, axis=1) * self.step) for kept in (rows, columns))
        pixels: NDArray[np.int64] = height * width
        return pixels


def _rounded(size: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.maximum(SMALLEST, -(-size // SIZES) * SIZES)


def _groups(boxes: list[Box], shape: tuple[int, int], grain: Grain) -> _Groups:
    """One group a box, then joined in pairs as long as that saves pixels or a call."""
    height, width = shape
    rows = np.zeros((len(boxes), -(-height // grain.step)), dtype=bool)
    columns = np.zeros((len(boxes), -(-width // grain.step)), dtype=bool)
    for at, (top, left, bottom, right) in enumerate(boxes):
        rows[at, slice(*grain.reach(top, bottom, height))] = True
        columns[at, slice(*grain.reach(left, right, width))] = True
    groups = _Groups(rows, columns, [[box] for box in boxes], grain.step)
    never = np.iinfo(np.int64).max
    alone = groups.alone()
    costs = np.array([groups.joined(at) for at in range(len(boxes))], dtype=np.int64).reshape(len(boxes), len(boxes))
    while len(alone) > 1:
        gains = np.where(np.tri(len(alone), dtype=bool), never, costs - alone - alone[:, None])
        i, j = divmod(int(gains.argmin()), len(alone))
        if gains[i, j] > CALL:
            break
        groups.join(i, j)
        alone = groups.alone()
        costs = np.delete(np.delete(costs, j, axis=0), j, axis=1)
        costs[i] = costs[:, i] = groups.joined(i)
    return groups


def _lines(kept: Mask, size: int, step: int) -> NDArray[np.int64]:
    """The rows, or columns, of the kept steps and of as many more as a rounded size takes."""
    count = np.count_nonzero(kept)
    (rounded,) = _rounded(np.array([count * step]))
    missing = min(len(kept), -(-int(rounded) // step)) - count
    kept = kept.copy()
    free = (~kept).nonzero()[0]
    if missing > 0:
        # Next to what is kept: those are the likeliest to lie in memory that is read anyway.
        used = kept.nonzero()[0]
        distance = np.abs(free[:, None] - used[None]).min(1)
        kept[free[np.argsort(distance, kind="stable")[:missing]]] = True
    lines = (kept.nonzero()[0][:, None] * step + np.arange(step)).ravel()
    return lines[lines < size].astype(np.int64)


def windows_for(needed: Mask, grain: Grain) -> tuple[Window, ...]:
    """Windows whose boxes together hold every pixel of ``needed`` ``(H, W)``."""
    height, width = needed.shape
    groups = _groups(cover(needed, grain.halo), (height, width), grain)
    return tuple(
        Window(_lines(rows, height, grain.step), _lines(columns, width, grain.step), tuple(boxes))
        for rows, columns, boxes in zip(groups.rows, groups.columns, groups.boxes, strict=True)
    )


def runs(lines: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Ascending line numbers as (first, last + 1) of every unbroken run."""
    breaks = [0, *(np.diff(lines) != 1).nonzero()[0] + 1, len(lines)]
    return [(int(lines[a]), int(lines[b - 1]) + 1) for a, b in pairwise(breaks)]
