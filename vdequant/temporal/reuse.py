"""Restore unique content once: which pixels of a frame are copied from the frame before, and which are computed.

    frame ─► unchanged in place? ─► moved by one whole shift? ─► a square seen earlier? ─► windows for the rest
                  copy                     copy                       copy                  the network

A pixel is copied only when everything that the restorer can see from it is equal, so the result is that of restoring
every frame in full. A static overlay over a scrolling picture needs nothing of its own: it is what is unchanged in
place. Whole repeated frames never come here (see ``schedule.stages``), and so a palette that returns, by cycling or
after a fade, is found there: content is compared as colors, which is as index and palette together. A palette that is
new makes every pixel new; the planner notices that nothing can be had and rests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event

import numpy as np
from torch import Tensor

from vdequant.temporal.reuse_cache import SIDE, Found, SquareCache
from vdequant.temporal.reuse_shifts import (
    STILL,
    Digests,
    Mask,
    Shift,
    ShiftSearch,
    equal_pixels,
    pixel_digests,
    reusable_pixels,
)
from vdequant.temporal.reuse_windows import Grain, Window, windows_for

SETTLED = 0.6  # share of the changed pixels that a known shift has to explain for the search to be left out
SEARCHED = 0.08  # share of pixels that cannot stay in place, from which on shifts are looked for
SMALLEST_GAIN = 64  # pixels that one more shift must add
LITTLE = 0.01  # share of changed pixels that no shift explains, below which they are left to the network: sprites
MOST_SHIFTS = 3  # foreground and two layers behind it
NOT_WORTH = 0.6  # share of the picture in windows from which on it is restored whole: windows cost 1.7 times theirs
POOR = 0.6  # share from which on a frame counts as one that saved nothing
PATIENCE, LONGEST_REST = 3, 48  # poor frames in a row before resting, and frames of rest at most


@dataclass(frozen=True, slots=True)
class Copy:
    """Pixels to take from the restored picture before: that at (y + shift[0], x + shift[1]), where ``mask`` is set."""

    shift: Shift
    mask: Mask


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How to make one restored picture.

    Attributes:
        whole: restore all of it; nothing below is used then.
        copies: pixels that come from the picture before, at a shift other than none; the rest of that picture, in
            place, is the ground that everything is put on.
        found: squares to copy from long ago, and squares to keep.
        windows: what is left to compute.
        work: pixels that the network is given.
        new: pixels that could not be copied; ``work`` is more by their halos.
    """

    whole: bool
    work: int
    new: int
    copies: tuple[Copy, ...] = ()
    found: Found = field(default_factory=Found)
    windows: tuple[Window, ...] = ()
    ready: Event = field(default_factory=Event)


class _Rest:
    """Leaves frames alone for a while after some that saved nothing, and for longer the more often that happens."""

    def __init__(self) -> None:
        self.left, self._poor, self._length = 0, 0, PATIENCE

    def taken(self) -> bool:
        """Whether this frame is one to leave alone."""
        self.left = max(0, self.left - 1)
        return self.left > 0

    def learn(self, share: float) -> None:
        """From the share of a frame that had to be computed."""
        if share < POOR:
            self._poor, self._length = 0, PATIENCE
            return
        self._poor += 1
        if self._poor >= PATIENCE:
            self._length = min(LONGEST_REST, 2 * self._length)
            self.left = self._length


class Planner:
    """Is given the native pictures of a clip in order and plans each. Used by one thread.

    Args:
        grain: the restorer's halo, and the step in which its layers and the quantizer's patterns repeat.
    """

    def __init__(self, grain: Grain) -> None:
        self.grain = grain
        self._search = ShiftSearch(grain.step)
        self._cache = SquareCache(grain.halo) if SIDE % grain.step == 0 else None
        self._rest = _Rest()
        self._before: tuple[Tensor, Digests] | None = None

    def plan(self, y: Tensor) -> FramePlan:
        """Plan the next picture ``(1, 3, H, W)`` float32."""
        height, width = y.shape[-2:]
        whole = FramePlan(True, height * width, height * width)
        if self._rest.taken():
            self._before = None
            return whole
        digests, before = pixel_digests(y), self._before
        self._before = y, digests
        if before is None or before[1].shape != digests.shape:
            return whole
        plan = self._compare(y, digests, *before)
        self._rest.learn(1.0 if plan is None else plan.work / whole.work)
        return whole if plan is None else plan

    def _compare(self, y: Tensor, digests: Digests, before: Tensor, old: Digests) -> FramePlan | None:
        """A plan, or None if it is cheaper to restore all."""
        equal = equal_pixels(digests, old, STILL)
        known = reusable_pixels(equal, STILL, self.grain.halo)
        copies = []
        moving = 1 - known.mean() > SEARCHED
        for shift, mask in self._shifts(y, digests, before, old, ~equal) if moving else ():
            fresh = mask & ~known
            if int(fresh.sum()) < SMALLEST_GAIN:
                break
            known |= fresh
            copies.append(Copy(shift, fresh))
            self._search.remember(shift)
        needed, ready = ~known, Event()
        if self._cache is not None and copies:
            self._cache.follow(copies[0].shift)
        if needed.mean() > NOT_WORTH:
            return None
        found = self._cache.look_up(digests, needed, ready) if self._cache is not None else Found()
        windows = windows_for(needed, self.grain)
        work = sum(window.pixels for window in windows)
        if work > NOT_WORTH * needed.size and not found.hits and not found.keeps:
            return None
        if work > NOT_WORTH * needed.size:
            windows = (_everything(needed),)
            work = needed.size
        return FramePlan(False, work, int(needed.sum()), tuple(copies), found, windows, ready)

    def _shifts(
        self, y: Tensor, digests: Digests, before: Tensor, old: Digests, changed: Mask
    ) -> Iterator[tuple[Shift, Mask]]:
        """The shifts that explain changed pixels, best first, each with the pixels that it can give."""
        used: list[Shift] = []
        candidates, searched = list(self._search.latest), False
        while changed.mean() > LITTLE and len(used) < MOST_SHIFTS:
            shift, share = STILL, 0.0
            if candidates:
                shift, share = self._search.best(candidates, digests, old, changed)
            if share < SETTLED and not searched:
                searched = True
                taken = (STILL, *used, *candidates)
                candidates += [peak for peak in self._search.peaks(y, before) if peak not in taken]
                continue
            if shift == STILL or share <= 0:
                break
            candidates.remove(shift)
            used.append(shift)
            moved = equal_pixels(digests, old, shift)
            yield shift, reusable_pixels(moved, shift, self.grain.halo)
            changed &= ~moved


def _everything(needed: Mask) -> Window:
    height, width = needed.shape
    return Window(np.arange(height), np.arange(width), ((0, 0, height, width),))
