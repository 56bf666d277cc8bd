"""Motion-compensated recursive mean, for lossy and filmed sources.

    stored luma, now and before ─► same place? ──────► mean of all that was seen there
                                 └► moved there? ─────► mean of what was seen along the way, limited to the cell
                                 └► neither ──────────► the restorer's picture

A codec shows one place in ever other ways: coarse after a cut, refined later, with the colors of a sprite that passed.
Its luma tells whether the place is the same; then the mean over time is nearer to the truth than each picture is, and
it does not flicker. Places that stand still may leave the cell of the single frame: cells behind a codec are estimates
(the picture's colors are shared by squares of 2x2 pixels), and when those of one place contradict each other the mean
is in their hull. ``alike.py`` says what the same place is, ``motion.py`` where places moved.

A slow change is no error of a codec: a camera that moves by parts of a pixel, a sky that turns, a fade. Where that is
what changed (``explained.py``) and a region does not rest, nothing is taken to stand still; and where whole
surroundings drift off the mean by more than a codec errs there, the mean follows. Where the light changes at once, as
when a game tints the screen, the mean begins anew (``light.py``).

What later frames show of a place that stands still is told to the earlier ones (``looking_ahead.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from vdequant.temporal.alike import MOVING, Change, Edges, Floats, alike, blurred, edges_of, standing, worth_of
from vdequant.temporal.base import RestoredFrame
from vdequant.temporal.cuts import CutDetector
from vdequant.temporal.explained import explained
from vdequant.temporal.flicker import Returning
from vdequant.temporal.light import relit
from vdequant.temporal.looking_ahead import AHEAD, LookAhead
from vdequant.temporal.motion import Codes, Mask, Motion, MotionFinder

LUMA = np.array([0.299, 0.587, 0.114], np.float32) * np.float32(255)  # BT.601, in codes; only differences count
# In 8-bit codes. Chosen on the clips that the README's figures are about, at x264 crf 25 (scripts/measure_flicker.py),
# and on moving photos at crf 10 to 27 (as scripts/measure_camera.py makes them).
CHANGED, WORTH_FLOW = 3.0, 0.005  # share of pixels changed by more codes from which on flow is computed
WORTH_LIGHT = 0.1  # the same from which on the light may have changed
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
RESTS, RESTS_SURELY = 0.2, 0.4  # share of quiet in a region from which on some of it, and all, may stand still
BY_NOISE, BY_MOVEMENT = 0.06, 0.12  # share of a change explained by movement or light: by chance at most, and clearly
COARSE, SURROUNDINGS = 4, 5  # pixels a side of a coarser picture's, and its pixels a side whose drift the mean follows
DRIFT_BY_CONTRAST = 0.14  # share of the surroundings' contrast that a drift has to exceed
DRIFT_BY_NOISE = 0.58  # codes that it has to exceed besides where 1 code is noise; as the square root of that
SMOOTH = 16.0  # contrast at which what moved by parts of a pixel, and was interpolated, counts half
MANY = 0.1  # share of a picture from which on it is faster to project all of it
BETWEEN = 0.01  # pixels off a whole number of them from which on a place lies between
STRICTER = 1.5  # by how much limits are tighter where every frame brings changes
TELLS, TELLS_NOTHING = 40.0, 80.0  # codes of a change up to which the frame before is told all, and from which nothing
MOST_SEEN = 64.0  # looks after which the mean forgets
MOST_SEEN_MOVING = 3.0  # the same along the flow, whose errors add up


@dataclass(frozen=True, slots=True)
class _Look:
    """A frame as it came, and what is asked of it more than once.

    Attributes:
        y: the stored picture.
        colors, luma: ``(3, H, W)`` in [0, 1] and ``(H, W)`` in codes, of the stored picture.
        fresh: ``(3, H, W)`` of the restored one.
        judged: ``(3, H, W)``, of which a mean is kept, too, to tell what stands still by: ``fresh``, or ``colors``
            where restored pictures are doubtful.
        edges: of the luma.
        worth: ``(H, W)``, how much a look at each pixel is worth.
    """

    y: Tensor
    colors: Floats
    luma: Floats
    fresh: Floats
    judged: Floats
    edges: Edges
    worth: Floats


@dataclass
class _Before:
    """What is known of the last frame.

    Attributes:
        look: the frame.
        mean, judged: means ``(3, H, W)`` in [0, 1] of what was restored, and of what is judged by.
        seen: of how many looks ``(H, W)``; those beside edges count for less.
        quiet: ``(H, W)``: in which share of the last frames a pixel was what it had been before.
        value: the smoothed picture, as far as this frame and earlier ones tell.
    """

    look: _Look
    mean: Floats
    judged: Floats
    seen: Floats
    quiet: Floats
    value: Tensor


class Flow:
    """See the module; a recursive mean with a memory for each pixel, which is moved along with the picture.

    Args:
        ahead: frames that are looked ahead at, see :class:`~vdequant.temporal.looking_ahead.LookAhead`.
    """

    look_behind: int | None = None

    def __init__(self, ahead: int = AHEAD) -> None:
        self._find_motion, self._later = MotionFinder(), LookAhead(ahead)
        self.flush()

    @property
    def look_ahead(self) -> int:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        return self._later.most

    def flush(self) -> list[RestoredFrame]:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        self._cuts, self._returning = CutDetector(), Returning()
        self._before: _Before | None = None
        return self._later.flush()

    def push(self, frame: RestoredFrame) -> list[RestoredFrame]:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        before = self._before
        if self._cuts.starts_shot(frame.y) or before is None:
            look = _look(frame)
            self._before = _Before(look, look.fresh, look.judged, look.worth, np.zeros_like(look.luma), frame.restored)
            self._returning.restart(frame.y)
            return self._later.begin(frame, frame.restored)
        if torch.equal(before.look.y, frame.y):
            self._returning.restart(frame.y)  # nothing that stands still for two frames alternates
            before.seen = np.minimum(before.seen + before.look.worth, MOST_SEEN)
            before.quiet = _quieter(before.quiet, np.ones_like(before.quiet))
            return self._later.push(frame, before.value, None)
        self._before, told = self._smoothed(frame, before, self._returning(frame.y))
        return self._later.push(frame, self._before.value, torch.from_numpy(told).to(self._before.value))

    def _smoothed(self, frame: RestoredFrame, before: _Before, phases: Mask | None) -> tuple[_Before, Floats]:
        """The frame with its mean, and how much of that ``(H, W)`` the frame before may be told."""
        now = _look(frame)
        step = np.abs(now.luma - before.look.luma)
        quiet = _quieter(before.quiet, step < UNCHANGED)
        strictness = np.asarray(1 + STRICTER * np.square(1 - quiet), np.float32)
        limits = standing(now.edges, before.look.edges, step, strictness, quiet > KNOWN)
        mean, judged, seen = before.mean, before.judged, before.seen
        trust = alike(_change(now, before.look.colors, before.look.luma, judged), limits, now.worth)
        if frame.certain is not None:  # then another color is another thing, however near it is
            trust[_planes_differ(now.colors, before.look.colors) & frame.certain(frame.y)[0, 0].cpu().numpy()] = 0
        trust *= _rests(now.luma, before.look.luma, quiet, step)
        carried, changed = None, float((step > CHANGED).mean())
        if changed > WORTH_LIGHT:
            trust[relit(now.colors, before.look.colors)] = 0
        if changed > WORTH_FLOW:
            motion = self._find_motion(_codes(now.luma), _codes(before.look.luma))
            if motion is not None:
                trust[_explains(motion, now, before, quiet, step)] = 0
                mean, judged, seen, trust, carried = _moved(motion, now, before, trust)
        if phases is not None:
            trust[phases] = 0  # what alternates is kept: each phase as it is restored
        seen = seen * trust
        share = now.worth / (seen + now.worth)
        judged, drifting = _followed(judged + (now.judged - judged) * share, now)
        judged = np.clip(judged, 0, 1)
        mean = judged if now.judged is now.fresh else np.clip(mean + (now.fresh - mean) * share, 0, 1)
        value = torch.from_numpy(mean)[None].to(frame.restored)
        if carried is not None and carried.any():
            value = _limited(value, frame, torch.from_numpy(carried).to(value.device))
            mean = _planes(value)
        told = trust * _tells(now, before.look)
        told[drifting if carried is None else drifting | carried] = 0
        judged = mean if now.judged is now.fresh else judged
        return _Before(now, mean, judged, np.minimum(seen + now.worth, MOST_SEEN), quiet, value), told


class LiveFlow(Flow):
    """The same for what plays: no frame waits for a later one."""

    def __init__(self) -> None:
        super().__init__(ahead=0)


def _look(frame: RestoredFrame) -> _Look:
    colors = _planes(frame.y)
    luma = _luma(colors)
    edges = edges_of(luma)
    fresh = _planes(frame.restored)
    return _Look(frame.y, colors, luma, fresh, colors if frame.doubtful else fresh, edges, worth_of(edges))


def _limited(value: Tensor, frame: RestoredFrame, where: Tensor) -> Tensor:
    """``value`` moved into the frame's cells ``where`` ``(H, W)`` says so."""
    if not frame.pixelwise or where.float().mean() > MANY:
        return torch.where(where, frame.limited(value), value)
    some = replace(frame, y=frame.y[..., where][:, :, None], restored=frame.restored[..., where][:, :, None])
    value[..., where] = some.limited(value[..., where][:, :, None])[:, :, 0]
    return value


