"""The whole story on one page: source -> what was lost? -> restore frames -> sink.

    open_source ─► probe (estimate the quantizer, plan the output) ─► open_sink (dry-run of the mux)
         │                                                                 ▲
         └─► decode thread ─► workers (frame_work) ─► this thread: smooth, encode ─┘

No network is loaded before the output is known to work; an exception anywhere leaves no output file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch

from vdequant.color import from_rgb
from vdequant.enlarging import make_scaler
from vdequant.expanding import expand
from vdequant.frame_work import Ending, Recipe, Restored, finish, restore_planes
from vdequant.frames import Frame, Layout, SegmentStart, SidePacket
from vdequant.live import Pace, Timing, check_live, ending_gently
from vdequant.masking import read_mask
from vdequant.media.damage import Damage
from vdequant.media.locking import writing_alone
from vdequant.media.plan import OutputPlan, plan_output
from vdequant.media.segment_store import SegmentStore
from vdequant.media.sink import Finished, Sink, check_output, open_sink
from vdequant.media.source import Source, open_source
from vdequant.neighboring import NeighborWork, check_neighbors
from vdequant.observing import Observer, Silent, connect
from vdequant.planning import Plan, analyse, cost_of
from vdequant.restorers.base import Restorer, Scaler
from vdequant.restorers.ensemble import viewed
from vdequant.restorers.loading import load_restorer
from vdequant.restorers.sampling import Sampling
from vdequant.resuming import Segments, forget, keep_segments, telling
from vdequant.reusing import ReusingWork, grain_of, reusing_workers
from vdequant.schedule.cpu import PlannedWorkers
from vdequant.schedule.cuda import CudaWorkers
from vdequant.schedule.device import choose_engine, usable_cores
from vdequant.schedule.shortage import shortage_in_words
from vdequant.schedule.stages import StageReport, Workers, run_stages
from vdequant.schedule.tiles import automatic_side
from vdequant.settings import Settings
from vdequant.smoothing import SmoothingWriter, Write, unfinished
from vdequant.temporal.chain import make_smoother

CERTIFIED = ("inside", "samples", "certified")  # samples in their cells, checked samples, checked frames
Certified = tuple[int, int, int]
# Distinct frames, one of which is certified. All that a restorer has touched: that takes 0.4 to 2.3 % of the processor
# time. Of frames that pass as they were stored it would take 5 %, and there is hardly anything to find.
EVERY_RESTORED, EVERY_PASSED = 1, 8
REMEMBERED_BYTES = 64 << 20  # of results for frames that come again
UNFINISHED_SAMPLES, CELL_SAMPLES = 6, 13  # floats a native pixel: stored and restored, bounds of cells and of means
FEWEST_REMEMBERED, MOST_REMEMBERED = 4, 512  # frames


@dataclass(frozen=True, slots=True)
class Summary:
    """What was done.

    ``certificate`` is the share of checked samples that lie in their cells, None if unchecked; ``certified_frames``: of
    ``frames``, those that were checked, or repeat one that was. ``tolerance``: by how much, in 8-bit codes, a lossy
    codec widened those cells; 0 for lossless sources. ``snapped``: share of the pixels that were taken back to clean
    colors first, None where no codec was in the way. ``work_share``: the restorer's work, halos included, over that of
    restoring every frame whole; ``new_share``: the same, of pixels that could not be copied from what was restored
    before. ``kept_frames``: of ``frames``, those that an earlier run had finished; seconds, unique frames and shares
    are of this run alone. ``damaged_frames``: pictures of the input that could not be decoded, or only in part;
    ``damage``: that and what is missing in one line, "" for a whole input.
    Of live runs alone, see :class:`vdequant.live.Timing`: ``latency_median``, ``latency_slow`` and ``real_time``.
    """

    input: str
    output: str
    width: int
    height: int
    frames: int
    kept_frames: int
    unique_frames: int
    damaged_frames: int
    damage: str
    work_share: float
    new_share: float
    seconds: float
    fps: float
    certificate: float | None
    certified_frames: int
    tolerance: float
    snapped: float | None
    bytes: int
    busiest: str
    busy_share: float
    latency_median: float | None
    latency_slow: float | None
    real_time: float | None
    restorer: str
    quantizer: str
    temporal: str
    device: str
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _restore_batch(
    recipe: Recipe,
    planes: tuple[torch.Tensor, ...],
    layout: Layout,
    certify: bool,
    tile: int,
    ending: Ending = finish,
) -> Restored:
    """What a GPU runs; ``tile`` is the side that its memory allows, 0 for whole pictures."""
    recipe = replace(recipe, tile=tile) if tile else recipe
    return restore_planes(recipe, planes, layout, certify=certify, ending=ending)


@shortage_in_words()
def probe(input: str, settings: Settings | None = None) -> Plan:
    """Say what was lost in ``input`` without restoring it."""
    settings = settings or Settings()
    with open_source(input, settings) as source:
        return analyse(source, settings, choose_engine(settings.device, settings.workers))


class _Writer:
    """Turns results into frames of the output's layout, writes them, and adds up the certificate.

    ``counted``: of frames that are written already.
    """

    def __init__(self, sink: Sink, output: OutputPlan, counted: Certified = (0, 0, 0)) -> None:
        self.sink, self.output = sink, output
        self.inside, self.samples, self.certified = self._before = counted

    def _notes(self) -> dict[str, int]:
        """What was counted since this was last called."""
        before, self._before = self._before, (self.inside, self.samples, self.certified)
        return {name: now - old for name, now, old in zip(CERTIFIED, self._before, before, strict=True)}

    def __call__(self, item: Frame | SidePacket, result: Restored | None) -> None:
        if isinstance(item, SegmentStart):
            item = replace(item, notes=self._notes())
        if isinstance(item, Frame) and result is not None:
            if result.inside is not None:
                self.inside += int(result.inside)
                self.samples += result.samples
                self.certified += 1
            planes = tuple(plane[0] for plane in result.planes)
            alpha = None if item.alpha is None else self._alpha(item.alpha, item.layout.bits)
            item = replace(item, planes=planes, layout=self.output.layout, alpha=alpha)
        self.sink.write(item)

    def _alpha(self, alpha: torch.Tensor, bits: int) -> torch.Tensor:
        """The source's alpha at the output's size and depth."""
        layout, scale = self.output.layout, self.output.scale
        share = alpha.to(torch.float32) / ((1 << bits) - 1)
        return from_rgb(expand(share.expand(3, -1, -1), scale, scale, layout.height, layout.width), _rgb(layout))[0]

    def share(self) -> float | None:
        """Share of the checked samples that lie in their cells."""
        return self.inside / self.samples if self.samples else None


def _rgb(layout: Layout) -> Layout:
    return Layout(layout.width, layout.height, "rgb", layout.bits)


def _asked(plan: Plan, settings: Settings) -> Restorer:
    """The plan's restorer on its device, asked for several views of a picture if it or the user wants that."""
    restorer = load_restorer(
        plan.restorer,
        tiled=bool(settings.tile),
        sampling=Sampling.to_restore(settings),
        base=settings.base,
        encoder=settings.encoder,
    ).to(plan.engine.device, plan.engine.dtype)
    return viewed(restorer, settings.views)


