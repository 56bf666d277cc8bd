"""Palette transfer of files: a picture, folder or clip in the palette of another one.

    read once: shots ─► source palettes ─► matching ─► mappings (locked over each shot)
    read again ─► workers: edits.palette_transfer or edits.drawing ─► this thread: encode

Nothing is left at the output after an error, and the mapping file appears after the output.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vdequant.drawn_edits import check_samples, cost_of_drawing, load_model, sample_paths, words_of
from vdequant.edits import DIFFUSION, PALETTE_FAST, choose_texture
from vdequant.edits.mapping import PaletteMapping
from vdequant.edits.palette_transfer import PaletteTransfer, Transfer
from vdequant.errors import UsageError
from vdequant.frame_work import Recipe, margin_of, restore_native
from vdequant.frames import SourceInfo
from vdequant.media.locking import writing_alone
from vdequant.media.pipe import is_stream
from vdequant.media.plan import OutputPlan, plan_output
from vdequant.media.sink import Finished, check_output, open_sink
from vdequant.media.source import open_source
from vdequant.media.targets import check_target
from vdequant.observing import Observer, Silent, connect
from vdequant.palette_wishes import PaletteWish, find_mappings, save_mappings
from vdequant.palette_work import PaletteWork, PaletteWriter
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers import check_restorer
from vdequant.restorers.loading import load_restorer
from vdequant.running import NO_TRANSPARENCY, run_workers
from vdequant.schedule.cpu import PlannedWorkers
from vdequant.schedule.device import Engine, choose_engine
from vdequant.schedule.shortage import shortage_in_words
from vdequant.schedule.stages import StageReport
from vdequant.schedule.tiles import automatic_side
from vdequant.settings import Settings
from vdequant.shots import with_shots

if TYPE_CHECKING:
    from vdequant.restorers.diffusion import Diffusion


DRAWN_FIDELITY = 0.0  # where none is asked for


@dataclass(frozen=True, slots=True)
class PalettePlan:
    """What will be done; ``how`` and ``cost``, in words: of a diffusion model."""

    source: SourceInfo
    mappings: tuple[PaletteMapping, ...]
    wish: PaletteWish
    texture: str
    restorer: str
    outputs: Sequence[OutputPlan]
    how: str = ""
    cost: str = ""

    @property
    def colors(self) -> int:
        """At most, of a shot."""
        return max(len(mapping.source) for mapping in self.mappings)

    def lines(self) -> list[str]:
        """The plan in two short lines."""
        out, wish = self.outputs[0], self.wish
        kind = " ".join(word for word in (out.codec or out.container, out.pix_fmt) if word)
        notes = "".join(f"; {note}" for note in out.notes)
        origin = wish.mapping or wish.origin or "its own palette"
        shots = "" if len(self.mappings) == 1 else f", {len(self.mappings)} shots"
        names = out.path if len(self.outputs) == 1 else f"{out.path} to {self.outputs[-1].path}"
        method = f" by {wish.method}" if wish.origin else ""
        by = f"dequantized by {self.restorer}" if self.restorer else "which needs no restorer"
        by += f" ({self.how})" if self.how else ""
        return [
            f"palette: {self.colors} colors to those of {origin}{method}{shots}; texture {self.texture}, "
            f"{by}{self.cost}",
            f"writing: {names}, {kind}, {out.layout.width}x{out.layout.height}{notes}",
        ]


@dataclass(frozen=True, slots=True)
class PaletteSummary:
    """What was done.

    ``certificate``: share of the measured samples whose nearest color is the one that was asked for. ``palette_psnr``
    and ``palette_ssim``: the paper's palette error, the result quantized anew against the remapped source; None where
    they do not differ, or, for SSIM, in pictures below 11x11. ``measured_frames``: of which these three are.
    ``outputs``: all of them, of several samples; ``output`` is the first. ``seed``: of the first.
    """

    input: str
    output: str
    outputs: tuple[str, ...]
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
    seed: int
    certificate: float
    measured_frames: int
    palette_psnr: float | None
    palette_ssim: float | None
    damage: str
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _in_color(info: SourceInfo) -> SourceInfo:
    """A gray source gets a palette of colors."""
    return replace(info, layout=replace(info.layout, model="rgb")) if info.layout.model == "gray" else info


def _restorer(texture: str, settings: Settings, *, drawn: bool, small: bool) -> str:
    """The dequantizer's name; "" where the texture tells what it would guess."""
    if drawn:
        return DIFFUSION
    if texture == "L":
        return ""
    return settings.restorer if settings.restorer != "auto" else "cellnet-s" if small else "cellnet-m"


def _fidelity(wish: PaletteWish, settings: Settings, *, drawn: bool) -> float:
    """Share of the way into the cells. A model that is told texture smooths what cells would cut off."""
    if wish.fidelity is not None:
        return wish.fidelity
    return DRAWN_FIDELITY if drawn else settings.fidelity


def _recipe(settings: Settings, engine: Engine, name: str, output: OutputPlan, info: SourceInfo) -> Recipe:
    restorer = load_restorer(name or "identity", tiled=bool(settings.tile)).to(engine.device, engine.dtype)
    return Recipe(
        restorer=restorer,
        quantizer=UniformQuantizer.of_bits((8, 8, 8)),  # each shot has its own
        output=output.layout,
        fidelity=settings.fidelity,
        tile=settings.tile or automatic_side(info.layout.height, info.layout.width, engine.device, restorer.needs.halo),
    )