def _quieter(quiet: Floats, unchanged: Floats | Mask) -> Floats:
    """In which share of frames pixels are left alone, with one more frame."""
    return np.asarray(quiet * QUIET_FALL + unchanged * (QUIET_RISE + quiet * (1 - QUIET_RISE - QUIET_FALL)))


def _rests(now: Floats, before: Floats, quiet: Floats, step: Floats) -> Floats:
    """How sure it is ``(H, W)`` that a region stands still: most of it is quiet, or what changed is noise."""
    rests = (blurred(quiet, REGION) - RESTS) / np.float32(RESTS_SURELY - RESTS)
    if rests.min() < 1:
        by_chance = BY_MOVEMENT - explained(now, before, step < MAY_STAND)
        np.maximum(rests, by_chance / np.float32(BY_MOVEMENT - BY_NOISE), out=rests)
    return np.asarray(rests.clip(0, 1), np.float32)


def _tells(now: _Look, before: _Look) -> Floats:
    """How far ``(H, W)`` each pixel's color says that it is the same.

    What is taken for color that bled may be another thing: it shows late that it is one, but must not be seen early.
    """
    jump = np.abs(now.colors - before.colors).max(0) * np.float32(255)
    return np.asarray(((TELLS_NOTHING - jump) / np.float32(TELLS_NOTHING - TELLS)).clip(0, 1), np.float32)


