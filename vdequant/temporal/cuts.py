"""Where one shot ends and the next begins, told from the stored pictures without looking ahead."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

THUMB = 32  # squares of a thumbnail along the longer side
LEAST = 0.04  # mean difference of thumbnails, in [0, 1], below which there is no cut
ABOVE_USUAL = 4.0  # times the usual difference of the shot: fast motion is no cut
BINS = 32  # of luma
OVERLAP = 0.6  # of the histograms, from which on both pictures show the same place: a fast scroll, a jump of the camera
MEMORY = 0.8  # share of the usual difference that is kept a frame


class CutDetector:
    """Says of each picture whether it begins a shot. A repeated picture never does; the first always does."""

    def __init__(self) -> None:
        self._y: Tensor | None = None
        self._facts: tuple[Tensor, Tensor] | None = None
        self._usual = 0.0

    def starts_shot(self, y: Tensor) -> bool:
        """Whether the next stored picture ``(1, 3, H, W)`` in [0, 1] has nothing to do with the one before."""
        before, self._y = self._y, y
        if before is not None and before.shape == y.shape and torch.equal(before, y):
            return False
        known, self._facts = self._facts, _facts(y)
        if known is None or before is None or before.shape != y.shape:
            self._usual = 0.0
            return True
        difference = float((self._facts[0] - known[0]).abs().mean())
        overlap = float(torch.minimum(self._facts[1], known[1]).sum())
        if difference > max(LEAST, ABOVE_USUAL * self._usual) and overlap < OVERLAP:
            self._usual = 0.0
            return True
        self._usual = MEMORY * self._usual + (1 - MEMORY) * difference
        return False


def _facts(y: Tensor) -> tuple[Tensor, Tensor]:
    """A thumbnail of the picture in color, and the histogram of its luma, which sums to 1."""
    side = max(1, max(y.shape[-2:]) // THUMB)
    thumb = functional.avg_pool2d(y, side, ceil_mode=True)
    bins = (y.mean(1) * (BINS - 1)).round().long().flatten()
    return thumb, torch.bincount(bins, minlength=BINS).float() / bins.numel()
