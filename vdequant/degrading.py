"""The way there: a fine picture or clip becomes the coarse one that a quantizer makes of it, exactly.

    open_source ─► sample frames (a palette, a threshold) ─► quantizer ─► plan_output, open_sink
         └─► decode thread ─► workers: resize, quantize ─► this thread: encode without loss

The file holds the quantizer's values rounded to its depth, nothing else: no dither of the writer's own, and a lossless
codec unless another one is asked for. Time stamps, sound and transparency travel as in a restoration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.checks import check_choice
from vdequant.color import from_rgb, to_rgb
from vdequant.errors import InputError, UsageError
from vdequant.expanding import expand
from vdequant.frames import Frame, SidePacket, SourceInfo
from vdequant.media.locking import writing_alone
from vdequant.media.plan import LOSSLESS_CONTAINERS, OutputPlan, output_kind, plan_output
from vdequant.media.sink import Finished, Sink, check_output, open_sink
from vdequant.media.source import Source, open_source
from vdequant.observing import Observer, Silent
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.consoles import CONSOLES
from vdequant.quantizers.spec import Request, parse_target, resolve_target, with_dither
from vdequant.running import NO_TRANSPARENCY, run_workers
from vdequant.schedule.cpu import CpuWorkers
from vdequant.schedule.device import usable_cores
from vdequant.schedule.stages import StageReport
from vdequant.settings import Settings

SAMPLES = 12  # frames that the palette of a clip is made of
BITS = 8  # of the output by default: every quantizer's values are told apart in them
PALETTE_PER = ("clip", "frame")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What shall be lost.

    Attributes:
        to: the words of ``--to``, see :data:`~vdequant.quantizers.spec.TARGET_FORMS`.
        dither: a kind of DITHER_KINDS, or "none".
        palette_per: "clip": one palette or threshold for all frames; "frame": each its own.
        size: width and height to bring the pictures to first; "native": those of the console; "": as they are.
        seed: of k-means and random depths.
    """

    to: str
    dither: str = "none"
    palette_per: Literal["clip", "frame"] = "clip"
    size: tuple[int, int] | Literal["native", ""] = ""
    seed: int = 0

    def request(self) -> Request:
        """The words, read.

        Raises:
            UsageError: when they make no sense.
        """
        check_choice(self.palette_per, PALETTE_PER, "--palette-per")
        return with_dither(parse_target(self.to), self.dither)

    def resolution(self, request: Request) -> tuple[int, int] | None:
        """Width and height to resize to, None for no change.

        Raises:
            UsageError: no size, or a console without one.
        """
        if self.size == "":
            return None
        if self.size == "native":
            console = CONSOLES.get(request.name) if request.kind in ("console", "free") else None
            if console is None or console.size is None:
                sized = ", ".join(name for name, machine in CONSOLES.items() if machine.size)
                raise UsageError(f"expected --size WIDTHxHEIGHT, or --to one of {sized}; got native for {self.to}")
            return console.size
        if min(self.size) < 1:
            raise UsageError(f"expected --size of 1x1 or more, got {self.size[0]}x{self.size[1]}")
        return self.size


@dataclass(frozen=True, slots=True)
class DegradingPlan:
    """What will be done."""

    source: SourceInfo
    quantizer: Quantizer
    per_frame: bool
    output: OutputPlan

    def lines(self) -> list[str]:
        """The plan in two short lines."""
        out = self.output
        kind = " ".join(word for word in (out.codec or out.container, out.pix_fmt) if word)
        notes = "".join(f"; {note}" for note in out.notes)
        each = ", anew for each frame" if self.per_frame else ""
        return [
            f"quantizing to: {self.quantizer.describe()}{each}",
            f"writing: {out.path}, {kind}, {out.layout.width}x{out.layout.height}{notes}",
        ]


@dataclass(frozen=True, slots=True)
class DegradingSummary:
    """What was done."""

    input: str
    output: str
    width: int
    height: int
    frames: int
    unique_frames: int
    seconds: float
    fps: float
    bytes: int
    quantizer: str
    damage: str
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def exact_settings(output: str, settings: Settings) -> Settings:
    """The settings with what keeps values exact: 8 bits, and a lossless codec unless one was named.

    Raises:
        UsageError: the name asks for a container without one.
    """
    kind, suffix = output_kind(output), Path(output).suffix.lower()
    if suffix in (".jpg", ".jpeg") and kind == "image":
        raise UsageError(
            f"expected a .png, .tif or .webp name, which hold exact values, got {output}; use --to jpeg:90"
        )
    if kind in ("image", "folder"):
        return replace(settings, bits=settings.bits or BITS)
    if settings.codec != "auto" or settings.crf is not None:
        return settings
    if kind == "video" and suffix not in (*LOSSLESS_CONTAINERS, ".apng"):
        raise UsageError(
            f"expected an .mkv name, which holds exact values (FFV1), got {output}; name a --codec for a lossy {suffix}"
        )
    return replace(settings, lossless=True, bits=settings.bits or BITS)


def _resized(x: Tensor, size: tuple[int, int] | None) -> Tensor:
    """``(N, C, H, W)`` brought to a width and height by averaging areas."""
    if size is None or size == (x.shape[-1], x.shape[-2]):
        return x
    return functional.interpolate(x, size=(size[1], size[0]), mode="area")


