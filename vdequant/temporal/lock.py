"""Palette lock: the same stored color in the same place restores to the same value.

A network looks around each pixel, so a sprite that passes changes the values beside it a little, although nothing has
changed there. Behind a lossless codec equal stored colors in one place are known to be equal, and may be held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vdequant.temporal.base import RestoredFrame
from vdequant.temporal.cuts import CutDetector

ROUNDING = 2e-6  # by which projecting moves what is inside already
STALE = 8 / 255  # what lies behind by more is of other surroundings, where pixels are made from theirs


@dataclass
class _Held:
    """Of the last frame: its stored and its smoothed picture, and ``(1, 1, H, W)`` where nothing changed all shot."""

    y: Tensor
    value: Tensor
    untouched: Tensor


class Lock:
    """Holds values where the stored color is that of the frame before.

    Places that have not changed since the shot began are held exactly. Places that have are held with some play: in a
    scrolling shade a color stays for a while though the place moves on, and the value has to follow. So it has where
    pixels are mixed with those around, as dither is, and something else has come to lie there: an edge that has passed
    would else leave its shade behind.

    Args:
        play: how far, in [0, 1] units, a value of a place that has changed may stay behind the restorer's.
    """

    look_behind: int | None = None
    look_ahead = 0

    def __init__(self, play: float = 1 / 255) -> None:
        self.play = play
        self._cuts = CutDetector()
        self._held: _Held | None = None

    def push(self, frame: RestoredFrame) -> list[RestoredFrame]:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        held = self._held
        if self._cuts.starts_shot(frame.y) or held is None:
            everywhere = torch.ones_like(frame.y[:, :1], dtype=torch.bool)
            self._held = _Held(frame.y, frame.restored, everywhere)
            return [frame]
        if torch.equal(held.y, frame.y):
            return [replace(frame, restored=held.value)]
        value = self._smoothed(frame, held)
        self._held = _Held(frame.y, value, held.untouched)
        return [replace(frame, restored=value)]

    def flush(self) -> list[RestoredFrame]:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        self._held, self._cuts = None, CutDetector()
        return []

    def _smoothed(self, frame: RestoredFrame, held: _Held) -> Tensor:
        same = (frame.y == held.y).all(1, keepdim=True)
        held.untouched &= same
        fresh = frame.restored
        # On the line from one value to the other, for cells are convex but need not be boxes.
        behind = held.value - fresh
        distance = behind.abs().amax(1, keepdim=True)
        if not frame.pixelwise:
            held.untouched &= distance <= STALE
        share = self.play / distance.clamp(min=self.play)
        near = torch.where(share < 1, fresh + share * behind, held.value)
        value = torch.where(same, near, fresh)
        value = torch.where(held.untouched, held.value, value)
        if frame.pixelwise:
            return value  # of one stored color both values are in one cell, and all between them
        limited = frame.limited(value)
        return torch.where((limited - value).abs() <= ROUNDING, value, limited)
