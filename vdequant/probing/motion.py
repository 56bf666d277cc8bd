"""Does the picture repeat, and does it scroll by whole pixels?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vdequant.probing.views import View

MOST_PAIRS = 120  # of changed pictures that are searched for a shift
CANDIDATES = 4  # peaks of the phase correlation that are verified
LARGEST = 32  # pixels of a shift
GAIN = 0.1  # share of the changed pixels that a shift must explain beyond standing still


def find_shift(before: View, after: View) -> tuple[int, int]:
    """The whole-pixel shift ``(down, right)`` of most of a picture, (0, 0) when there is none.

    Peaks of the phase correlation are verified by counting the pixels that are exactly what they were.
    """
    spectrum = np.fft.rfft2(after.luma) * np.conj(np.fft.rfft2(before.luma))
    plane = np.fft.irfft2(spectrum / np.maximum(np.abs(spectrum), 1e-6), s=before.luma.shape)
    height, width = plane.shape
    best, best_share = (0, 0), _explained(before.colors, after.colors, 0, 0) + GAIN
    for place in np.argpartition(plane.ravel(), -CANDIDATES)[-CANDIDATES:].tolist():
        down, right = divmod(place, width)
        down, right = (down + height // 2) % height - height // 2, (right + width // 2) % width - width // 2
        if (down, right) == (0, 0) or max(abs(down), abs(right)) > LARGEST:
            continue
        share = _explained(before.colors, after.colors, down, right)
        if share > best_share:
            best, best_share = (down, right), share
    return best


def _explained(before: NDArray[np.int32], after: NDArray[np.int32], down: int, right: int) -> float:
    """Share of the structured pixels that are what lay ``(down, right)`` away before."""
    height, width = after.shape
    top, left = max(0, down), max(0, right)
    bottom, end = height + min(0, down), width + min(0, right)
    new = after[top:bottom, left:end]
    old = before[top - down : bottom - down, left - right : end - right]
    structured = np.zeros(new.shape, np.bool_)
    structured[:, 1:] |= new[:, 1:] != new[:, :-1]
    structured[1:] |= new[1:] != new[:-1]
    return float((new == old)[structured].mean()) if structured.any() else 0.0


@dataclass
class Motion:
    """Counts over runs of consecutive views; ``start()`` begins a run."""

    frames: int = 0
    pairs: int = 0
    repeated: int = 0
    changed: int = 0
    searched: int = 0
    shifts: Counter[tuple[int, int]] = field(default_factory=Counter)
    _before: View | None = None

    def start(self) -> None:
        """The next view has nothing to do with the last one."""
        self._before = None

    def push(self, view: View, every: int = 1) -> bool:
        """Take the next view, search every ``every``-th change; True when it differs from the one before."""
        before, self._before = self._before, view
        self.frames += 1
        if before is None or before.colors.shape != view.colors.shape:
            return True
        self.pairs += 1
        if np.array_equal(before.colors, view.colors):
            self.repeated += 1
            return False
        self.changed += 1
        if self.searched < MOST_PAIRS and self.changed % every == 0 and min(view.colors.shape) > 16:
            self.searched += 1
            shift = find_shift(before, view)
            if shift != (0, 0):
                self.shifts[shift] += 1
        return True

    @property
    def repeated_share(self) -> float:
        """Share of the frames that are exactly the frame before."""
        return self.repeated / self.pairs if self.pairs else 0.0

    @property
    def scroll_share(self) -> float:
        """Share of the changed frames that are mostly the frame before, moved by whole pixels."""
        return sum(self.shifts.values()) / self.searched if self.searched else 0.0
