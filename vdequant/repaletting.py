"""Palette transfer of files: a picture, folder or clip in the palette of another one.

    read once: shots ─► source palettes ─► matching ─► mappings (locked over each shot)
    read again ─► workers: edits.palette_transfer ─► this thread: encode

Nothing is left at the output after an error, and the mapping file appears after the output.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from torch import Tensor

from vdequant.color import from_rgb, to_rgb
from vdequant.edits.mapping import PaletteMapping
from vdequant.edits.palette_transfer import PaletteTransfer, Transferred
from vdequant.errors import UsageError
from vdequant.frame_work import Recipe, expand, margin_of, restore_native
from vdequant.frames import Frame, SegmentStart, SidePacket, SourceInfo
from vdequant.media.locking import writing_alone
from vdequant.media.pipe import is_stream
from vdequant.media.plan import OutputPlan, plan_output
from vdequant.media.sink import Finished, Sink, check_output, open_sink
from vdequant.media.source import open_source
from vdequant.media.targets import check_target
from vdequant.observing import Observer, Silent
from vdequant.palette_error import palette_error
from vdequant.palette_wishes import PaletteWish, find_mappings, save_mappings
from vdequant.pipeline import load_restorer
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers import check_restorer
from vdequant.running import NO_TRANSPARENCY, run_workers
from vdequant.schedule.cpu import PlannedWorkers
from vdequant.schedule.device import Engine, choose_engine
from vdequant.schedule.shortage import shortage_in_words
from vdequant.schedule.stages import StageReport
from vdequant.schedule.tiles import automatic_side
from vdequant.settings import Settings
from vdequant.shots import with_shots

MEASURE_EVERY = 24  # frames between two whose palette fidelity is measured

Measured = tuple[float, float | None, float | None]  # share in cells, palette PSNR in dB, palette SSIM


@dataclass(frozen=True, slots=True)
class PalettePlan:
    """What will be done."""

    source: SourceInfo
    mappings: tuple[PaletteMapping, ...]
    wish: PaletteWish
    restorer: str
    output: OutputPlan

    def lines(self) -> list[str]:
        """The plan in two short lines."""
        out, wish = self.output, self.wish
        kind = " ".join(word for word in (out.codec or out.container, out.pix_fmt) if word)
        notes = "".join(f"; {note}" for note in out.notes)
        origin = wish.mapping or wish.origin or "its own palette"
        shots = "" if len(self.mappings) == 1 else f", {len(self.mappings)} shots"
        colors = max(len(mapping.source) for mapping in self.mappings)
        method = f" by {wish.method}" if wish.origin else ""
        return [
            f"palette: {colors} colors to those of {origin}{method}{shots}; texture {wish.texture}, "
            f"{f'dequantized by {self.restorer}' if self.restorer else 'which needs no restorer'}",
            f"writing: {out.path}, {kind}, {out.layout.width}x{out.layout.height}{notes}",
        ]


@dataclass(frozen=True, slots=True)
class PaletteSummary:
    """What was done.

    ``certificate``: share of the measured samples whose nearest color is the one that was asked for. ``palette_psnr``
    and ``palette_ssim``: the paper's palette error, the result quantized anew against the remapped source; None where
    they do not differ, or, for SSIM, in pictures below 11x11.
    """

    input: str
    output: str
    width: int
    height: int
    frames: int
    unique_frames: int
    seconds: float
    fps: float
    bytes: int
    colors: int
    shots: int
    method: str
    texture: str
    restorer: str
    certificate: float
    palette_psnr: float | None
    palette_ssim: float | None
    damage: str
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Done:
    """Planes of one frame, and what was measured of some."""

    planes: tuple[Tensor, ...]
    measured: Measured | None = None


class _Work:
    """What is done to frames: the transfer of the shot that they are in, in order; some are measured."""

    def __init__(self, mappings: Sequence[PaletteMapping], recipe: Recipe, output: OutputPlan, engine: Engine) -> None:
        self.recipe, self.output, self.engine = recipe, output, engine
        self.mappings = mappings
        self.texture = "L"
        self._since = 0
        self._transfer: PaletteTransfer | None = None

    def begin(self, shot: int) -> None:
        """The frames that follow are of this shot."""
        self._transfer = PaletteTransfer(
            self.mappings[shot],
            self._dequantize,
            texture=self.texture,
            fidelity=self.recipe.fidelity,
            margin=margin_of(self.recipe),
        )
        self._since = 0

    def _dequantize(self, stored: Tensor, quantizer: Quantizer) -> Tensor:
        return restore_native(replace(self.recipe, quantizer=quantizer), stored)

    def plan(self, frame: Frame) -> partial[_Done]:
        """The work for the next frame."""
        if self._transfer is None:
            raise ValueError("expected begin() before the first frame")
        measure = self._since % MEASURE_EVERY == 0
        self._since += 1
        return partial(self._run, self._transfer, frame, measure)

    def _run(self, transfer: PaletteTransfer, frame: Frame, measure: bool) -> _Done:
        x = to_rgb(frame.planes, frame.layout)[None].to(self.engine.device)
        done = transfer(x)
        picture, layout = done.result.cpu(), self.output.layout
        enlarged = expand(picture, self.output.scale, self.output.scale, layout.height, layout.width)
        planes = from_rgb(enlarged[0], layout, self.output.dither)
        return _Done(planes, measured(transfer, done) if measure else None)


def measured(transfer: PaletteTransfer, done: Transferred) -> Measured:
    """Share of the samples in their cells, and the palette error of one picture."""
    return transfer.kept(done), *palette_error(done.result, done.stored, len(transfer.mapping.source))


class _Writer:
    """Puts results in the place of the source's planes, writes them, and collects what was measured."""

    def __init__(self, sink: Sink, output: OutputPlan) -> None:
        self.sink, self.output = sink, output
        self.measured: list[Measured] = []
        self.lost_alpha = False

    def __call__(self, item: Frame | SidePacket, result: _Done | None) -> None:
        if isinstance(item, SegmentStart):
            return
        if isinstance(item, Frame) and result is not None:
            if result.measured is not None:
                self.measured.append(result.measured)
            pictures = self.output.kind in ("image", "folder")
            self.lost_alpha |= item.alpha is not None and not pictures
            alpha = item.alpha if pictures else None
            item = replace(item, planes=result.planes, layout=self.output.layout, alpha=alpha)
        self.sink.write(item)

    def mean(self, place: int) -> float | None:
        """The mean of what was measured in this place of the rows; None for none."""
        values = [value for row in self.measured if (value := row[place]) is not None]
        return round(sum(values) / len(values), 6) if values else None


