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
from typing import Any

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
from vdequant.reusing_parts import Canvases, Kept, PartedWork, copy_masked, parts_of
from vdequant.temporal.reuse import FramePlan, Planner
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
    """A frame on its way.

    Attributes:
        taken, plan, certify: what is to be done.
        native: becomes its restored native picture ``(1, 3, H, W)``.
        before: ``inner`` and ``native`` of the frame before, where the plan copies from it, else None.
        inner: become what is between the parts of the network, where that is kept.
    """

    taken: Taken
    plan: FramePlan
    native: Future[Tensor]
    before: Kept | None
    certify: bool
    inner: Canvases = ()


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
        self.computed = self.new = self.full = 0  # pixels: worked on, halos included; not copied; and all there are
        self._grain = grain
        self._parts = parts_of(recipe) if grain is not None and grain.step == 1 else ()
        self._parted = PartedWork(recipe) if self._parts else None
        self._planner = None if grain is None else Planner(grain, self._parts)
        self._before: Kept | None = None

    def restart(self) -> None:
        """Forget what was seen: the next frame is the first of a segment."""
        self.frames, self._before = 0, None
        if self._grain is not None:
            self._planner = Planner(self._grain, self._parts)

    def shares(self) -> tuple[float, float]:
        """The network's work, and pixels that could not be copied, as shares of those of all planned frames whole."""
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
        kept = len(self._parts) - 1 if plan.kept or plan.parts else 0
        inner: Canvases = tuple(Future() for _ in range(kept))
        job = Job(taken, plan, Future(), None if plan.whole else self._before, certify, inner)
        self._before = inner, job.native
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
            waiting: list[Future[Any]] = [*job.inner, job.native]
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
            raise
        finally:
            job.plan.ready.set()
        job.native.set_result(native)
        return native

    def _native(self, job: Job) -> Tensor:
        plan, y = job.plan, job.taken.y
        if job.before is None:
            whole = self._parted.whole if self._parted is not None and job.inner else None
            result = restore_native(self.recipe, y) if whole is None else whole(y, job.inner)
        elif plan.parts and self._parted is not None:
            result = self._parted.planned(y, plan.parts, job.before, job.inner)
        else:
            result = self._from_windows(y, plan, job.before[1])
        for square, box in plan.found.hits:
            square.ready.wait()
            if square.values is None:
                raise RuntimeError("a frame that this one shares content with was not restored")
            _part(result, box)[0] = square.values
        for square, box in plan.found.keeps:
            square.values = _part(result, box)[0].clone()
        return result

    def _from_windows(self, y: Tensor, plan: FramePlan, before: Future[Tensor]) -> Tensor:
        computed = [(window, restore_native(self.recipe, _cut(y, window))) for window in plan.windows]
        ground = before.result()
        result = ground.clone(memory_format=torch.contiguous_format)
        for copy in plan.copies:
            copy_masked(ground, result, copy)
        for window, restored in computed:
            for box in window.boxes:
                _part(result, box).copy_(_part(restored, window.place(box)))
        return result