def _recipe(plan: Plan, output: OutputPlan, settings: Settings, scaler: Scaler | None) -> Recipe:
    layout, grid = plan.source.layout, plan.grid
    width, height = (layout.width, layout.height) if grid is None else grid.size
    restorer = _asked(plan, settings)
    side = settings.tile or automatic_side(height, width, plan.engine.device, restorer.needs.halo)
    return Recipe(
        restorer=restorer,
        quantizer=plan.quantizer,
        output=output.layout,
        grid=grid,
        scale=output.scale,
        scaler=scaler,
        fidelity=settings.fidelity,
        dithered=plan.dithered,
        rounding_dither=output.dither,
        compare=settings.compare,
        tile=side,
        exact=plan.finding.lossless,
        snap=None if plan.finding.recovery is None else plan.finding.recovery.snap,
        matrix=plan.finding.matrix,
        keep=read_mask(settings.mask, layout.width, layout.height) if settings.mask else None,
        placing=plan.finding.placing,
        gray=plan.finding.gray and settings.quantizer == "auto",  # a stated quantizer may have taken the color
    )


def _certify_every(plan: Plan) -> int:
    return EVERY_PASSED if plan.restorer == "identity" else EVERY_RESTORED


def _counted(store: SegmentStore | None) -> Certified:
    """What was counted of the segments that are kept."""
    return (0, 0, 0) if store is None else (store.note("inside"), store.note("samples"), store.note("certified"))


