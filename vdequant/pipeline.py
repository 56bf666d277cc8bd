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
from typing import Any, Protocol

import torch

from vdequant.color import from_rgb, to_rgb
from vdequant.errors import InputError
from vdequant.frame_work import Recipe, Restored, expand, restore_planes
from vdequant.frames import Frame, Layout, SidePacket, SourceInfo
from vdequant.media.plan import OutputPlan, plan_output
from vdequant.media.sink import Finished, Sink, open_sink
from vdequant.media.source import Source, open_source
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.estimate import Finding, estimate
from vdequant.quantizers.spec import parse_quantizer, resolve
from vdequant.restorers import RESTORERS
from vdequant.restorers.base import Restorer
from vdequant.schedule.cpu import CpuWorkers
from vdequant.schedule.cuda import CudaWorkers
from vdequant.schedule.device import Engine, choose_engine
from vdequant.schedule.stages import StageReport, Workers, run_stages
from vdequant.schedule.tiles import automatic_side
from vdequant.settings import Settings

SAMPLES = 12  # frames looked at by the probe
CERTIFY_EVERY = 8  # distinct frames between two that are certified
MPEG_CODECS = frozenset({"mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v3", "h264", "hevc", "vvc", "mjpeg"})
LOSSY_CODECS = MPEG_CODECS | {"av1", "vp8", "vp9", "theora", "flv1", "wmv3", "vc1", "prores", "dnxhd"}


class Observer(Protocol):
    """Is told what happens; the command line draws it."""

    def planned(self, plan: Plan) -> None:
        """Before work: what was found and what will be done."""
        ...

    def progressed(self, done: int, total: int | None) -> None:
        """After every frame written."""
        ...

    def warned(self, text: str) -> None:
        """One line that the user should see."""
        ...


class Silent:
    """An observer that says nothing."""

    def planned(self, plan: Plan) -> None:
        """See :class:`Observer`."""

    def progressed(self, done: int, total: int | None) -> None:
        """See :class:`Observer`."""

    def warned(self, text: str) -> None:
        """See :class:`Observer`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found in the input and what will be done about it."""

    source: SourceInfo
    finding: Finding
    quantizer: Quantizer
    restorer: str
    engine: Engine
    dithered: bool
    output: OutputPlan | None

    @property
    def device(self) -> str:
        """Where the network will run, in words."""
        return self.engine.describe()

    @property
    def native(self) -> tuple[int, int]:
        """Horizontal and vertical size of a native pixel."""
        return self.finding.native_scale

    def _doing(self) -> str:
        if self.restorer == "identity":
            return "nothing (no loss that could be restored; --restorer cellnet-m tries all the same)"
        return f"{self.restorer} for {self.quantizer.describe()}{', dithered' if self.dithered else ''}"

    def lines(self) -> list[str]:
        """The plan in two or three short lines."""
        layout = self.source.layout
        kind = " ".join(word for word in (self.source.codec or self.source.kind, self.source.pixel_format) if word)
        moving = self.source.kind != "image"
        frames = f", {self.source.frames} frames" if self.source.frames and moving else ""
        rate = f" at {float(self.source.rate):.4f} fps" if moving else ""
        lines = [
            f"found: {layout.width}x{layout.height} {kind}{frames}{rate}; {self.finding.description}",
            f"doing: {self._doing()} on {self.device}",
        ]
        if self.output is not None:
            out = self.output
            size = f"{out.layout.width}x{out.layout.height}"
            notes = "".join(f"; {note}" for note in out.notes)
            kind = " ".join(word for word in (out.codec or out.container, out.pix_fmt) if word)
            lines.append(f"writing: {out.path}, {kind}, {size}{notes}")
        return lines


@dataclass(frozen=True, slots=True)
class Summary:
    """What was done. ``certificate`` is the share of checked samples that lie in their cells, None if unchecked."""

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


def _pictures(frames: list[Frame]) -> list[torch.Tensor]:
    return [to_rgb(frame.planes, frame.layout) for frame in frames]


def _is_lossy(info: SourceInfo) -> bool:
    """Whether the stored samples went through a codec that changes them; RGB and palettes are never lossy H.264."""
    if info.codec in LOSSY_CODECS:
        return info.layout.model == "yuv" or info.codec == "mjpeg"
    return info.codec in ("jpg", "jpeg")


def _choose_restorer(settings: Settings, info: SourceInfo, finding: Finding, engine: Engine) -> str:
    """Stills and GPUs get the larger network, video on a CPU the faster one.

    Input that lost nothing is passed through: fine color, and art that was drawn from tiles with its palette, where
    a Voronoi cell would invite changes as large as the distance between two of the artist's colors.
    """
    if settings.restorer != "auto":
        return settings.restorer
    drawn_with_palette = finding.kind == "palette" and finding.drawn
    if settings.quantizer == "auto" and (finding.kind == "fine" or drawn_with_palette):
        return "identity"
    return "cellnet-s" if engine.device.type == "cpu" and info.kind in ("video", "pipe") else "cellnet-m"


def _analyse(source: Source, settings: Settings, engine: Engine) -> Plan:
    frames = source.sample(SAMPLES)
    if not frames:
        raise InputError(f"expected pictures in {source.info.path}, found none that decode")
    pictures = _pictures(frames)
    info = source.info
    finding = estimate(pictures, lossy_codec=_is_lossy(info), stored_bits=info.layout.bits)
    quantizer = finding.quantizer
    if settings.quantizer != "auto":
        quantizer = resolve(parse_quantizer(settings.quantizer), pictures)
    dithered = settings.dither == "remove" or (settings.dither == "auto" and finding.dithered)
    restorer = _choose_restorer(settings, info, finding, engine)
    return Plan(info, finding, quantizer, restorer, engine, dithered, None)


def probe(input: str, settings: Settings | None = None) -> Plan:
    """Say what was lost in ``input`` without restoring it."""
    settings = settings or Settings()
    with open_source(input, settings) as source:
        return _analyse(source, settings, choose_engine(settings.device, settings.workers))


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


def restore(input: str, output: str, settings: Settings | None = None, observer: Observer | None = None) -> Summary:
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
        planned = plan_output(output, source.info, settings)
        with open_sink(planned, source, overwrite=settings.overwrite) as sink:
            plan = replace(_analyse(source, settings, engine), output=planned)
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
        bytes=finished.bytes,
        busiest=busiest,
        busy_share=busy_share,
        restorer=plan.restorer,
        quantizer=plan.quantizer.describe(),
        device=plan.device,
        warnings=warnings,
    )
