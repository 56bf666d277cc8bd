"""Tells earlier frames what later ones showed: the backward half of a mean over time.

    means, in order        m1 ──► m2 ──► m3 ──► m4    each knows what came before it
    what is given out      v1 ◄── v2 ◄── v3 ◄── m4    v = m + trust * (v of the next frame - m)

Without it the first looks at a place flicker until its mean has settled. ``trust`` is the share of the memory of a
place that outlived the step to the next frame; as gain of the backward step it makes this the smoother of Rauch, Tung
and Striebel (AIAA Journal 3(8), 1965) for a value that wanders, over a window that moves along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vdequant.temporal.base import RestoredFrame

AHEAD, BLOCK = 32, 16  # frames that are looked ahead at least, and frames that come out together
MOST_PIXELS = 6_000_000  # of all frames held, about 250 MB: large pictures are looked ahead less, or not
SOURCE = 8  # pixels of a source's frame, which waits along, that take as much memory as one restored


@dataclass(frozen=True, slots=True)
class _Held:
    """A frame, its mean ``value`` ``(1, 3, H, W)``, and the ``trust`` ``(H, W)`` with which that took over from the
    frame before; None where the two show the same.
    """

    frame: RestoredFrame
    value: Tensor
    trust: Tensor | None


class LookAhead:
    """Holds frames back until enough later ones are there. Used by one smoother, which says where shots begin.

    Args:
        ahead: frames that are looked ahead; 0 holds none back.
        block: frames that come out together: each costs one step back for every ``ahead / block + 1`` of them.
    """

    def __init__(self, ahead: int = AHEAD, block: int = BLOCK) -> None:
        self.ahead, self.block = ahead, block if ahead else 1
        self._held: list[_Held] = []

    @property
    def most(self) -> int:
        """Frames after a given one that have to be pushed before it comes out, at most."""
        return self.ahead + self.block - 1

    def begin(self, frame: RestoredFrame, value: Tensor) -> list[RestoredFrame]:
        """The first frame of a shot; what was held of the shot before comes out, too."""
        return [*self.flush(), *self.push(frame, value, None)]

    def push(self, frame: RestoredFrame, value: Tensor, trust: Tensor | None) -> list[RestoredFrame]:
        """The next frame and its mean; the frames that are ready now, in order.

        Args:
            frame: as it was given.
            value: its mean ``(1, 3, H, W)``.
            trust: ``(H, W)`` in [0, 1], float32, on the same device: how far a place's mean is that of the frame
                before, gone on with; None when nothing at all has changed.
        """
        self._held.append(_Held(frame, value, trust))
        ahead, block = self._sizes(frame.y.shape[-2] * frame.y.shape[-1] + frame.source_pixels // SOURCE)
        return self._taken(block) if len(self._held) >= ahead + block else []

    def flush(self) -> list[RestoredFrame]:
        """All that are left."""
        return self._taken(len(self._held))

    def _sizes(self, pixels: int) -> tuple[int, int]:
        """Frames to look ahead, and to give out together, for pictures of so many pixels."""
        room = MOST_PIXELS // pixels
        if room >= self.ahead + self.block:
            return self.ahead, self.block
        block = max(1, room * self.block // (self.ahead + self.block))
        return max(0, min(self.ahead, room - block)), block

    def _taken(self, count: int) -> list[RestoredFrame]:
        """The first ``count`` of those held, which are let go."""
        ready: list[RestoredFrame] = []
        later = value = None
        for at, now in reversed([*enumerate(self._held)]):
            if later is None or value is None:
                value = now.value
            elif later.trust is not None:
                value = torch.lerp(now.value, value, later.trust)
            later = now
            if at < count:
                ready.append(replace(now.frame, restored=value))
        del self._held[:count]
        return ready[::-1]