def _start_workers(
    recipe: Recipe, plan: Plan, settings: Settings, ending: Ending
) -> tuple[Workers[Restored], ReusingWork | None, NeighborWork | None]:
    """Frames one by one on CPU threads, which compute what is new; in batches on a GPU, which computes them whole.

    With their neighbors frames go one by one everywhere: CPU threads find what they have in common, which takes longer.
    """
    engine, every = plan.engine, _certify_every(plan)
    on_gpu = engine.device.type == "cuda"
    if plan.neighbors:
        together = NeighborWork(recipe, plan.neighbors, every, engine.device, ending)
        return PlannedWorkers(together.plan, usable_cores() if on_gpu else engine.workers), None, together
    if on_gpu:
        pixels = recipe.output.width * recipe.output.height
        batch = partial(_restore_batch, recipe, ending=ending)
        return CudaWorkers(batch, engine.device, every, pixels, live=settings.live), None, None
    work = ReusingWork(recipe, grain_of(recipe) if settings.reuse else None, every, ending)
    return reusing_workers(work, engine.workers, live=settings.live), work, None


def _smoothing(recipe: Recipe, plan: Plan, settings: Settings, write: Write) -> SmoothingWriter | None:
    """What makes frames steady over time before it writes them; None when nothing is to be done."""
    moving = plan.source.kind != "image"
    smoother = make_smoother(plan.temporal, settings.flicker, live=settings.live) if moving else None
    if smoother is None:
        return None
    every = _certify_every(plan)
    return SmoothingWriter(recipe, smoother, write, engine=plan.engine, certify_every=every, live=settings.live)


