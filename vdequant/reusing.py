"""Carries out the plans of ``temporal.reuse``: frames are planned in order and put together on worker threads.

    decode thread, in order:   native picture ─► plan ─┐
    worker threads:            windows ─► network ─► wait for the frame before ─► copy, paste ─► ending

Small frames come to a worker several at a time, and the tiles of all of them go through the network as one batch.
The native result of a frame is complete before the ending, which finishes it, or hands it on to a smoother as it is.
Nobody may write into it: the next frame copies from it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from math import lcm, prod
from threading import Lock
from time import thread_time
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
    plain_codes,
    restore_native,
    restore_planes,
    take_native,
)
from vdequant.frames import Frame
from vdequant.quantizers.own_palettes import OwnPalettes
from vdequant.quantizers.palette import PaletteCells
from vdequant.quantizers.pattern_cells import PatternCells
from vdequant.quantizers.snapping import MixedCells
from vdequant.quantizers.threshold import SlabCells
from vdequant.quantizers.uniform import BoxCells
from vdequant.quantizers.unmixing_snap import UnmixingSnap
from vdequant.reusing_parts import Asked, Canvases, Kept, PartedWork, Tile, Turn, copy_masked, parts_of
from vdequant.schedule.cpu import PlannedWorkers
from vdequant.schedule.stages import Workers
from vdequant.schedule.together import GroupWorkers
from vdequant.temporal.reuse import FramePlan, Planner
from vdequant.temporal.reuse_shifts import Digests, code_digests
from vdequant.temporal.reuse_windows import Box, Grain, Window
from vdequant.temporal.reuse_worth import Worth

PROBED = 64  # pixels a side of a picture whose cells are looked at
LARGEST_HALO = 72  # beyond, windows are mostly halo
# Frames that are worked on as one, native pixels of all of them, and those of their enlarged results: memory.
MOST_TOGETHER, TOGETHER_PIXELS, ENLARGED_PIXELS = 24, 1 << 20, 1 << 22
# Cells that bind single pixels. Those of dithered pictures are moved into place in rounds that look at the whole
# picture, and those that come in blocks see as far as their blocks.
SINGLE = (BoxCells, MixedCells, PaletteCells, PatternCells, SlabCells)


def grain_of(recipe: Recipe) -> Grain | None:
    """How pictures may be cut for reuse; None where a result depends on more than what lies within the halo.

    None too for what looks at single pixels: planning takes longer than doing it again. And for what is unmixed, which
    takes longer than a network: planning needs the native pictures in order, from one thread.
    """
    needs = recipe.restorer.needs
    some = torch.zeros(1, 3, PROBED, PROBED)
    if needs.halo == 0 or isinstance(recipe.quantizer, OwnPalettes):  # another palette makes every pixel new
        return None
    if isinstance(recipe.snap, UnmixingSnap):
        return None
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
        took: processor seconds of planning.
    """

    taken: Taken
    plan: FramePlan
    native: Future[Tensor]
    before: Kept | None
    certify: bool
    inner: Canvases = ()
    took: float = 0.0

    def is_alone(self) -> bool:
        """Whether there are no tiles that could be put together with those of other frames."""
        return not self.plan.parts

    def asked(self) -> Asked:
        """For a network that runs in parts."""
        return Asked(self.taken.y, self.plan.parts, self.before, self.inner)

    def fail(self, error: BaseException) -> None:
        """Tell all who wait for what this was to become."""
        waiting: list[Future[Any]] = [*self.inner, self.native]
        for future in waiting:
            if not future.done():
                future.set_exception(error)
        self.plan.ready.set()


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
        self.grain = grain
        enlarged = recipe.output.width * recipe.output.height
        native = enlarged // recipe.scale**2 if recipe.grid is None else prod(recipe.grid.size)
        self.most = max(1, min(MOST_TOGETHER, TOGETHER_PIXELS // native, ENLARGED_PIXELS // enlarged))
        # Threads that take turns do not pass the interpreter to and fro at every small step.
        self.turn: Turn = Lock() if self.most > 1 else nullcontext()
        self._takes_long = not recipe.exact  # to fold and to snap pictures, in steps that are no small ones
        self._parts = parts_of(recipe) if grain is not None and grain.step == 1 else ()
        self._parted = PartedWork(recipe, self.turn) if self._parts else None
        self._worth = Worth()
        self._planner = None if grain is None else Planner(grain, self._parts, self._worth)
        self._before: Kept | None = None

    def restart(self) -> None:
        """Forget what was seen: the next frame is the first of a segment."""
        self.frames, self._before = 0, None
        if self.grain is not None:
            self._planner = Planner(self.grain, self._parts, self._worth)

    def shares(self) -> tuple[float, float]:
        """The network's work, and pixels that could not be copied, as shares of those of all planned frames whole."""
        return (self.computed / self.full, self.new / self.full) if self.full else (1.0, 1.0)

    def plan(self, frame: Frame) -> Callable[[], Restored]:
        """Plan a frame; what is returned restores it. Called in order, by one thread."""
        if self._planner is None:
            planes, certify = _planes(frame), self._certify()
            return partial(restore_planes, self.recipe, planes, frame.layout, certify=certify, ending=self.ending)
        return partial(self._alone, self.take(frame))

    def _certify(self) -> bool:
        """Whether the next frame is one of those that are certified."""
        self.frames += 1
        return (self.frames - 1) % self.certify_every == 0

    def take(self, frame: Frame) -> Job:
        """Plan a frame for :meth:`together`. Called in order, by one thread.

        Raises:
            ValueError: without a grain.
        """
        if self._planner is None:
            raise ValueError("expected a grain for frames that are planned, got None")
        certify = self._certify()
        with nullcontext() if self._takes_long else self.turn:
            taken = take_native(self.recipe, _planes(frame), frame.layout)
        with self.turn:
            began = thread_time()
            plan = self._planner.plan(taken.y, self._digests(taken))
            took = thread_time() - began
        self.computed += plan.work
        self.new += plan.new
        self.full += taken.y.shape[-2] * taken.y.shape[-1]
        kept = len(self._parts) - 1 if plan.kept or plan.parts else 0
        inner: Canvases = tuple(Future() for _ in range(kept))
        job = Job(taken, plan, Future(), None if plan.whole else self._before, certify, inner, took)
        self._before = inner, job.native
        return job

    def _digests(self, taken: Taken) -> Digests | None:
        """Digests of the stored planes where they say as much as the picture does, else None."""
        codes = plain_codes(self.recipe, taken)
        return None if codes is None else code_digests([plane[0] for plane in codes])

    def _alone(self, job: Job) -> Restored:
        (result,) = self.together([job])
        return result

    def together(self, jobs: Sequence[Job]) -> Iterator[Restored]:
        """Carry out the plans of consecutive frames, up to the ending, and give the results in order.

        Calls have to begin in order: then whatever frame one of these waits for is running or done.
        """
        waiting = deque(jobs)
        try:
            for alone, group in groupby(jobs, key=Job.is_alone):
                members, took = list(group), -thread_time()
                tiles = [[] for _ in members] if alone else self._tiles(members)
                for job, own in zip(members, tiles, strict=True):
                    result = self._computed(job) if alone else self._with_tiles(job, own)
                    waiting.popleft()
                    took += thread_time()
                    yield result
                    took -= thread_time()
                self._learn(members, took + thread_time())
        except BaseException as error:
            for job in waiting:
                job.fail(error)
            raise

    def _learn(self, jobs: list[Job], seconds: float) -> None:
        """From what frames took, as the planner decides by it whether to go on."""
        if all(job.plan.whole and not job.plan.kept for job in jobs):
            self._worth.took_whole(seconds, len(jobs))
        else:
            self._worth.took_planned(seconds + sum(job.took for job in jobs), len(jobs))

    def _tiles(self, jobs: list[Job]) -> list[list[Tile]]:
        if self._parted is None:
            raise ValueError("expected a restorer that runs in parts for plans by part")
        return self._parted.tiles([job.asked() for job in jobs])

    def _with_tiles(self, job: Job, tiles: list[Tile]) -> Restored:
        asked = job.asked()
        if asked.before is not None:
            asked.before[1].result()
        for square, _ in job.plan.found.hits:
            square.ready.wait()
        with self.turn:
            return self._ended(job, asked.with_tiles(tiles))

    def _computed(self, job: Job) -> Restored:
        y = job.taken.y
        if job.before is not None:
            native = self._from_windows(y, job.plan, job.before[1])
        elif self._parted is not None and job.inner:
            native = self._parted.whole(y, job.inner)
        else:
            native = restore_native(self.recipe, y)
        for square, _ in job.plan.found.hits:
            square.ready.wait()
        return self._ended(job, native)

    def _ended(self, job: Job, native: Tensor) -> Restored:
        """Complete the restored picture ``(1, 3, H, W)`` by squares that were found, show it to others and end it."""
        for square, box in job.plan.found.hits:
            if square.values is None:
                raise RuntimeError("a frame that this one shares content with was not restored")
            _part(native, box)[0] = square.values
        for square, box in job.plan.found.keeps:
            square.values = _part(native, box)[0].clone()
        job.native.set_result(native)
        job.plan.ready.set()
        return self.ending(self.recipe, job.taken, native, job.certify)

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


def reusing_workers(work: ReusingWork, count: int, *, live: bool) -> Workers[Restored]:
    """Threads for the work; small frames go to them in groups, whose tiles become one batch."""
    if work.grain is None:
        return PlannedWorkers(work.plan, count, live=live)
    return GroupWorkers(work.take, work.together, Job.is_alone, count, most=work.most, live=live)
