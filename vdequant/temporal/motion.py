"""Where each pixel of a picture lay in the one before: OpenCV's DIS flow, checked forward against backward.

Games scroll whole layers by whole pixels, which flow finds in some places and loses in textures that repeat. So the
commonest shift of the flow is tried everywhere, and taken where it explains the picture better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Shift = tuple[int, int]  # columns, rows
Axes = tuple[Floats, ...]  # the same of each pixel: columns ``(H, W)``, rows ``(H, W)``
Picture = TypeVar("Picture", Floats, Codes)

SMALLEST = 16  # pixels a side that DIS needs
WHOLE = 0.08  # pixels: a flow that is so near to a whole number is one, so that pixel art stays sharp
CHANGED = 8  # codes by which a pixel has to change to have a say in the shift
COMMON = 0.1  # share of the changed pixels that have to agree on it
FARTHEST = 64  # pixels of a shift along each axis
AROUND = 5  # pixels a side of what has to be explained
BETTER, ROUNDING = 0.7, 0.5  # share of the flow's error that the shift's has to be under, give or take some codes


@dataclass(frozen=True, slots=True)
class Motion:
    """Columns and rows ``(H, W)`` in the picture before, and where they are sure."""

    across: Floats
    down: Floats
    sure: Mask

    def fetch(self, picture: Floats) -> Floats:
        """``picture`` ``(H, W)`` of the time before, moved onto the one now."""
        return _fetched(picture, self.across, self.down)

    def fetch_planes(self, planes: Sequence[Floats]) -> list[Floats]:
        """The same of up to four pictures ``(H, W)`` at once, which is faster."""
        merged = np.asarray(cv2.merge(planes), np.float32)
        return [np.asarray(plane, np.float32) for plane in cv2.split(_fetched(merged, self.across, self.down))]


@dataclass(slots=True)
class MotionFinder:
    """Finds motion between pictures of 8-bit luma; keeps its tables for one size."""

    _method: cv2.DISOpticalFlow = field(
        default_factory=lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    )
    _grid: Axes = field(default_factory=lambda: (np.zeros((0, 0), np.float32),) * 2)

    def __call__(self, now: Codes, before: Codes) -> Motion | None:
        """Motion from ``now`` to ``before``, both ``(H, W)``; None for pictures too small to tell."""
        height, width = now.shape
        if min(height, width) < SMALLEST:
            return None
        if self._grid[0].shape != now.shape:
            self._grid = tuple(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))
        back = self._flow(now, before)
        whole = tuple(np.rint(axis) for axis in back)
        back = tuple(np.where(np.abs(axis - near) < WHOLE, near, axis) for axis, near in zip(back, whole, strict=True))
        scrolled: Mask | None = None
        shift = _commonest_shift(now, before, whole)
        if shift is not None:
            scrolled = self._explained_by(shift, now, before, back)
            back = tuple(np.where(scrolled, np.float32(step), axis) for step, axis in zip(shift, back, strict=True))
        across, down = self._places(back)
        forth = self._flow(before, now)
        sure = _agree(back, [_fetched(axis, across, down) for axis in forth])
        if scrolled is not None:
            sure |= scrolled
        inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
        return Motion(across, down, inside & sure)

    def _flow(self, first: Codes, second: Codes) -> Axes:
        # The method starts from a flow that it is given, and it has to be no earlier one: results would depend on it.
        found = self._method.calc(first, second, np.zeros((*first.shape, 2), np.float32))
        return tuple(np.asarray(axis, np.float32) for axis in cv2.split(found))

    def _places(self, flow: Sequence[Floats | float]) -> tuple[Floats, Floats]:
        across, down = (places + np.float32(axis) for places, axis in zip(self._grid, flow, strict=True))
        return across, down

    def _explained_by(self, shift: Shift, now: Codes, before: Codes, flow: Axes) -> Mask:
        """Where a shift explains what is around a pixel clearly better than the flow, and better than none."""
        shifted, flowed = (_error(now, _fetched(before, *self._places(motion))) for motion in (shift, flow))
        return np.asarray((shifted < BETTER * flowed + ROUNDING) & (shifted < _error(now, before)))


def _commonest_shift(now: Codes, before: Codes, whole: Axes) -> Shift | None:
    """The commonest shift but none of a rounded flow where something changed; None where few agree."""
    changed = cv2.absdiff(now, before) > CHANGED
    across, down = (axis[changed] for axis in whole)
    near = (np.abs(across) <= FARTHEST) & (np.abs(down) <= FARTHEST)
    side = 2 * FARTHEST + 1
    votes = (across[near] + FARTHEST).astype(np.int64) * side + (down[near] + FARTHEST).astype(np.int64)
    counts = np.bincount(votes, minlength=side * side)
    counts[FARTHEST * side + FARTHEST] = 0
    best = int(counts.argmax())
    if counts[best] <= COMMON * len(across):
        return None
    return best // side - FARTHEST, best % side - FARTHEST


def _error(now: Codes, other: Codes) -> Floats:
    """Mean difference ``(H, W)`` around each pixel."""
    return np.asarray(cv2.blur(cv2.absdiff(now, other).astype(np.float32), (AROUND, AROUND)), np.float32)


def _fetched(picture: Picture, across: Floats, down: Floats) -> Picture:
    moved = cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, picture.dtype)


def _agree(back: Axes, forth: Sequence[Floats]) -> Mask:
    """Both flows cancel (Sundaram, Brox, Keutzer 2010, equation 5)."""
    gap = _squared([one + other for one, other in zip(back, forth, strict=True)])
    return np.asarray(gap <= 0.01 * (_squared(back) + _squared(forth)) + 0.5)


def _squared(flow: Sequence[Floats]) -> Floats:
    """Squared length ``(H, W)`` of vectors."""
    across, down = flow
    return np.asarray(np.square(across) + np.square(down))