def _remembered(plan: Plan, unfinished: bool) -> int:
    """How many distinct results are kept for frames that come again: cycling palettes and idle animations are short.

    Unfinished results are two float pictures at native size, those of dithered ones have their cells with them.
    """
    layout = plan.source.layout if plan.output is None else plan.output.layout
    samples = sum(height * width for height, width in map(layout.plane_shape, range(layout.planes)))
    size = samples * (2 if layout.bits > 8 else 1)
    if unfinished:
        width, height = (plan.source.layout.width, plan.source.layout.height) if plan.grid is None else plan.grid.size
        size = (UNFINISHED_SAMPLES + CELL_SAMPLES * plan.dithered) * 4 * width * height
    return max(FEWEST_REMEMBERED, min(MOST_REMEMBERED, REMEMBERED_BYTES // size))


def _work_shares(work: ReusingWork | None, report: StageReport) -> tuple[float, float]:
    """The restorer's work, and pixels that were not copied, over those of restoring every frame whole."""
    unique = report.unique / report.frames if report.frames else 1.0
    given, new = (1.0, 1.0) if work is None else work.shares()
    return round(unique * given, 4), round(unique * new, 4)


def _through(
    source: Source,
    store: SegmentStore | None,
    recipe: Recipe,
    plan: Plan,
    settings: Settings,
    writer: _Writer,
    observer: Observer[Plan],
) -> tuple[StageReport, tuple[float, float], Timing | None]:
    """Take every frame from the source through the workers to the writer; how that went."""
    kept, total = 0 if store is None else store.frames, source.info.frames
    pace = Pace(source, observer.warned) if settings.live else None
    write = writer if pace is None else pace.timing(writer)
    smoothing = _smoothing(recipe, plan, settings, write)
    ending = finish if smoothing is None else unfinished
    workers, work, together = _start_workers(recipe, plan, settings, ending)
    reuse = settings.reuse and together is None
    given = source if store is None else Segments(source, done=kept, restart=work.restart if work else None)
    items = given if together is None else together.around(given)
    try:
        report = run_stages(
            items if pace is None else pace.arriving(items),
            workers,
            smoothing or write,
            reuse=_remembered(plan, smoothing is not None) if reuse else 0,
            progressed=lambda done: observer.progressed(kept + done, total),
            stop=source.stop,
        )
        if smoothing is not None:
            smoothing.flush()
    finally:
        workers.close()
        if smoothing is not None:
            smoothing.close()
    return report, _work_shares(work, report), None if pace is None else pace.result()


@shortage_in_words()
def restore(
    input: str, output: str, settings: Settings | None = None, observer: Observer[Plan] | None = None
) -> Summary:
    """Restore ``input`` into ``output``: video, folder of frames, or single picture.

    Args:
        input: path, or "-" for standard input.
        output: path whose suffix decides the format, or "-".
        settings: see :class:`Settings`.
        observer: is told the plan, progress and warnings.

    Raises:
        VdequantError: one line with cause and remedy; nothing is left at ``output`` then. Of a long job, finished
            segments are kept in a folder beside it, and calling this again goes on from there.
    """
    settings, observer = settings or Settings(), observer or Silent()
    engine = choose_engine(settings.device, settings.workers)
    with writing_alone(output), open_source(input, settings) as source, ending_gently(source, live=settings.live):
        check_live(settings, source.info)
        check_neighbors(settings, source.info)
        # What cannot be written is refused before anything is decoded.
        check_output(plan_output(output, source.info, settings), source, overwrite=settings.overwrite)
        plan = analyse(source, settings, engine)
        planned = plan_output(output, plan.source, settings)
        scaler = make_scaler(settings.scaler, planned.scale, plan.grid, plan.engine.device)
        if scaler is not None:
            planned = replace(planned, notes=(*planned.notes, f"pixels smoothed by {scaler.describe()}"))
        plan, store = keep_segments(plan, planned, settings)
        with telling(store, observer), open_sink(planned, source, overwrite=settings.overwrite, store=store) as sink:
            recipe = _recipe(plan, planned, settings, scaler)
            plan = replace(plan, output=planned, cost=cost_of(recipe.restorer, plan))
            observer.planned(plan)
            if source.info.kind == "image":
                connect(recipe.restorer, observer)
            writer, kept = _Writer(sink, planned, _counted(store)), 0 if store is None else store.frames
            report, shares, timing = _through(source, store, recipe, plan, settings, writer, observer)
            finished = sink.finish()
            warnings = (*source.warnings, *sink.warnings)
        if store is None and planned.kind in ("video", "folder"):
            forget(output)
    for text in warnings:
        observer.warned(text)
    return _summary(input, plan, planned, writer, report, kept, shares, finished, source.damage, timing, warnings)


def _summary(
    input: str,
    plan: Plan,
    planned: OutputPlan,
    writer: _Writer,
    report: StageReport,
    kept: int,
    shares: tuple[float, float],
    finished: Finished,
    damage: Damage,
    timing: Timing | None,
    warnings: tuple[str, ...],
) -> Summary:
    busiest, busy_share = report.times.busiest()
    seconds = report.times.wall
    return Summary(
        input=input,
        output=finished.path,
        width=planned.layout.width,
        height=planned.layout.height,
        frames=kept + report.frames,
        kept_frames=kept,
        unique_frames=report.unique,
        damaged_frames=damage.pictures,
        damage=damage.line(),
        work_share=shares[0],
        new_share=shares[1],
        seconds=seconds,
        fps=report.frames / seconds if seconds else 0.0,
        certificate=writer.share(),
        certified_frames=writer.certified,
        tolerance=round(plan.tolerance * 255, 2),
        snapped=None if plan.finding.recovery is None else round(plan.finding.recovery.sure, 4),
        bytes=finished.bytes,
        busiest=busiest,
        busy_share=busy_share,
        latency_median=None if timing is None else timing.median,
        latency_slow=None if timing is None else timing.slow,
        real_time=None if timing is None else timing.speed,
        restorer=plan.restorer,
        quantizer=plan.quantizer.describe(),
        temporal=plan.temporal,
        device=plan.device,
        warnings=warnings,
    )