def _followed(mean: Floats, now: _Look) -> tuple[Floats, Mask]:
    """``mean`` moved toward the look where its surroundings drift, never past it; and where they do ``(H, W)``."""
    gaps, drifting = now.judged - mean, np.zeros(now.luma.shape, dtype=bool)
    by_edges = _around(now.edges.mixed) * np.float32(DRIFT_BY_CONTRAST / 255)
    for plane, gap in zip(mean, gaps, strict=True):
        drift = _around(gap)
        noise = np.maximum(_around(np.abs(gap - drift)), 0)
        least = by_edges + np.sqrt(noise) * np.float32(DRIFT_BY_NOISE / 255**0.5)
        np.copysign(np.maximum(np.abs(drift) - least, 0), drift, out=drift)
        drifting |= drift != 0
        plane += np.clip(drift, np.minimum(gap, 0), np.maximum(gap, 0))
    return mean, drifting


def _around(plane: Floats) -> Floats:
    height, width = plane.shape
    size = max(width // COARSE, 1), max(height // COARSE, 1)
    coarse: Floats = np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
    coarse = blurred(blurred(coarse, SURROUNDINGS), SURROUNDINGS)  # twice: one blur alone turns fine waves around
    return np.asarray(cv2.resize(coarse, (width, height)), np.float32)


def _change(now: _Look, colors: Floats, luma: Floats, mean: Floats) -> Change:
    """From what was stored and what is remembered, here or along the motion."""
    drifts = now.judged - mean
    return Change(now.luma - luma, now.colors - colors, _luma(drifts), drifts)


def _explains(motion: Motion, now: _Look, before: _Before, quiet: Floats, step: Floats) -> Mask:
    """Where the flow explains a neighborhood better than standing still does; clearly so where it was quiet.

    Compared with what is remembered, for a codec moves its errors along with its blocks. ``step``: by how much each
    pixel's luma changed.
    """
    fresh, remembered = _luma(now.judged), _luma(before.judged)
    still, along = np.abs(fresh - remembered), np.abs(fresh - motion.fetch(remembered))
    # Judged by those neighbors alone that may stand still: beside a moving sprite a place does not move along.
    weight = (still <= MAY_STAND).astype(np.float32)
    near, by_still, by_along = (blurred(x, NEARBY) for x in (weight, still * weight, along * weight))
    limit = np.where(_going(still, along, step < UNCHANGED), np.float32(GOING_NEAR), 1 - QUIET_DOUBT * quiet)
    return np.asarray(motion.sure & (by_still > CLEARLY * near) & (by_along < by_still * limit))


def _going(still: Floats, along: Floats, unchanged: Mask) -> Mask:
    """Where a whole region moves, and having been quiet says nothing any more: a camera has begun to move."""
    parts = (np.minimum(still, MOST_CHANGE), np.minimum(along, MOST_CHANGE), unchanged.astype(np.float32))
    by_still, by_along, resting = (blurred(part, REGION) for part in parts)
    return np.asarray((by_still > CLEARLY) & (by_along < GOING * by_still) & (resting < RESTING))


def _moved(motion: Motion, now: _Look, before: _Before, trust: Floats) -> tuple[Floats, Floats, Floats, Floats, Mask]:
    """Means, looks and trust, with those of moved places where nothing stands still; and which places those are."""
    *means, seen = motion.fetch_planes([*before.mean, before.seen])
    mean, old = np.stack(means), np.stack(motion.fetch_planes([*before.look.colors]))
    judged = mean if before.judged is before.mean else np.stack(motion.fetch_planes([*before.judged]))
    along = alike(_change(now, old, _luma(old), judged), MOVING, np.ones_like(now.worth))
    # Between pixels a picture is a guess, which repeated would blur it.
    between = np.maximum(np.abs(motion.across - np.rint(motion.across)), np.abs(motion.down - np.rint(motion.down)))
    np.divide(along, 1 + np.square(now.edges.mixed / SMOOTH), out=along, where=between > BETWEEN)
    take = motion.sure & (trust <= 0) & (along > 0)
    np.copyto(mean, before.mean, where=~take)
    if judged is not mean:
        np.copyto(judged, before.judged, where=~take)
    seen = np.where(take, np.minimum(seen, MOST_SEEN_MOVING * now.worth), before.seen)
    return mean, judged, seen, np.where(take, along, trust), take


def _planes_differ(one: Floats, other: Floats) -> Mask:
    """Where colors ``(3, H, W)`` are not the same."""
    return np.asarray((one[0] != other[0]) | (one[1] != other[1]) | (one[2] != other[2]))


def _luma(colors: Floats) -> Floats:
    """Luma ``(H, W)`` in codes of ``(3, H, W)`` in [0, 1]."""
    red, green, blue = colors
    luma = red * LUMA[0]
    luma += green * LUMA[1]
    luma += blue * LUMA[2]
    return np.asarray(luma, np.float32)


def _codes(luma: Floats) -> Codes:
    return np.rint(luma).clip(0, 255).astype(np.uint8)


def _planes(x: Tensor) -> Floats:
    """``(1, 3, H, W)`` as ``(3, H, W)``."""
    return np.ascontiguousarray(x[0].cpu().numpy(), np.float32)
