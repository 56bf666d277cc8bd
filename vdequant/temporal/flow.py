"""Motion-compensated recursive mean, for lossy and filmed sources.

    stored luma, now and before ─► same place? ──────► mean of all that was seen there
                                 └► moved there? ─────► mean of what was seen along the way, limited to the cell
                                 └► neither ──────────► the restorer's picture

A codec shows one place in ever other ways: coarse after a cut, refined later, with the colors of a sprite that passed.
Its luma tells whether the place is the same; then the mean over time is nearer to the truth than each picture is, and
it does not flicker. Places that stand still may leave the cell of the single frame: cells behind a codec are estimates
(the picture's colors are shared by squares of 2x2 pixels), and when those of one place contradict each other the mean
is in their hull. ``alike.py`` says what the same place is, ``motion.py`` where places moved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from vdequant.temporal.alike import MOVING, Change, Floats, alike, blurred, standing, worth_of
from vdequant.temporal.base import RestoredFrame
from vdequant.temporal.cuts import CutDetector
from vdequant.temporal.flicker import returning
from vdequant.temporal.motion import Codes, Mask, Motion, MotionFinder

LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)  # BT.601; only differences are looked at
# In 8-bit codes. Chosen on the clips that the README's figures are about, at x264 crf 25 (scripts/measure_flicker.py).
CHANGED, WORTH_FLOW = 3.0, 0.005  # share of pixels changed by more codes from which on flow is computed
NEARBY, MAY_STAND = 5, 12.0  # pixels a side in which motion is judged, by those that changed by no more codes
CLEARLY = 0.3  # codes that a neighborhood must have changed for the flow to be asked
UNCHANGED = 0.5  # codes: codecs leave what stands still alone in most frames, and little else
QUIET_RISE, QUIET_FALL = 0.15, 0.65  # quiet is learned slowly and forgotten fast: a camera may begin to move
QUIET_DOUBT = 3.0  # in the flow, where it is quiet
KNOWN = 0.5  # quiet from which on a place is known to stand still
REGION = 31  # pixels a side of a region that moves as a whole
GOING, RESTING = 0.7, 0.35  # it does where the flow leaves less of its change, and less of it is unchanged
GOING_NEAR = 0.8  # what the flow may leave of a pixel's neighborhood there, however quiet it was
MOST_CHANGE = 24.0  # codes of a pixel that count for its region
STRICTER = 1.5  # by how much limits are tighter where every frame brings changes
MOST_SEEN = 64.0  # looks after which the mean forgets
MOST_SEEN_MOVING = 3.0  # the same along the flow, whose errors add up


@dataclass
class _Before:
    """What is known of the last frame.

    Attributes:
        y, colors, luma: the stored picture in three forms.
        state: ``(H, W, 4)``: the mean in [0, 1], and how many looks it is of; those beside edges count for less.
        quiet: ``(H, W)``: in which share of the last frames a pixel was what it had been before.
        value: the smoothed picture.
    """

    y: Tensor
    colors: Floats
    luma: Floats
    state: Floats
    quiet: Floats
    value: Tensor


class Flow:
    """See the module; a recursive mean with a memory for each pixel, which is moved along with the picture."""

    look_behind: int | None = None
    look_ahead = 0

    def __init__(self) -> None:
        self._find_motion = MotionFinder()
        self.flush()

    def flush(self) -> list[RestoredFrame]:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        self._cuts = CutDetector()
        self._before: _Before | None = None
        self._stored: list[Tensor] = []
        return []

    def push(self, frame: RestoredFrame) -> list[RestoredFrame]:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        before = self._before
        if self._cuts.starts_shot(frame.y) or before is None:
            colors = _interleaved(frame.y)
            state = np.dstack([_interleaved(frame.restored), worth_of(_luma(colors))])
            self._remember(frame, frame.restored, colors, state, np.zeros_like(state[..., 3]))
            self._stored = [frame.y]
            return [frame]
        self._stored = [*self._stored[-3:], frame.y]
        if torch.equal(before.y, frame.y):
            seen = before.state[..., 3]
            np.minimum(seen + worth_of(before.luma), MOST_SEEN, out=seen)
            before.quiet = _quieter(before.quiet, np.ones_like(before.quiet))
            return [replace(frame, restored=before.value)]
        value = self._smoothed(frame, before)
        return [replace(frame, restored=value)]

    def _remember(self, frame: RestoredFrame, value: Tensor, colors: Floats, state: Floats, quiet: Floats) -> None:
        self._before = _Before(frame.y, colors, _luma(colors), state, quiet, value)

    def _smoothed(self, frame: RestoredFrame, before: _Before) -> Tensor:
        now = _now(frame)
        quiet = _quieter(before.quiet, np.abs(now.luma - before.luma) < UNCHANGED)
        strictness = np.asarray(1 + STRICTER * np.square(1 - quiet), np.float32)
        limits = standing(now.luma, before.luma, strictness, quiet > KNOWN)
        state, trust = before.state, alike(_change(now, before.colors, before.luma, before.state), limits, now.worth)
        carried = None
        if (np.abs(now.luma - before.luma) > CHANGED).mean() > WORTH_FLOW:
            motion = self._find_motion(_codes(now.luma), _codes(before.luma))
            if motion is not None:
                trust = np.where(_explains(motion, now, before, quiet), 0, trust)
                state, trust, carried = _moved(motion, now, before, trust)
        if (phases := returning(self._stored)) is not None:
            trust = np.where(phases, 0, trust)  # what alternates is kept: each phase as it is restored
        seen = state[..., 3] * trust
        share = now.worth / (seen + now.worth)
        mean = state[..., :3] + (now.fresh - state[..., :3]) * share[..., None]
        value = _planar(mean.clip(0, 1), frame.restored)
        if carried is not None and carried.any():
            value = torch.where(torch.from_numpy(carried).to(value.device), frame.limited(value), value)
            mean = _interleaved(value)
        self._remember(frame, value, now.colors, np.dstack([mean, np.minimum(seen + now.worth, MOST_SEEN)]), quiet)
        return value


@dataclass(frozen=True, slots=True)
class _Now:
    """A frame: stored colors and their luma, the restored picture, and how much a look at each pixel is worth."""

    colors: Floats
    luma: Floats
    fresh: Floats
    worth: Floats


def _now(frame: RestoredFrame) -> _Now:
    colors = _interleaved(frame.y)
    luma = _luma(colors)
    return _Now(colors, luma, _interleaved(frame.restored), worth_of(luma))


def _quieter(quiet: Floats, unchanged: Floats | Mask) -> Floats:
    """In which share of frames pixels are left alone, with one more frame."""
    return np.asarray(quiet * QUIET_FALL + unchanged * (QUIET_RISE + quiet * (1 - QUIET_RISE - QUIET_FALL)))


def _change(now: _Now, colors: Floats, luma: Floats, state: Floats) -> Change:
    """From what was stored and what is remembered, here or along the motion."""
    drifts = now.fresh - state[..., :3]
    return Change(now.luma - luma, now.colors - colors, _luma(drifts), drifts)


def _explains(motion: Motion, now: _Now, before: _Before, quiet: Floats) -> Mask:
    """Where the flow explains a neighborhood better than standing still does; clearly so where it was quiet.

    Compared with what is remembered, for a codec moves its errors along with its blocks.
    """
    fresh, remembered = _luma(now.fresh), _luma(before.state[..., :3])
    still, along = np.abs(fresh - remembered), np.abs(fresh - motion.fetch(remembered))
    change = np.abs(now.luma - before.luma)
    # Judged by those neighbors alone that may stand still: beside a moving sprite a place does not move along.
    weight = (still <= MAY_STAND).astype(np.float32)
    sums = blurred(np.dstack([weight, still * weight, along * weight]), NEARBY)
    limit = np.where(_going(still, along, change < UNCHANGED), GOING_NEAR, 1 - QUIET_DOUBT * quiet)
    return np.asarray(motion.sure & (sums[..., 1] > CLEARLY * sums[..., 0]) & (sums[..., 2] < sums[..., 1] * limit))


def _going(still: Floats, along: Floats, unchanged: Mask) -> Mask:
    """Where a whole region moves, and having been quiet says nothing any more: a camera has begun to move."""
    parts = np.dstack([np.minimum(still, MOST_CHANGE), np.minimum(along, MOST_CHANGE), unchanged.astype(np.float32)])
    region = blurred(parts, REGION)
    going = (region[..., 0] > CLEARLY) & (region[..., 1] < GOING * region[..., 0]) & (region[..., 2] < RESTING)
    return np.asarray(going)


def _moved(motion: Motion, now: _Now, before: _Before, trust: Floats) -> tuple[Floats, Floats, Mask]:
    """State and trust with those of moved places put in where nothing stands still, and which places those are."""
    state, old = motion.fetch(before.state), motion.fetch(before.colors)
    np.minimum(state[..., 3], MOST_SEEN_MOVING * now.worth, out=state[..., 3])
    along = alike(_change(now, old, _luma(old), state), MOVING, np.ones_like(now.worth))
    take = motion.sure & (trust <= 0) & (along > 0)
    return np.where(take[..., None], state, before.state), np.where(take, along, trust), take


def _luma(colors: Floats) -> Floats:
    """Luma ``(H, W)`` in codes of ``(H, W, 3)`` in [0, 1]."""
    return np.asarray(cv2.transform(np.ascontiguousarray(colors), LUMA) * 255, np.float32)


def _codes(luma: Floats) -> Codes:
    return np.rint(luma).clip(0, 255).astype(np.uint8)


def _interleaved(x: Tensor) -> Floats:
    """``(1, 3, H, W)`` as ``(H, W, 3)``."""
    return np.ascontiguousarray(x[0].permute(1, 2, 0).cpu().numpy(), np.float32)


def _planar(x: Floats, like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None].to(like)
