"""Things shown every other frame: sprites that are meant to look transparent, and dither whose phases alternate.

        t-1   t   t+1  t+2
    ... back  S  back   S ...     stored at one pixel; a tube and an eye of those days saw the mean of both

A pixel flashes at t when it is at t + 1 what it was at t - 1, and something else between. It flickers when it flashes
again two frames later or earlier, whatever is shown then: sprites move.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.temporal.base import RestoredFrame
from vdequant.temporal.cuts import CutDetector

ALIKE = 2.5 / 255  # most that samples of one color differ behind a codec
OTHER = 7.5 / 255  # least that those of two colors differ
REACH = 3  # frames to both sides that say whether a pixel flickers


def flashes(before: Tensor, now: Tensor, after: Tensor) -> Tensor:
    """Boolean ``(1, 1, H, W)``: it is after what it was before, and something else now."""
    back = (after - before).abs().amax(1, keepdim=True) <= ALIKE
    return back & ((now - before).abs().amax(1, keepdim=True) >= OTHER)


class Returning:
    """Which pixels of each picture alternate, told by it and the three before it, without looking ahead."""

    def __init__(self) -> None:
        self._stored: list[Tensor] = []
        self._flashed: Tensor | None = None

    def restart(self, y: Tensor) -> None:
        """``y`` ``(1, 3, H, W)`` is the first picture of a shot, or the same as the one before."""
        self._stored, self._flashed = [y], None

    def __call__(self, y: Tensor) -> NDArray[np.bool_] | None:
        """Those of the next picture ``(1, 3, H, W)``, as ``(H, W)``; None: none."""
        earlier, self._flashed = self._flashed, None
        if len(self._stored) == 2:
            self._flashed = flashes(self._stored[0], self._stored[1], y)
        self._stored = [*self._stored[-1:], y]
        if earlier is None or self._flashed is None or not self._flashed.any():
            return None
        found = earlier & self._flashed
        return np.asarray(found[0, 0].cpu().numpy()) if found.any() else None


@dataclass(frozen=True, slots=True)
class _Entry:
    """A frame and the number of its shot."""

    frame: RestoredFrame
    shot: int


class Blend:
    """Shows what flickers as the mean of its two phases, and leaves everything else alone.

    The weights 1/4, 1/2, 1/4 of neighboring frames cancel whatever alternates from frame to frame. The result is not in
    the cells: no single frame was stored as it.
    """

    look_behind: int | None = REACH
    look_ahead = REACH

    def __init__(self) -> None:
        self._begin()

    def flush(self) -> list[RestoredFrame]:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        ready = [self._blended(place) for place in range(self._next, len(self._entries))]
        self._begin()
        return ready

    def _begin(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._next = 0  # of the entries, to be given out
        self._shot, self._cuts = 0, CutDetector()

    def push(self, frame: RestoredFrame) -> list[RestoredFrame]:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        self._shot += self._cuts.starts_shot(frame.y)
        self._entries.append(_Entry(frame, self._shot))
        if len(self._entries) - self._next <= REACH:
            return []
        ready = self._blended(self._next)
        self._next += 1
        if self._next > REACH:
            self._entries.popleft()
            self._next -= 1
        return [ready]

    def _blended(self, place: int) -> RestoredFrame:
        """The entry with its flickering pixels blended."""
        frame = self._entries[place].frame
        before, after = self._neighbor(place, -1), self._neighbor(place, 1)
        first, second = before or after, after or before
        if first is None or second is None:
            return frame
        flash = {step: self._flashes(place, step) for step in (-2, -1, 0, 1, 2)}
        flickers = (flash[0] & (flash[-2] | flash[2])) | (flash[-1] & (flash[1] | flash[-2])) | (flash[1] & flash[2])
        if not flickers.any():
            return frame
        mean = (first.restored + second.restored + 2 * frame.restored) / 4
        return replace(frame, restored=torch.where(flickers, mean, frame.restored))

    def _neighbor(self, place: int, step: int) -> RestoredFrame | None:
        """The frame ``step`` away if it is there and of the same shot."""
        other = place + step
        if not 0 <= other < len(self._entries) or self._entries[other].shot != self._entries[place].shot:
            return None
        return self._entries[other].frame

    def _flashes(self, place: int, step: int) -> Tensor:
        """Where the entry ``step`` away flashes; nowhere when one of its neighbors is missing or of another shot."""
        around = [self._neighbor(place, step + offset) for offset in (-1, 0, 1)]
        before, now, after = (None if frame is None else frame.y for frame in around)
        if before is None or now is None or after is None:
            return torch.zeros(1, 1, 1, 1, dtype=torch.bool, device=self._entries[place].frame.y.device)
        return flashes(before, now, after)
