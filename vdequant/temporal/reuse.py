"""Restore unique content once: which pixels of a frame are copied from the frame before, and which are computed.

    frame ─► unchanged in place? ─► moved by one whole shift? ─► a square seen earlier? ─► tiles for the rest
                  copy                     copy                       copy                 the network

A pixel is copied only when everything that the restorer can see from it is equal, so the result is that of restoring
every frame in full. A static overlay over a scrolling picture needs nothing of its own: it is what is unchanged in
place. Whole repeated frames never come here (see ``schedule.stages``), and so a palette that returns, by cycling or
after a fade, is found there: content is compared as colors, which is as index and palette together. A palette that is
new makes every pixel new; the planner notices that nothing can be had and rests.

A network that runs in parts gets tiles for each part, and what is between the parts is copied like the result (see
``temporal.reuse_parts``); any other restorer gets windows with all that it can see (``temporal.reuse_windows``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event

import numpy as np
from torch import Tensor

from vdequant.models.parts import Part
from vdequant.temporal.reuse_cache import SIDE, Found, SquareCache
from vdequant.temporal.reuse_parts import Copy, PartPlan, PartsPlanner, Source
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
from vdequant.temporal.reuse_worth import MEASURED, Worth

SETTLED = 0.6  # share of the changed pixels that a known shift has to explain for the search to be left out
SEARCHED = 0.08  # share of pixels that cannot stay in place, from which on shifts are looked for
SMALLEST_GAIN = 64  # pixels that one more shift must add
LITTLE = 0.01  # share of changed pixels that no shift explains, below which no other one is looked for: sprites
LEAST = 0.004  # the same of pixels for which shifts of late are tried
MOST_SHIFTS = 3  # foreground and two layers behind it
NOT_WORTH = 0.6  # share of the picture in windows from which on it is restored whole: windows cost 1.7 times theirs
PARTS_NOT_WORTH = 0.7  # the same of a network that runs in parts: its tiles cost their share
POOR = 0.7  # share from which on a frame counts as one that saved nothing
PATIENCE, LONGEST_REST = 3, 48  # poor frames in a row before resting, and frames of rest at most
LONGEST_WITHOUT = 768  # the same where reuse was measured not to pay, in which case the first rest is LONGEST_REST


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How to make one restored picture.

    Attributes:
        whole: restore all of it; of what follows, only ``kept`` and squares to keep are of use then.
        copies: pixels that come from the picture before, at a shift other than none; the rest of that picture, in
            place, is the ground that everything is put on.
        found: squares to copy from long ago, and squares to keep.
        windows: what is left to compute, where the network is run as a whole.
        parts: what to copy and to compute, by part of the network, in place of ``copies`` and ``windows``; () where
            the network is run as a whole.
        kept: of a picture that is restored whole, what is between the parts is kept for the next one.
        work: pixels that the network is given, or as many as its parts take the time of.
        new: pixels that could not be copied; ``work`` is more by their halos.
    """

    whole: bool
    work: int
    new: int
    copies: tuple[Copy, ...] = ()
    found: Found = field(default_factory=Found)
    windows: tuple[Window, ...] = ()
    parts: tuple[PartPlan, ...] = ()
    kept: bool = False
    ready: Event = field(default_factory=Event)


class _Rest:
    """Leaves frames alone for a while after some that saved nothing, and for longer the more often that happens."""

    def __init__(self, worth: Worth) -> None:
        self.left, self._poor, self._length = 0, 0, PATIENCE
        self._worth, self._without = worth, LONGEST_REST

    def taken(self) -> bool:
        """Whether this frame is one to leave alone."""
        self.left = max(0, self.left - 1)
        return self.left > 0

    def learn(self, share: float) -> None:
        """From the share of a frame that had to be computed."""
        if not self._worth.pays():
            self._worth.ask_again()
            self.left, self._without = self._without, min(LONGEST_WITHOUT, 2 * self._without)
        elif self._worth.wants_whole(share):
            self.left = MEASURED + 1
        elif share < POOR:
            self._poor, self._length = 0, PATIENCE
        else:
            self._poor += 1
            if self._poor >= PATIENCE:
                self._length = min(LONGEST_REST, 2 * self._length)
                self.left = self._length