def _stays_gray(quantizer: Quantizer) -> bool:
    """Whether gray pictures come out gray: tried on all 256 grays."""
    ramp = (torch.arange(256.0) / 255).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    red, green, blue = quantizer.quantize(ramp)[0]
    return bool(torch.equal(red, green) and torch.equal(green, blue))


def _resulting(info: SourceInfo, size: tuple[int, int] | None, gray: bool) -> SourceInfo:
    """What the quantized pictures are, for the planning of the output."""
    layout, aspect = info.layout, info.sample_aspect
    if size is not None:
        aspect = aspect * layout.width * size[1] / (layout.height * size[0])
        chroma = layout.chroma if layout.model == "yuv" else (0, 0)
        layout = replace(layout, width=size[0], height=size[1], chroma=chroma)
    if layout.model == "gray" and not gray:
        layout = replace(layout, model="rgb")
    return replace(info, layout=layout, sample_aspect=aspect)


def _sampled(source: Source, size: tuple[int, int] | None) -> list[Tensor]:
    frames = source.sample(SAMPLES)
    if not frames:
        raise InputError(f"expected pictures in {source.info.path}, found none that decode")
    return [_resized(to_rgb(frame.planes, frame.layout)[None], size)[0] for frame in frames]


def _worker(
    find: Callable[[Tensor], Quantizer], size: tuple[int, int] | None, output: OutputPlan
) -> Callable[[Frame], tuple[Tensor, ...]]:
    """Planes in, planes of the output's layout out."""

    def work(frame: Frame) -> tuple[Tensor, ...]:
        x = _resized(to_rgb(frame.planes, frame.layout)[None], size)
        stored = find(x[0]).quantize(x)
        enlarged = expand(stored, output.scale, output.scale, output.layout.height, output.layout.width)
        return from_rgb(enlarged[0], output.layout)

    return work


class _Writer:
    """Puts results in the place of the source's planes and writes them."""

    def __init__(self, sink: Sink, output: OutputPlan, size: tuple[int, int] | None) -> None:
        self.sink, self.output, self.size = sink, output, size
        self.lost_alpha = False

    def __call__(self, item: Frame | SidePacket, planes: tuple[Tensor, ...] | None) -> None:
        if isinstance(item, Frame) and planes is not None:
            alpha = None if item.alpha is None else self._alpha(item.alpha, item.layout.bits)
            item = replace(item, planes=planes, layout=self.output.layout, alpha=alpha)
        self.sink.write(item)

    def _alpha(self, alpha: Tensor, bits: int) -> Tensor | None:
        if self.output.kind not in ("image", "folder"):
            self.lost_alpha |= int(alpha.to(torch.int32).min()) < (1 << bits) - 1
            return None
        if self.size is None:
            return alpha
        resized = _resized(alpha.to(torch.float32)[None, None], self.size)[0, 0]
        return resized.round().to(torch.int32).to(alpha.dtype)


def degrade(
    input: str,
    output: str,
    target: Target,
    settings: Settings | None = None,
    observer: Observer[DegradingPlan] | None = None,
) -> DegradingSummary:
    """Quantize ``input`` into ``output``: video, folder of frames, or single picture.

    Args:
        input: path, or "-" for standard input.
        output: path whose suffix decides the format, or "-".
        target: what shall be lost.
        settings: how to read and write; those of restoring are not looked at.
        observer: is told the plan, progress and warnings.

    Raises:
        VdequantError: one line with cause and remedy; nothing is left at ``output`` then.
    """
    observer = observer or Silent()
    request = target.request()
    size = target.resolution(request)
    # Nothing is lost but what was asked for: fields stay as they are stored.
    settings = replace(exact_settings(output, settings or Settings()), deinterlace="off")
    with writing_alone(output), open_source(input, settings) as source:
        likely = plan_output(output, _resulting(source.info, size, gray=False), settings)
        check_output(likely, source, overwrite=settings.overwrite)  # before any work
        pictures = _sampled(source, size)
        quantizer = resolve_target(request, pictures, target.seed)
        per_frame = target.palette_per == "frame" and request.needs_pictures

        def find(picture: Tensor) -> Quantizer:
            return resolve_target(request, [picture], target.seed) if per_frame else quantizer

        planned = plan_output(output, _resulting(source.info, size, _stays_gray(quantizer)), settings)
        with open_sink(planned, source, overwrite=settings.overwrite) as sink:
            observer.planned(DegradingPlan(source.info, quantizer, per_frame, planned))
            writer = _Writer(sink, planned, size)
            workers = CpuWorkers(_worker(find, size, planned), settings.workers or usable_cores())
            report = run_workers(source, source, workers, writer, observer)
            finished = sink.finish()
            warnings, damage = (*source.warnings, *sink.warnings), source.damage.line()
    if writer.lost_alpha:
        warnings = (*warnings, NO_TRANSPARENCY)
    for text in warnings:
        observer.warned(text)
    return _summary(input, planned, quantizer, report, finished, damage, warnings)


def _summary(
    input: str,
    planned: OutputPlan,
    quantizer: Quantizer,
    report: StageReport,
    finished: Finished,
    damage: str,
    warnings: tuple[str, ...],
) -> DegradingSummary:
    seconds = report.times.wall
    return DegradingSummary(
        input=input,
        output=finished.path,
        width=planned.layout.width,
        height=planned.layout.height,
        frames=report.frames,
        unique_frames=report.unique,
        seconds=seconds,
        fps=report.frames / seconds if seconds else 0.0,
        bytes=finished.bytes,
        quantizer=quantizer.describe(),
        damage=damage,
        warnings=warnings,
    )
