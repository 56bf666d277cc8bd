"""Motion-compensated recursive mean, for lossy and filmed sources.

    stored luma, now and before ─► same place? ──────► mean of all that was seen there
                                 └► moved there? ─────► mean of what was seen along the way, limited to the cell
                                 └► neither ──────────► the restorer's picture

A codec shows one place in ever other ways: coarse after a cut, refined later, with the colors of a sprite that passed.
Its luma tells whether the place is the same; then the mean over time is nearer to the truth than each picture is, and
it does not flicker. Places that stand still may leave the cell of the single frame: cells behind a codec are estimates
(the picture's colors are shared by squares of 2x2 pixels), and when those of one place contradict each other the mean
is in their hull.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from vdequant.temporal.base import RestoredFrame
from vdequant.temporal.cuts import CutDetector
from vdequant.temporal.flicker import returning
from vdequant.temporal.motion import Codes, Floats, Mask, Motion, MotionFinder

LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)  # BT.601; only differences are looked at
# All in 8-bit codes. Found on clips of games behind x264 at crf 23 to 28, see scripts/measure_flicker.py.
MOST_LUMA = 12.0  # a pixel whose luma differs by more shows something else
MOST_MEAN = 4.0  # by which the luma of a whole neighborhood may differ
MOST_COLOR = 24.0  # the same of its color, which the codec keeps less well
MOST_PIXEL = 60.0  # the same of the color of a single pixel: things of one luma differ by more
MOVED_LUMA, MOVED_MEAN, MOVED_COLOR = 5.0, 1.5, 8.0  # the same along the flow, which errs
NEAR, FAR = 5, 9  # pixels a side of the neighborhoods for luma, and for color
FEWEST_ALIKE = 0.35  # share of a neighborhood that has to be alike: less is chance
CHANGED, WORTH_FLOW = 3.0, 0.005  # share of pixels changed by more codes from which on flow is computed
CLEARLY = 0.3  # codes that a neighborhood must have changed for the flow to be asked
UNCHANGED = 0.5  # codes: codecs leave what stands still alone in most frames, and little else
QUIET_RISE, QUIET_FALL = 0.15, 0.65  # quiet is learned slowly and forgotten fast: a camera may begin to move
QUIET_DOUBT = 3.0  # in the flow, where it is quiet
STRICTER = 1.0  # by how much limits are tighter where every frame brings changes
MOST_SEEN = 64.0  # frames after which the mean forgets
MOST_SEEN_MOVING = 3.0  # the same along the flow, whose errors add up


@dataclass
class _Before:
    """What is known of the last frame.

    Attributes:
        y, colors, luma: the stored picture in three forms.
        state: ``(H, W, 4)``: the mean in [0, 1], and how many frames it is of.
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
            state = np.dstack([_interleaved(frame.restored), np.ones(frame.y.shape[-2:], np.float32)])
            self._remember(frame, frame.restored, _interleaved(frame.y), state, np.zeros_like(state[..., 3]))
            self._stored = [frame.y]
            return [frame]
        self._stored = [*self._stored[-3:], frame.y]
        if torch.equal(before.y, frame.y):
            return [replace(frame, restored=before.value)]
        value = self._smoothed(frame, before)
        return [replace(frame, restored=value)]

    def _remember(self, frame: RestoredFrame, value: Tensor, colors: Floats, state: Floats, quiet: Floats) -> None:
        self._before = _Before(frame.y, colors, _luma(colors), state, quiet, value)

    def _smoothed(self, frame: RestoredFrame, before: _Before) -> Tensor:
        colors, fresh = _interleaved(frame.y), _interleaved(frame.restored)
        luma = _luma(colors)
        state, change = before.state, luma - before.luma
        unchanged = (np.abs(change) < UNCHANGED).astype(np.float32)
        quiet = before.quiet * QUIET_FALL + unchanged * (QUIET_RISE + before.quiet * (1 - QUIET_RISE - QUIET_FALL))
        trust = _alike(change, colors - before.colors, fresh - state[..., :3], STANDING, 1 + STRICTER * (1 - quiet))
        carried = None
        if (np.abs(change) > CHANGED).mean() > WORTH_FLOW:
            motion = self._find_motion(_codes(luma), _codes(before.luma))
            if motion is not None:
                trust = np.where(_explains(motion, luma, before.luma, quiet), 0, trust)
                state, trust, carried = _moved(motion, luma, colors, fresh, before, trust)
        if (phases := returning(self._stored)) is not None:
            trust = np.where(phases, 0, trust)  # what alternates is kept: each phase as it is restored
        seen = state[..., 3] * trust
        mean = state[..., :3] + (fresh - state[..., :3]) / (seen + 1)[..., None]
        value = _planar(mean.clip(0, 1), frame.restored)
        if carried is not None and carried.any():
            value = torch.where(torch.from_numpy(carried).to(value.device), frame.limited(value), value)
            mean = _interleaved(value)
        self._remember(frame, value, colors, np.dstack([mean, np.minimum(seen + 1, MOST_SEEN)]), quiet)
        return value