class Planner:
    """Is given the native pictures of a clip in order and plans each. Used by one thread.

    Args:
        grain: the restorer's halo, and the step in which its layers and the quantizer's patterns repeat.
        parts: those of the restorer, where it has any and ``step`` is 1.
        worth: knows what frames took; left out, none did.
    """

    def __init__(self, grain: Grain, parts: tuple[Part, ...] = (), worth: Worth | None = None) -> None:
        self.grain = grain
        self._parts = PartsPlanner(parts)
        self._search = ShiftSearch(grain.step)
        self._cache = SquareCache(grain.halo) if SIDE % grain.step == 0 else None
        self._rest = _Rest(worth or Worth())
        self._before: tuple[Tensor, Digests] | None = None

    def plan(self, y: Tensor, digests: Digests | None = None) -> FramePlan:
        """Plan the next picture ``(1, 3, H, W)`` float32; ``digests`` of its pixels where the caller has some."""
        height, width = y.shape[-2:]
        if self._rest.taken():
            self._before = None
            return FramePlan(True, height * width, height * width)
        digests, before = pixel_digests(y) if digests is None else digests, self._before
        self._before = y, digests
        plan = None
        if before is not None and before[1].shape == digests.shape:
            plan = self._compare(y, digests, *before)
            self._rest.learn(1.0 if plan is None else plan.work / digests.size)
        if plan is None:
            self._parts.restart()
            kept = not self._rest.left and self._parts.fit((height, width))
            plan = FramePlan(True, height * width, height * width, kept=kept)
        return plan

    def _compare(self, y: Tensor, digests: Digests, before: Tensor, old: Digests) -> FramePlan | None:
        """A plan, or None if it is cheaper to restore all."""
        parted = self._parts.fit((digests.shape[0], digests.shape[1]))
        sources = [Source(STILL, equal_pixels(digests, old, STILL))]
        seen = [self._known(sources[0], parted)]
        known = seen[0][-1].copy()
        copies = []
        moving = np.count_nonzero(known) < (1 - SEARCHED) * known.size
        for source in self._shifts(y, digests, before, old, ~sources[0].equal) if moving else ():
            masks = self._known(source, parted)
            fresh = masks[-1] & ~known
            if np.count_nonzero(fresh) < SMALLEST_GAIN:
                break
            known |= fresh
            sources.append(source)
            seen.append(masks)
            copies.append(Copy(source.shift, fresh))
            self._search.remember(source.shift)
        needed, ready = ~known, Event()
        if self._cache is not None and copies:
            self._cache.follow(copies[0].shift)
        if np.count_nonzero(needed) > (PARTS_NOT_WORTH if parted else NOT_WORTH) * needed.size:
            return None
        found = self._cache.look_up(digests, needed, ready) if self._cache is not None else Found()
        if parted:
            return self._in_parts(sources, seen, needed, found, ready)
        return self._in_windows(tuple(copies), needed, found, ready)

    def _known(self, source: Source, parted: bool) -> list[Mask]:
        """Which pixels can be copied, by part of the network, the restored ones last."""
        if parted:
            return self._parts.known(source)
        return [reusable_pixels(source.equal, source.shift, self.grain.halo)]

    def _in_parts(
        self, sources: list[Source], seen: list[list[Mask]], needed: Mask, found: Found, ready: Event
    ) -> FramePlan:
        plans = self._parts.plan(sources, seen, needed)
        share, all_of_it = self._parts.share(plans, needed.size), needed.size
        if share > PARTS_NOT_WORTH:
            self._parts.restart()
            return FramePlan(True, all_of_it, all_of_it, found=Found(keeps=found.keeps), kept=True, ready=ready)
        work, new = round(share * all_of_it), int(np.count_nonzero(needed))
        return FramePlan(False, work, new, found=found, parts=plans, ready=ready)

    def _in_windows(self, copies: tuple[Copy, ...], needed: Mask, found: Found, ready: Event) -> FramePlan | None:
        windows = windows_for(needed, self.grain)
        work = sum(window.pixels for window in windows)
        if work > NOT_WORTH * needed.size and not found.hits and not found.keeps:
            return None
        if work > NOT_WORTH * needed.size:
            windows = (_everything(needed),)
            work = needed.size
        return FramePlan(False, work, int(np.count_nonzero(needed)), copies, found, windows, ready=ready)

    def _shifts(self, y: Tensor, digests: Digests, before: Tensor, old: Digests, changed: Mask) -> Iterator[Source]:
        """The shifts that explain changed pixels, best first."""
        used: list[Shift] = []
        candidates, searched = list(self._search.latest), False
        while (left := np.count_nonzero(changed)) > LEAST * changed.size and len(used) < MOST_SHIFTS:
            shift, share = STILL, 0.0
            if candidates:
                shift, share = self._search.best(candidates, digests, old, changed)
            if share < SETTLED and left > LITTLE * changed.size and not searched:
                searched = True
                taken = (STILL, *used, *candidates)
                candidates += [peak for peak in self._search.peaks(y, before) if peak not in taken]
                continue
            if shift == STILL or share <= 0:
                break
            candidates.remove(shift)
            used.append(shift)
            moved = equal_pixels(digests, old, shift)
            yield Source(shift, moved)
            changed &= ~moved


def _everything(needed: Mask) -> Window:
    height, width = needed.shape
    return Window(np.arange(height), np.arange(width), ((0, 0, height, width),))
