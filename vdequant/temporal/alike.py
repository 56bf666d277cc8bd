"""Whether a place shows what it showed: a new look at it against what is remembered of it.

A codec errs little where a picture is flat and much beside edges, and most in color: 4:2:0 keeps one color for each
square of 2x2 pixels, which beside an edge is a mixture of both sides. So limits are wider where contrast is high, color
may differ there by more than luma tells, and such looks count for less in a mean than those at flat surroundings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# In 8-bit codes. Chosen on the clips that the README's figures are about, at x264 crf 25 (scripts/measure_flicker.py).
LEAST_LUMA, MOST_LUMA = 6.0, 24.0  # a pixel whose luma differs by more shows something else: in flat places, at most
LUMA_BY_CONTRAST = 0.2  # how fast the one grows to the other
LEAST_COLOR, MOST_COLOR = 60.0, 120.0  # the same of its color, which grows as contrast does
LEAST_BLED, BLED_BY_LUMA = 16.0, 1.0  # no more at once than so much, and so many times the luma that changed nearby
MEAN_LUMA, MEAN_COLOR = 0.5, 20.0  # by which whole neighborhoods may differ: shares of the luma limit, and codes
MOVED_LUMA, MOVED_MEAN, MOVED_COLOR, MOVED_PIXEL = 5.0, 0.3, 8.0, 60.0  # the same along a flow, which errs
NEXT, MIXED = 3, 5  # pixels a side: where contrast makes luma err, and where edges reach in color
NEAR, FAR = 5, 9  # of the neighborhoods for luma, and for color
FEWEST_ALIKE = 0.35  # share of a neighborhood that has to be alike: less is chance
HELD = 7 / 9  # share of a square of 3x3 pixels that has to be, unless the place is known to stand still
HALVED = 64.0  # contrast at which a look counts half


@dataclass(frozen=True, slots=True)
class Change:
    """What differs: ``luma`` ``(H, W)`` in codes and ``colors`` ``(3, H, W)`` in [0, 1] of the stored picture, and how
    far the restored picture is from the mean, ``drift`` ``(H, W)`` in codes and ``drifts`` ``(3, H, W)`` in [0, 1].
    """

    luma: Floats
    colors: Floats
    drift: Floats
    drifts: Floats


@dataclass(frozen=True, slots=True)
class Limits:
    """By how much two looks at the same place may differ.

    Attributes:
        luma, color: of a pixel, ``(H, W)`` or one number, in codes.
        bled: of a pixel's color at once, ``(H, W)`` or one number, in codes.
        mean_luma: of a neighborhood, as a share of ``luma``.
        mean_color: of a neighborhood, in codes.
        strictness: by which those of neighborhoods are divided, ``(H, W)`` or one number.
        known: ``(H, W)`` where pixels need no neighbors that are alike, too; None: nowhere does it matter.
    """

    luma: Floats | float
    color: Floats | float
    bled: Floats | float
    mean_luma: float
    mean_color: float
    strictness: Floats | float = 1.0
    known: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Edges:
    """Largest difference of luma near each pixel ``(H, W)``, in codes: within ``NEXT`` and within ``MIXED`` pixels."""

    next: Floats
    mixed: Floats


MOVING = Limits(MOVED_LUMA, MOVED_PIXEL, MOVED_PIXEL, MOVED_MEAN, MOVED_COLOR)


def edges_of(luma: Floats) -> Edges:
    """Those of ``luma`` ``(H, W)`` in codes."""
    return Edges(contrast(luma, NEXT), contrast(luma, MIXED))


def standing(now: Edges, before: Edges, step: Floats, strictness: Floats, known: NDArray[np.bool_]) -> Limits:
    """Limits for places that may stand still, by the edges of both stored pictures, and by how much luma changed."""
    # What stands still has its edges in both pictures. Colors that bled here are left in either.
    luma = np.minimum(now.next, before.next)
    luma *= LUMA_BY_CONTRAST
    luma += LEAST_LUMA
    color = np.maximum(now.mixed, before.mixed)
    color += LEAST_COLOR
    np.minimum(luma, MOST_LUMA, out=luma)
    np.minimum(color, MOST_COLOR, out=color)
    # Color bleeds from what passes nearby, and that is seen in its luma.
    bled = np.asarray(cv2.dilate(step, np.ones((MIXED, MIXED), np.uint8)), np.float32)
    bled *= BLED_BY_LUMA
    bled += LEAST_BLED
    return Limits(luma, color, bled, MEAN_LUMA, MEAN_COLOR, strictness, known)


def alike(change: Change, limits: Limits, worth: Floats) -> Floats:
    """How sure it is that each pixel shows what it showed, in [0, 1].

    Args:
        change: see there.
        limits: see there.
        worth: how far each pixel's color is to be believed, see :func:`worth_of`.
    """
    same = (np.abs(change.luma) <= limits.luma) & (np.abs(change.drift) <= limits.luma)
    same &= _largest(change.colors) * 255 <= np.minimum(limits.color, limits.bled)
    same &= _largest(change.drifts) * 255 <= limits.color
    if limits.known is not None:
        same &= _held(same) | limits.known
    weight = same.astype(np.float32)
    # Neighbors that show something else are left out, so that a place beside a moving sprite is not mistaken for it.
    share = np.asarray(weight / limits.luma, np.float32)
    by_luma = _mean_size((change.luma, change.drift), share, blurred(weight, NEAR), NEAR)
    believed = weight * worth
    by_color = _mean_size((*change.colors, *change.drifts), believed * np.float32(255), blurred(believed, FAR), FAR)
    by_luma /= limits.mean_luma
    by_color /= limits.mean_color
    trust = np.maximum(by_luma, by_color)
    trust *= -2 * limits.strictness
    trust += 2
    np.clip(trust, 0, 1, out=trust)
    trust[~same | (blurred(weight, FAR) < FEWEST_ALIKE)] = 0
    return trust


def _mean_size(changes: Iterable[Floats], weight: Floats, weights: Floats, side: int) -> Floats:
    """Largest size ``(H, W)`` of the weighted means of ``changes`` ``(H, W)`` over neighborhoods."""
    found = _largest([blurred(change * weight, side) for change in changes])
    found /= np.maximum(weights, 1e-3)
    return found


def worth_of(edges: Edges) -> Floats:
    """How much a look at each pixel ``(H, W)`` is worth, in (0, 1]: little beside edges, where color is a mixture."""
    return np.asarray(1 / (1 + np.square(edges.mixed / HALVED)), np.float32)


def contrast(luma: Floats, side: int) -> Floats:
    """Largest difference within ``side`` x ``side`` pixels around each of ``(H, W)``."""
    square = np.ones((side, side), np.uint8)
    return np.asarray(cv2.dilate(luma, square) - cv2.erode(luma, square), np.float32)


def blurred(x: Floats, side: int) -> Floats:
    """Mean over ``side`` x ``side`` pixels of ``(H, W)``."""
    return np.asarray(cv2.blur(x, (side, side)), np.float32)


def _held(same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a pixel lies in some square of 3x3 pixels that are nearly all alike: single ones are so by chance."""
    core = cv2.blur(same.astype(np.float32), (3, 3)) >= HELD - 1e-3
    return np.asarray(cv2.dilate(core.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _largest(planes: Floats | Sequence[Floats]) -> Floats:
    """Largest size ``(H, W)`` over ``planes`` ``(C, H, W)``."""
    found = np.abs(planes[0])
    for plane in planes[1:]:
        np.maximum(found, np.abs(plane), out=found)
    return np.asarray(found, np.float32)
