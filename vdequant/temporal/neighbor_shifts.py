"""By which whole pixels a noisy frame, or parts of it, have moved; unlike for reuse, nothing has to be equal.

Stored values are compared as means over 4x4 pixels, in which noise and the usual patterns of dither vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vdequant.temporal.motion import Floats

Shift = tuple[int, int]  # pixel (y, x) of a frame is at (y + first, x + second) of its neighbor

MEAN = 4  # pixels a side of the means in which noise and the usual patterns vanish
NEAR = 9  # pixels a side over which differences are judged
CLEARLY = 0.5  # of the cost: from which on a place moves otherwise than most of the picture
TRIED, PEAKS = 6, 2  # of the phase correlation: shifts that are compared, and those that places may choose from
BLUR = 0.15  # cycles a pixel up to which the phase correlation looks, about
MIDDLE = 256, 320  # height and width of the part in the middle by which shifts are found
FARTHEST = 64  # pixels between two frames
APART = 4  # pixels between those at which shifts are compared
MOST_COST = 0.1**2  # of a pixel: beyond, it shows something else by all means
EACH = np.ones((1, 3), np.float32)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601; only differences are looked at
STILL: Shift = (0, 0)
TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A stored picture as its neighbors look at it; made by :func:`view`.

    Attributes:
        y: the picture ``(1, 3, H, W)`` in [0, 1].
        means: of it over 4x4 pixels, ``(H, W, 3)``.
        spectrum: of the luma of those in the middle.
    """

    y: Tensor
    means: Floats
    spectrum: NDArray[np.complex64]


def view(y: Tensor) -> View:
    """See :class:`View`."""
    means = mean_over(np.ascontiguousarray(y[0].permute(1, 2, 0).cpu().numpy(), np.float32), MEAN)
    height, width = _middle(means.shape)
    top, left = (means.shape[0] - height) // 2, (means.shape[1] - width) // 2
    luma = means[top : top + height, left : left + width] @ LUMA
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    spectrum = np.fft.rfft2((luma - luma.mean()) * window).astype(np.complex64)
    return View(y, means, spectrum)


def _middle(shape: Sequence[int]) -> tuple[int, int]:
    return min(shape[0], MIDDLE[0]), min(shape[1], MIDDLE[1])


def mean_over(x: Floats, side: int) -> Floats:
    """Mean over ``side`` x ``side`` pixels of ``(H, W)`` or ``(H, W, C)``."""
    return np.asarray(cv2.blur(x, (side, side)), np.float32)


def energy_of(x: Floats) -> Floats:
    """``(H, W)``: sum of the squares over the channels of ``(H, W, 3)``, its mean over a neighborhood."""
    return mean_over(dot(x, x), NEAR)


def dot(a: Floats, b: Floats) -> Floats:
    """Sum of the products over the channels of ``(H, W, 3)``, ``(H, W)``."""
    return np.asarray(cv2.transform(a * b, EACH), np.float32)


def _overlap(shape: Sequence[int], shift: Shift) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of a frame that its neighbor, shifted, shows as well, and where that lies in the neighbor."""
    here, there = [], []
    for size, moved in zip(shape, shift, strict=False):
        first, last = max(0, -moved), max(max(0, -moved), min(size, size - moved))
        here.append(slice(first, last))
        there.append(slice(first + moved, last + moved))
    return (here[0], here[1]), (there[0], there[1])


def likely_shifts(now: View, other: View) -> list[Shift]:
    """Shifts by which parts of the picture have moved, the one of most of it first.

    Peaks of the phase correlation (Kuglin and Hines 1975) and standing still, compared at some pixels.
    """
    height, width = _middle(now.means.shape)
    cross = other.spectrum * now.spectrum.conj()
    squared = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width)[None] ** 2
    plane = np.fft.irfft2(cross / (np.abs(cross) + TINY) * np.exp(-squared / (2 * BLUR**2)), s=(height, width))
    still = _cost(now, other, STILL)
    costs = {STILL: still}
    count = min(TRIED, plane.size - 1)
    for place in np.argpartition(plane.ravel(), -count)[-count:].tolist():
        down, across = divmod(place, width)
        shift = down - height * (2 * down > height), across - width * (2 * across > width)
        if max(map(abs, shift)) <= FARTHEST:
            costs[shift] = _cost(now, other, shift, still)
    best = sorted(costs, key=lambda shift: costs[shift])[: PEAKS + 1]
    return best if STILL in best else [*best[:PEAKS], STILL]


def _cost(now: View, other: View, shift: Shift, outside: float = MOST_COST) -> float:
    """How little the means are alike under a shift; ``outside``: what a pixel costs that the neighbor does not show."""
    here, there = _overlap(now.means.shape, shift)
    step = slice(None, None, APART)
    moved = other.means[there][step, step] - now.means[here][step, step]
    if moved.size == 0:
        return outside
    cost = np.minimum(np.square(moved).sum(-1), MOST_COST)
    seen = np.prod([part.stop - part.start for part in here]) / now.means[..., 0].size
    return float(cost.mean() * seen + outside * (1 - seen))


def chosen_shifts(now: View, other: View) -> tuple[list[Shift], NDArray[np.int8]]:
    """Likely shifts, and which of them each pixel takes: the first unless another one is far better; -1: none.

    Where the first leads out of the picture, something else has come in.
    """
    shifts = likely_shifts(now, other)
    best = np.zeros(now.means.shape[:2], np.float32)
    chosen = np.full(best.shape, -1, np.int8)
    for number, shift in enumerate(shifts):
        here, there = _overlap(best.shape, shift)
        if best[here].size == 0:
            continue
        cost = energy_of(np.ascontiguousarray(other.means[there] - now.means[here]))
        if number == 0:
            best[here], chosen[here] = cost * CLEARLY, 0
            continue
        better = cost < best[here]
        best[here] = np.where(better, cost, best[here])
        chosen[here] = np.where(better, number, chosen[here])
    return shifts, chosen


def moved_by(picture: Floats, instead: Floats, shifts: list[Shift], chosen: NDArray[np.int8]) -> Floats:
    """``picture`` by those shifts, and ``instead`` where that lies outside."""
    result = instead.copy()
    for number, shift in enumerate(shifts):
        here, there = _overlap(picture.shape, shift)
        wanted = chosen[here] == number
        if number == 0:  # most of it; the rest is overwritten below
            result[here] = picture[there]
        elif wanted.any():
            result[here][wanted] = picture[there][wanted]
    return result
