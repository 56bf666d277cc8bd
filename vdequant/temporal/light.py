"""Where the light changed: a flash, a tint of the whole screen, a lamp that is switched on.

    before ──► now = a + b * before, near each place and in each color, explains what changed ──► another light

What stands still is then another picture all the same. A mean over time would hold the old one, most of all where
contrast is high, for there a codec errs by as much. Things that move do not follow one line; and where they pass, what
stands still beside them has not changed, which each pixel is asked for.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdequant.temporal.explained import vicinity_means

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

CLEAR = 8.0  # codes by which the light has to change a pixel: less may stay for a while
FITS = 0.5  # share of that by which a pixel may change otherwise
EXPLAINED = 0.7  # share of the squared change in the vicinity that has to be the light's
STEADY = 4.0  # squared codes; keeps flat places solvable


def relit(now: Floats, before: Floats) -> Mask:
    """Which pixels ``(H, W)`` the light changed between two pictures ``(3, H, W)`` in [0, 1]."""
    found = np.zeros(now.shape[1:], dtype=bool)
    for plane, old in zip(now, before, strict=True):
        found |= _relit(plane * np.float32(255), old * np.float32(255))
    return found


def _relit(now: Floats, before: Floats) -> Mask:
    """The same of one color ``(H, W)`` in codes."""
    change = now - before
    mean, meant, square, product, squares = (
        vicinity_means(x) for x in (before, change, before * before, before * change, change * change)
    )
    slope = (product - mean * meant) / (np.maximum(square - mean * mean, 0) + STEADY)
    offset = meant - slope * mean
    by_light = slope * product + offset * meant  # mean square of what the line gives, up to what keeps it steady
    share = by_light / np.maximum(squares, STEADY)
    expected = _at_full_size(slope, now.shape) * before + _at_full_size(offset, now.shape)
    fits = np.abs(change - expected) <= np.float32(FITS) * np.abs(expected)
    return np.asarray((_at_full_size(share, now.shape) >= EXPLAINED) & (np.abs(expected) >= CLEAR) & fits)


def _at_full_size(x: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    return np.asarray(cv2.resize(x, (shape[1], shape[0])), np.float32)