def _explains(motion: Motion, luma: Floats, before: Floats, quiet: Floats) -> Mask:
    """Where the flow explains the change of a neighborhood better than standing still does; clearly so where quiet."""
    still, along = np.abs(luma - before), np.abs(luma - motion.fetch(before))
    # Judged by those neighbors alone that may stand still: beside a moving sprite a place does not move along.
    weight = (still <= MOST_LUMA).astype(np.float32)
    sums = _blurred(np.dstack([weight, still * weight, along * weight]), NEAR)
    count = sums[..., 0]
    return np.asarray(
        motion.sure & (sums[..., 1] > CLEARLY * count) & (sums[..., 2] < sums[..., 1] * (1 - QUIET_DOUBT * quiet))
    )


def _moved(
    motion: Motion, luma: Floats, colors: Floats, fresh: Floats, before: _Before, trust: Floats
) -> tuple[Floats, Floats, Mask]:
    """State and trust with those of moved places put in where nothing stands still, and which places those are."""
    state, old = motion.fetch(before.state), motion.fetch(before.colors)
    np.minimum(state[..., 3], MOST_SEEN_MOVING, out=state[..., 3])
    along = _alike(luma - _luma(old), colors - old, fresh - state[..., :3], MOVING)
    take = motion.sure & (trust <= 0) & (along > 0)
    return np.where(take[..., None], state, before.state), np.where(take, along, trust), take


@dataclass(frozen=True, slots=True)
class _Limits:
    """By how much, in 8-bit codes, two looks at the same place may differ."""

    luma: float
    mean: float
    color: float


STANDING = _Limits(MOST_LUMA, MOST_MEAN, MOST_COLOR)
MOVING = _Limits(MOVED_LUMA, MOVED_MEAN, MOVED_COLOR)


def _alike(
    luma: Floats, colors: Floats, remembered: Floats, limits: _Limits, strictness: Floats | float = 1.0
) -> Floats:
    """How sure it is that each pixel shows what it showed, in [0, 1].

    Args:
        luma, colors: how much the stored picture has changed, ``(H, W)`` in codes and ``(H, W, 3)`` in [0, 1].
        remembered: how far the restored picture is from the mean, ``(H, W, 3)`` in [0, 1].
        limits: from which on it is another place.
        strictness: by which limits of neighborhoods are divided, ``(H, W)`` or one number.
    """
    drift = _luma(remembered)
    alike = (np.abs(luma) <= limits.luma) & (np.abs(drift) <= limits.luma)
    other = np.maximum(_largest(np.dstack([luma, colors])), _largest(np.dstack([luma, remembered]))) * 255
    alike &= other <= MOST_PIXEL
    weight = alike.astype(np.float32)
    # Neighbors that show something else are left out, so that a place beside a moving sprite is not mistaken for it.
    near = _blurred(np.dstack([weight, luma * weight, drift * weight]), NEAR)
    far = _blurred(np.dstack([weight, colors * (255 * weight)[..., None]]), FAR)
    count, many = np.maximum(near[..., 0], 1e-3), np.maximum(far[..., 0], 1e-3)
    by_luma = _largest(near) / count / limits.mean
    by_color = _largest(far) / many / limits.color
    trust = np.clip(2 - 2 * strictness * np.maximum(by_luma, by_color), 0, 1)
    return np.asarray(np.where(alike & (far[..., 0] >= FEWEST_ALIKE), trust, 0), np.float32)


def _blurred(x: Floats, side: int) -> Floats:
    """Mean over ``side`` x ``side`` pixels of ``(H, W, C)``."""
    return np.asarray(cv2.blur(x, (side, side)), np.float32)


def _largest(x: Floats) -> Floats:
    """Largest size ``(H, W)`` over the channels of ``(H, W, C)`` after the first."""
    # Plane by plane: numpy is slow at taking the maximum of a few neighbors in memory.
    found = np.abs(x[..., 1])
    for channel in range(2, x.shape[-1]):
        np.maximum(found, np.abs(x[..., channel]), out=found)
    return found


def _luma(colors: Floats) -> Floats:
    """Luma ``(H, W)`` in codes of ``(H, W, 3)`` in [0, 1]."""
    return np.asarray(cv2.transform(colors, LUMA) * 255, np.float32)


def _codes(luma: Floats) -> Codes:
    return np.rint(luma).clip(0, 255).astype(np.uint8)


def _interleaved(x: Tensor) -> Floats:
    """``(1, 3, H, W)`` as ``(H, W, 3)``."""
    return np.ascontiguousarray(x[0].permute(1, 2, 0).cpu().numpy(), np.float32)


def _planar(x: Floats, like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None].to(like)