def _maker(texture: str, recipe: Recipe, model: Diffusion | None) -> Callable[[PaletteMapping], Transfer]:
    """What makes the transfer for a mapping: one that the model draws, or that the recipe's restorer dequantizes."""
    fidelity, margin = recipe.fidelity, margin_of(recipe)
    if model is None:
        dequantize = partial(_dequantize, recipe)
        return partial(PaletteTransfer, dequantize=dequantize, texture=texture, fidelity=fidelity, margin=margin)
    from vdequant.edits.drawing import DrawnTransfer

    return partial(DrawnTransfer, model=model, texture=texture, fidelity=fidelity, margin=margin)


def _dequantize(recipe: Recipe, stored: Tensor, quantizer: Quantizer) -> Tensor:
    return restore_native(replace(recipe, quantizer=quantizer), stored)


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
        output: path whose suffix decides the format; of several samples "-1", "-2" and so on are added to its name.
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
    way = choose_texture(wish.texture, settings.restorer, PALETTE_FAST)
    with ExitStack() as locks:
        for path in sample_paths(output, settings.samples):
            locks.enter_context(writing_alone(path))
        return _transfer(input, output, wish, way, settings, observer)


def _transfer(
    input: str,
    output: str,
    wish: PaletteWish,
    way: tuple[str, bool],
    settings: Settings,
    observer: Observer[PalettePlan],
) -> PaletteSummary:
    engine, (texture, drawn) = choose_engine(settings.device, settings.workers), way
    settings = replace(settings, fidelity=_fidelity(wish, settings, drawn=drawn))
    with open_source(input, settings) as source:
        check_samples(settings, drawn=drawn, still=source.info.kind == "image")
        planned = plan_output(output, _in_color(source.info), settings)
        each = [replace(planned, path=path) for path in sample_paths(output, settings.samples)]
        for one in each:
            check_output(one, source, overwrite=settings.overwrite)
        if wish.save_mapping:
            check_target(wish.save_mapping, input, overwrite=settings.overwrite)
        mappings = find_mappings(source, input, wish)
    with ExitStack() as opened:
        source = opened.enter_context(open_source(input, settings))
        sinks = [opened.enter_context(open_sink(one, source, overwrite=settings.overwrite)) for one in each]
        info, still = source.info, source.info.kind == "image"
        name = _restorer(texture, settings, drawn=drawn, small=not still and engine.device.type == "cpu")
        plan = PalettePlan(info, tuple(mappings), wish, texture, name, each)
        model = _begin_drawing(plan, settings, engine, observer) if drawn else None
        if model is None:
            observer.planned(plan)
        recipe = _recipe(settings, engine, "" if drawn else name, planned, info)
        threads = engine.workers if drawn and still else 1
        work = PaletteWork(mappings, _maker(texture, recipe, model), planned, engine, max(1, settings.samples), threads)
        writer = PaletteWriter(sinks, planned)
        items = with_shots(source, [mapping.frame for mapping in mappings], work.begin)
        report = run_workers(items, source, PlannedWorkers(work.plan, engine.workers), writer, observer)
        finished = [sink.finish() for sink in sinks]
        warnings, damage = (*source.warnings, *sinks[0].warnings), source.damage.line()
    if wish.save_mapping:
        save_mappings(mappings, wish.save_mapping)
    if writer.lost_alpha:
        warnings = (*warnings, NO_TRANSPARENCY)
    for text in warnings:
        observer.warned(text)
    return _summary(input, plan, settings.seed, writer, report, finished, damage, warnings)


def _begin_drawing(plan: PalettePlan, settings: Settings, engine: Engine, observer: Observer[PalettePlan]) -> Diffusion:
    """Load the model and tell the plan with the time that it takes."""
    model, layout = load_model(plan.texture, settings, engine), plan.source.layout
    cost = cost_of_drawing(model, plan.source, engine, (layout.height, layout.width))
    observer.planned(replace(plan, how=words_of(model.sampling), cost=cost))
    if plan.source.kind == "image":  # of a video the frames are counted
        connect(model, observer)
    return model


def _summary(
    input: str,
    plan: PalettePlan,
    seed: int,
    writer: PaletteWriter,
    report: StageReport,
    finished: Sequence[Finished],
    damage: str,
    warnings: tuple[str, ...],
) -> PaletteSummary:
    seconds, layout = report.times.wall, plan.outputs[0].layout
    return PaletteSummary(
        input=input,
        output=os.fspath(finished[0].path),
        outputs=tuple(os.fspath(one.path) for one in finished),
        width=layout.width,
        height=layout.height,
        frames=report.frames,
        unique_frames=report.unique,
        seconds=seconds,
        fps=report.frames / seconds if seconds else 0.0,
        bytes=sum(one.bytes for one in finished),
        colors=plan.colors,
        shots=len(plan.mappings),
        method=plan.wish.method,
        texture=plan.texture,
        restorer=plan.restorer,
        seed=seed,
        certificate=writer.mean(0) or 0.0,
        measured_frames=len(writer.measured) // len(finished),
        palette_psnr=writer.mean(1),
        palette_ssim=writer.mean(2),
        damage=damage,
        warnings=warnings,
    )