def _in_color(info: SourceInfo) -> SourceInfo:
    """A gray source gets a palette of colors."""
    return replace(info, layout=replace(info.layout, model="rgb")) if info.layout.model == "gray" else info


def _restorer(wish: PaletteWish, settings: Settings, *, small: bool) -> str:
    """The dequantizer's name; "" where the texture tells what it would guess."""
    if wish.texture == "L":
        return ""
    return settings.restorer if settings.restorer != "auto" else "cellnet-s" if small else "cellnet-m"


def _recipe(settings: Settings, engine: Engine, name: str, output: OutputPlan, info: SourceInfo) -> Recipe:
    restorer = load_restorer(name or "identity", tiled=bool(settings.tile)).to(engine.device, engine.dtype)
    return Recipe(
        restorer=restorer,
        quantizer=UniformQuantizer.of_bits((8, 8, 8)),  # each shot has its own
        output=output.layout,
        fidelity=settings.fidelity,
        tile=settings.tile or automatic_side(info.layout.height, info.layout.width, engine.device, restorer.needs.halo),
    )


@shortage_in_words()
def transfer_palette(
    input: str,
    output: str,
    wish: PaletteWish,
    settings: Settings | None = None,
    observer: Observer[PalettePlan] | None = None,
) -> PaletteSummary:
    """Show ``input`` in another palette: picture, folder of frames, or video, which is read twice.

    Args:
        input: path; standard input cannot be read twice.
        output: path whose suffix decides the format.
        wish: the palette, and how it is transferred.
        settings: how to read, dequantize and write; ``quantizer`` and what is about time and native size do not count.
        observer: is told the plan, progress and warnings.

    Raises:
        VdequantError: one line with cause and remedy; nothing is left at ``output`` then.
    """
    settings, observer = settings or Settings(), observer or Silent()
    if "-" in (input, output) or is_stream(input):
        raise UsageError("expected files, since the input is read twice, got - (a pipe)")
    if wish.save_mapping and os.path.abspath(wish.save_mapping) == os.path.abspath(output):
        raise UsageError(f"expected two names for -o and --save-mapping, got {output} for both")
    check_restorer(settings.restorer, "auto")
    with writing_alone(output):
        return _transfer(input, output, wish, settings, observer)


def _transfer(
    input: str, output: str, wish: PaletteWish, settings: Settings, observer: Observer[PalettePlan]
) -> PaletteSummary:
    engine = choose_engine(settings.device, settings.workers)
    with open_source(input, settings) as source:
        planned = plan_output(output, _in_color(source.info), settings)
        check_output(planned, source, overwrite=settings.overwrite)
        if wish.save_mapping:
            check_target(wish.save_mapping, input, overwrite=settings.overwrite)
        mappings = find_mappings(source, input, wish)
    with open_source(input, settings) as source, open_sink(planned, source, overwrite=settings.overwrite) as sink:
        name = _restorer(wish, settings, small=source.info.kind != "image" and engine.device.type == "cpu")
        observer.planned(PalettePlan(source.info, tuple(mappings), wish, name, planned))
        work = _Work(mappings, _recipe(settings, engine, name, planned, source.info), planned, engine)
        work.texture = wish.texture
        writer = _Writer(sink, planned)
        items = with_shots(source, [mapping.frame for mapping in work.mappings], work.begin)
        report = run_workers(items, source, PlannedWorkers(work.plan, engine.workers), writer, observer)
        finished = sink.finish()
        warnings, damage = (*source.warnings, *sink.warnings), source.damage.line()
    if wish.save_mapping:
        save_mappings(mappings, wish.save_mapping)
    if writer.lost_alpha:
        warnings = (*warnings, NO_TRANSPARENCY)
    for text in warnings:
        observer.warned(text)
    return _summary(input, wish, name, mappings, planned, writer, report, finished, damage, warnings)


def _summary(
    input: str,
    wish: PaletteWish,
    restorer: str,
    mappings: Sequence[PaletteMapping],
    planned: OutputPlan,
    writer: _Writer,
    report: StageReport,
    finished: Finished,
    damage: str,
    warnings: tuple[str, ...],
) -> PaletteSummary:
    seconds = report.times.wall
    return PaletteSummary(
        input=input,
        output=os.fspath(finished.path),
        width=planned.layout.width,
        height=planned.layout.height,
        frames=report.frames,
        unique_frames=report.unique,
        seconds=seconds,
        fps=report.frames / seconds if seconds else 0.0,
        bytes=finished.bytes,
        colors=max(len(mapping.source) for mapping in mappings),
        shots=len(mappings),
        method=wish.method,
        texture=wish.texture,
        restorer=restorer,
        certificate=writer.mean(0) or 0.0,
        palette_psnr=writer.mean(1),
        palette_ssim=writer.mean(2),
        damage=damage,
        warnings=warnings,
    )
