"""Where each pixel of a picture lay in the one before: OpenCV's DIS flow, checked forward against backward."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

SMALLEST = 16  # pixels a side that DIS needs
WHOLE = 0.25  # pixels: a flow that is so near to a whole number is one, so that pixel art stays sharp


@dataclass(frozen=True, slots=True)
class Motion:
    """Columns and rows ``(H, W)`` in the picture before, and where both flows agree on them."""

    across: Floats
    down: Floats
    sure: Mask

    def fetch(self, picture: Floats) -> Floats:
        """``picture`` ``(H, W)`` or ``(H, W, C)`` of the time before, moved onto the one now."""
        moved = cv2.remap(picture, self.across, self.down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32)


@dataclass(slots=True)
class MotionFinder:
    """Finds motion between pictures of 8-bit luma; keeps its tables for one size."""

    _method: cv2.DISOpticalFlow = field(
        default_factory=lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    )
    _grid: Floats = field(default_factory=lambda: np.zeros((0, 0, 2), np.float32))

    def __call__(self, now: Codes, before: Codes) -> Motion | None:
        """Motion from ``now`` to ``before``, both ``(H, W)``; None for pictures too small to tell."""
        height, width = now.shape
        if min(height, width) < SMALLEST:
            return None
        if self._grid.shape[:2] != now.shape:
            self._grid = np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
        back = self._flow(now, before)
        whole = np.rint(back)
        back = np.where(np.abs(back - whole) < WHOLE, whole, back)
        places = self._grid + back
        across, down = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
        forth = cv2.remap(self._flow(before, now), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
        return Motion(across, down, inside & _agree(back, np.asarray(forth)))

    def _flow(self, first: Codes, second: Codes) -> Floats:
        # The method starts from a flow that it is given, and it has to be no earlier one: results would depend on it.
        return np.asarray(self._method.calc(first, second, np.zeros((*first.shape, 2), np.float32)), np.float32)


def _agree(back: Floats, forth: Floats) -> Mask:
    """Both flows cancel (Sundaram, Brox, Keutzer 2010, equation 5)."""
    gap, length = _squared(back + forth), _squared(back) + _squared(forth)
    return np.asarray(gap <= 0.01 * length + 0.5)


def _squared(flow: Floats) -> Floats:
    """Squared length ``(H, W)`` of vectors ``(H, W, 2)``."""
    return np.asarray(np.square(flow[..., 0]) + np.square(flow[..., 1]))
