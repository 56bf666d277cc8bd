"""Where did the content of a picture come from? Whole-pixel shifts from the picture before, and what they explain.

Pictures are compared as digests, one 64-bit number a pixel, made from the bits of its three samples. A pixel may be
copied when everything that the restorer sees around it is equal, the picture's own borders included.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Mask = NDArray[np.bool_]
Digests = NDArray[np.integer[Any]]  # equal where pixels are
Shift = tuple[int, int]  # pixel (y, x) of this picture was at (y + first, x + second) of the one before

STILL: Shift = (0, 0)
MIDDLE = 256, 320  # height and width of the part in the middle by which shifts are found
FARTHEST = 96  # pixels a frame
DENSE = 64_000  # pixels; of larger pictures not every row and column is looked at
SEEN = 600  # changed pixels at which a shift is judged
PEAKS = 6  # of the phase correlation that are verified
# Odd and irregular: digests of different colors are different for all but one pair in 2**64.
WEIGHTS = (0x2C1B3C6D4F6A9B35, 0x1D8E4E27C47D124F, 0x5851F42D4C957F2D)


def pixel_digests(y: Tensor) -> Digests:
    """``(H, W)`` int64 of a picture ``(1, 3, H, W)`` float32: equal where all three samples are, bit for bit."""
    bits = y[0].cpu().contiguous().view(torch.int32)
    total = bits[0].long() * WEIGHTS[0]
    for plane, weight in zip(bits[1:], WEIGHTS[1:], strict=True):
        total.add_(plane.long() * weight)
    result: Digests = total.numpy()
    return result


def code_digests(planes: Sequence[Tensor]) -> Digests:
    """The same, ``(H, W)`` uint32, of the three planes of 8 bits that a picture was made from, pixel by pixel."""
    red, green, blue = (plane.numpy() for plane in planes)
    merged: Digests = cv2.merge([red, green, blue, np.zeros_like(red)]).view(np.uint32)[..., 0]
    return merged


def overlap(size: int, moved: int) -> tuple[slice, slice]:
    """Along one axis: the part of this picture whose source lies in the one before, and that source."""
    first, last = max(0, -moved), min(size, size - moved)
    return slice(first, max(first, last)), slice(first + moved, max(first, last) + moved)


def equal_pixels(now: Digests, before: Digests, shift: Shift) -> Mask:
    """Which pixels are those of the picture before, shifted; False where that lies outside."""
    if shift == STILL:
        return np.asarray(now == before)
    equal = np.zeros(now.shape, dtype=bool)
    (here_y, there_y), (here_x, there_x) = (overlap(size, by) for size, by in zip(now.shape, shift, strict=True))
    equal[here_y, here_x] = now[here_y, here_x] == before[there_y, there_x]
    return equal


def reusable_pixels(equal: Mask, shift: Shift, halo: int) -> Mask:
    """Which pixels have equal ones all around, ``halo`` far.

    What lies beyond a border is equal as well as long as there is no movement across that border.
    """
    seen: NDArray[Any] = equal.view(np.uint8)
    if bool(shift[0]) == bool(shift[1]):
        around = _box(2 * halo + 1, 2 * halo + 1)
        border = [0.0 if shift[0] else 1.0]
        return cv2.erode(seen, around, borderType=cv2.BORDER_CONSTANT, borderValue=border).view(np.bool_)
    for axis, moved in enumerate(shift):
        line = _box(2 * halo + 1, 1) if axis == 0 else _box(1, 2 * halo + 1)
        seen = cv2.erode(seen, line, borderType=cv2.BORDER_CONSTANT, borderValue=[0.0 if moved else 1.0])
    return seen.view(np.bool_)


@lru_cache(maxsize=64)
def _box(height: int, width: int) -> NDArray[np.uint8]:
    return np.ones((height, width), dtype=np.uint8)


def _spectrum(y: Tensor) -> Tensor:
    top, left = (max(0, size - most) // 2 for size, most in zip(y.shape[-2:], MIDDLE, strict=True))
    luma: Tensor = y[0, :, top : top + MIDDLE[0], left : left + MIDDLE[1]].sum(0)
    spectrum: Tensor = torch.fft.rfft2(luma - luma.mean())
    return spectrum


class ShiftSearch:
    """Finds the shifts that explain most of what changed: candidates by phase correlation, then exact comparison.

    Kuglin and Hines 1975, "The phase correlation image alignment method": the inverse transform of the normalized
    cross-power spectrum of two pictures peaks at the shift between them.

    Args:
        step: shifts are multiples of this.
    """

    def __init__(self, step: int = 1) -> None:
        self.step = step
        self.latest: list[Shift] = []
        self._seen: tuple[Tensor, Tensor] | None = None  # a picture and its transform

    def peaks(self, now: Tensor, before: Tensor) -> list[Shift]:
        """The likeliest shifts between two pictures ``(1, 3, H, W)``."""
        height, width = (min(size, most) for size, most in zip(now.shape[-2:], MIDDLE, strict=True))
        # The picture before was this one the last time: its transform is still there.
        old = self._seen[1] if self._seen is not None and self._seen[0] is before else _spectrum(before)
        new = _spectrum(now)
        self._seen = now, new
        cross = old * new.conj()
        surface = torch.fft.irfft2(cross / (cross.abs() + 1e-3), s=(height, width))
        found = []
        for place in surface.flatten().topk(min(PEAKS, surface.numel())).indices.tolist():
            down, across = divmod(place, width)
            shift = down - height * (2 * down > height), across - width * (2 * across > width)
            if max(map(abs, shift)) <= FARTHEST and not any(part % self.step for part in shift):
                found.append(shift)
        return found

    def best(self, candidates: list[Shift], now: Digests, before: Digests, changed: Mask) -> tuple[Shift, float]:
        """The candidate that explains the largest share of the ``changed`` pixels, seen at some of them."""
        apart = max(1, int((changed.size / DENSE) ** 0.5))
        seen = changed[::apart, ::apart]
        places = np.flatnonzero(seen)
        places = places[:: max(1, len(places) // SEEN)]
        rows, columns = (line * apart for line in np.divmod(places, seen.shape[1]))
        if len(rows) == 0:
            return candidates[0], 0.0
        wanted = now[rows, columns]
        shares = []
        for down, across in candidates:
            y, x = rows + down, columns + across
            # Negative numbers are very large ones without a sign. Places outside are some pixel here, and left out.
            inside = (y.view(np.uint64) < now.shape[0]) & (x.view(np.uint64) < now.shape[1])
            same = before.take(y * now.shape[1] + x, mode="clip") == wanted
            shares.append(np.count_nonzero(same & inside) / len(rows))
        top = int(np.argmax(shares))
        return candidates[top], shares[top]

    def remember(self, shift: Shift) -> None:
        """Put a shift that was of use first among those that are tried next time."""
        self.latest = [shift, *(old for old in self.latest if old != shift)][:3]
