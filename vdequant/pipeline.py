"""The whole story on one page: source -> what was lost? -> restore frames -> sink.

    open_source ─► probe (estimate the quantizer, plan the output) ─► open_sink (dry-run of the mux)
         │                                                                 ▲
         └─► decode thread ─► workers (frame_work) ─► this thread: encode ─┘

No network is loaded before the output is known to work; an exception anywhere leaves no output file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module
from itertools import count
from typing import Any

import torch

from vdequant.color import from_rgb
from vdequant.frame_work import Recipe, Restored, expand, restore_planes
from vdequant.frames import Frame, Layout, SidePacket
from vdequant.media.plan import OutputPlan, plan_output
from vdequant.media.sink import Finished, Sink, check_output, open_sink
from vdequant.media.source import open_source
from vdequant.observing import Observer, Silent
from vdequant.planning import Plan, analyse
from vdequant.restorers import RESTORERS
from vdequant.restorers.base import Restorer
from vdequant.schedule.cpu import CpuWorkers
from vdequant.schedule.cuda import CudaWorkers
from vdequant.schedule.device import Engine, choose_engine
from vdequant.schedule.stages import StageReport, Workers, run_stages
from vdequant.schedule.tiles import automatic_side
from vdequant.settings import Settings

CERTIFY_EVERY = 8  # distinct frames between two that are certified


@dataclass(frozen=True, slots=True)
class Summary:
    """What was done.

    ``certificate`` is the share of checked samples that lie in their cells, None if unchecked. ``tolerance``: by how
    much, in 8-bit codes, a lossy codec widened those cells; 0 for lossless sources. ``snapped``: share of the pixels
    that were taken back to clean colors first, None where no codec was in the way.
    """

    input: str
    output: str
    width: int
    height: int
    frames: int
    unique_frames: int
    seconds: float
    fps: float
    certificate: float | None
    certified_frames: int
    tolerance: float
    snapped: float | None
    bytes: int
    busiest: str
    busy_share: float
    restorer: str
    quantizer: str
    device: str
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def load_restorer(name: str) -> Restorer:
    """Build a restorer of the table by name."""
    module, _, attribute = RESTORERS[name].partition(":")
    made: Restorer = getattr(import_module(module), attribute)()
    return made


def _restore_batch(
    recipe: Recipe, planes: tuple[torch.Tensor, ...], layout: Layout, certify: bool, tile: int
) -> Restored:
    """What a GPU runs; ``tile`` is the side that its memory allows, 0 for whole pictures."""
    return restore_planes(replace(recipe, tile=tile) if tile else recipe, planes, layout, certify=certify)


def probe(input: str, settings: Settings | None = None) -> Plan:
    """Say what was lost in ``input`` without restoring it."""
    settings = settings or Settings()
    with open_source(input, settings) as source:
        return analyse(source, settings, choose_engine(settings.device, settings.workers))


class _Writer:
    """Turns results into frames of the output's layout, writes them, and adds up the certificate."""

    def __init__(self, sink: Sink, output: OutputPlan) -> None:
        self.sink, self.output = sink, output
        self.inside, self.samples, self.certified = 0, 0, 0

    def __call__(self, item: Frame | SidePacket, result: Restored | None) -> None:
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


def _recipe(plan: Plan, output: OutputPlan, settings: Settings) -> Recipe:
    layout, (across, down) = plan.source.layout, plan.native
    side = settings.tile or automatic_side(layout.height // down, layout.width // across, plan.engine.device)
    return Recipe(
        restorer=load_restorer(plan.restorer).to(plan.engine.device, plan.engine.dtype),
        quantizer=plan.quantizer,
        output=output.layout,
        native=plan.native,
        scale=output.scale,
        fidelity=settings.fidelity,
        dithered=plan.dithered,
        rounding_dither=output.dither,
        compare=settings.compare,
        tile=side,
        exact=plan.finding.lossless,
        snap=None if plan.finding.recovery is None else plan.finding.recovery.snap,
        matrix=plan.finding.matrix,
    )


def _start_workers(recipe: Recipe, engine: Engine) -> Workers[Restored]:
    """Frames one by one on CPU threads, in batches on a GPU; one distinct frame in CERTIFY_EVERY is certified."""
    if engine.device.type == "cuda":
        pixels = recipe.output.width * recipe.output.height
        return CudaWorkers(partial(_restore_batch, recipe), engine.device, CERTIFY_EVERY, pixels)
    turns = count()  # next() on it is atomic, so that the workers can share it

    def work(frame: Frame) -> Restored:
        planes = tuple(plane[None] for plane in frame.planes)
        return restore_planes(recipe, planes, frame.layout, certify=next(turns) % CERTIFY_EVERY == 0)

    return CpuWorkers(work, engine.workers)


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
        VdequantError: one line with cause and remedy; nothing is left at ``output`` then.
    """
    settings, observer = settings or Settings(), observer or Silent()
    engine = choose_engine(settings.device, settings.workers)
    with open_source(input, settings) as source:
        # What cannot be written is refused before anything is decoded.
        check_output(plan_output(output, source.info, settings), source, overwrite=settings.overwrite)
        plan = analyse(source, settings, engine)
        planned = plan_output(output, plan.source, settings)
        with open_sink(planned, source, overwrite=settings.overwrite) as sink:
            plan = replace(plan, output=planned)
            observer.planned(plan)
            writer, total = _Writer(sink, planned), source.info.frames
            workers = _start_workers(_recipe(plan, planned, settings), engine)
            try:
                report = run_stages(source, workers, writer, progressed=lambda done: observer.progressed(done, total))
            finally:
                workers.close()
            finished = sink.finish()
            warnings = (*source.warnings, *sink.warnings)
    for text in warnings:
        observer.warned(text)
    return _summary(input, plan, planned, writer, report, finished, warnings)


def _summary(
    input: str,
    plan: Plan,
    planned: OutputPlan,
    writer: _Writer,
    report: StageReport,
    finished: Finished,
    warnings: tuple[str, ...],
) -> Summary:
    busiest, busy_share = report.times.busiest()
    seconds = report.times.wall
    return Summary(
        input=input,
        output=finished.path,
        width=planned.layout.width,
        height=planned.layout.height,
        frames=report.frames,
        unique_frames=report.unique,
        seconds=seconds,
        fps=report.frames / seconds if seconds else 0.0,
        certificate=writer.share(),
        certified_frames=writer.certified,
        tolerance=round(plan.tolerance * 255, 2),
        snapped=None if plan.finding.recovery is None else round(plan.finding.recovery.sure, 4),
        bytes=finished.bytes,
        busiest=busiest,
        busy_share=busy_share,
        restorer=plan.restorer,
        quantizer=plan.quantizer.describe(),
        device=plan.device,
        warnings=warnings,
    )
