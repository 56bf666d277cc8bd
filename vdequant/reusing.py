"""Carries out the plans of ``temporal.reuse``: frames are planned in order and put together on worker threads.

    decode thread, in order:   native picture ─► plan ─┐
    worker threads:            windows ─► network ─► wait for the frame before ─► copy, paste ─► ending

The native result of a frame is complete before the ending, which finishes it, or hands it on to a smoother as it is.
Nobody may write into it: the next frame copies from it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from math import lcm

import torch
from torch import Tensor

from vdequant.frame_work import (
    Ending,
    Recipe,
    Restored,
    Taken,
    cells_of,
    finish,
    restore_native,
    restore_planes,
    take_native,
)
from vdequant.frames import Frame
from vdequant.quantizers.palette import PaletteCells
from vdequant.quantizers.pattern_cells import PatternCells
from vdequant.quantizers.snapping import MixedCells
from vdequant.quantizers.threshold import SlabCells
from vdequant.quantizers.uniform import BoxCells
from vdequant.temporal.reuse import FramePlan, Planner
from vdequant.temporal.reuse_shifts import Mask, Shift, overlap
from vdequant.temporal.reuse_windows import Box, Grain, Window

PROBED = 64  # pixels a side of a picture whose cells are looked at
LARGEST_HALO = 64  # beyond, windows are mostly halo
# Cells that bind single pixels. Those of dithered pictures are moved into place in rounds that look at the whole
# picture, and those that come in blocks see as far as their blocks.
SINGLE = (BoxCells, MixedCells, PaletteCells, PatternCells, SlabCells)


def grain_of(recipe: Recipe) -> Grain | None:
    """How pictures may be cut for reuse; None where a result depends on more than what lies within the halo."""
    needs = recipe.restorer.needs
    some = torch.zeros(1, 3, PROBED, PROBED)
    if not isinstance(cells_of(recipe, some), SINGLE) or needs.halo > LARGEST_HALO or needs.min_size > 1:
        return None
    return Grain(needs.halo, lcm(needs.align, needs.multiple_of, recipe.quantizer.period))


def _planes(frame: Frame) -> tuple[Tensor, ...]:
    return tuple(plane[None] for plane in frame.planes)


def _cut(y: Tensor, window: Window) -> Tensor:
    rows, columns = torch.from_numpy(window.rows), torch.from_numpy(window.columns)
    return y.index_select(-2, rows).index_select(-1, columns)


def _part(x: Tensor, box: Box) -> Tensor:
    top, left, bottom, right = box
    return x[..., top:bottom, left:right]


@dataclass(eq=False)
class Job:
    """A frame on its way; ``native`` becomes its restored native picture ``(1, 3, H, W)``."""

    taken: Taken
    plan: FramePlan
    native: Future[Tensor]
    before: Future[Tensor] | None
    certify: bool


class ReusingWork:
    """Turns frames into results like ``restore_planes``, and computes only what is new.

    Args:
        recipe: what decides a result.
        grain: see :func:`grain_of`; None plans nothing and restores everything.
        certify_every: one of so many planned frames is certified.
        ending: what becomes of restored native pictures.
    """

    def __init__(self, recipe: Recipe, grain: Grain | None, certify_every: int, ending: Ending = finish) -> None:
        self.recipe, self.certify_every, self.ending = recipe, certify_every, ending
        self.frames = 0
        self.computed = self.new = self.full = 0  # pixels: given to the network, not copied, and all there are
        self._grain = grain
        self._planner = None if grain is None else Planner(grain)
        self._before: Future[Tensor] | None = None

    def restart(self) -> None:
        """Forget what was seen: the next frame is the first of a segment."""
        self.frames, self._before = 0, None
        if self._grain is not None:
            self._planner = Planner(self._grain)

    def shares(self) -> tuple[float, float]:
        """Pixels that the network was given, and pixels that could not be copied, over all of the planned frames."""
        return (self.computed / self.full, self.new / self.full) if self.full else (1.0, 1.0)

    def plan(self, frame: Frame) -> Callable[[], Restored]:
        """Plan a frame; what is returned restores it. Called in order, by one thread."""
        certify = self.frames % self.certify_every == 0
        self.frames += 1
        if self._planner is None:
            planes = _planes(frame)
            return partial(restore_planes, self.recipe, planes, frame.layout, certify=certify, ending=self.ending)
        return partial(self.run, self._job(frame, self._planner, certify=certify))

    def _job(self, frame: Frame, planner: Planner, *, certify: bool) -> Job:
        taken = take_native(self.recipe, _planes(frame), frame.layout)
        plan = planner.plan(taken.y)
        self.computed += plan.work
        self.new += plan.new
        self.full += taken.y.shape[-2] * taken.y.shape[-1]
        job = Job(taken, plan, Future(), None if plan.whole else self._before, certify)
        self._before = job.native
        return job

    def run(self, job: Job) -> Restored:
        """Carry out a plan, up to the ending."""
        return self.ending(self.recipe, job.taken, self.restore(job), job.certify)

    def restore(self, job: Job) -> Tensor:
        """The restored native picture ``(1, 3, H, W)``, which ``job.native`` is given as well.

        Jobs have to start in order: then the one that this one waits for is running or done.
        """
        try:
            native = self._native(job)
        except BaseException as error:
            job.native.set_exception(error)
            raise
        finally:
            job.plan.ready.set()
        job.native.set_result(native)
        return native

    def _native(self, job: Job) -> Tensor:
        plan = job.plan
        if plan.whole or job.before is None:
            return restore_native(self.recipe, job.taken.y)
        computed = [(window, restore_native(self.recipe, _cut(job.taken.y, window))) for window in plan.windows]
        before = job.before.result()
        result = before.clone()
        for copy in plan.copies:
            _copy(before, result, copy.mask, copy.shift)
        for square, box in plan.found.hits:
            square.ready.wait()
            if square.values is None:
                raise RuntimeError("a frame that this one shares content with was not restored")
            _part(result, box)[0] = square.values
        for window, restored in computed:
            for box in window.boxes:
                _part(result, box).copy_(_part(restored, window.place(box)))
        for square, box in plan.found.keeps:
            square.values = _part(result, box)[0].clone()
        return result


def _copy(before: Tensor, result: Tensor, mask: Mask, shift: Shift) -> None:
    """Put the pixels of ``mask`` in ``result`` that lie ``shift`` farther in ``before``."""
    (here_y, there_y), (here_x, there_x) = (overlap(size, by) for size, by in zip(mask.shape, shift, strict=True))
    chosen = torch.from_numpy(mask[here_y, here_x])
    target = result[..., here_y, here_x]
    target.copy_(torch.where(chosen, before[..., there_y, there_x], target))
