"""Recoloring of picture files: a part of a picture gets another color, the rest stays bit for bit.

open_source ─► mask (file, rectangle, point) ─► edits.recolor or edits.drawing ─► stored planes where it is 0 ─► sink
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vdequant.color import from_rgb, to_rgb
from vdequant.drawn_edits import check_samples, cost_of_drawing, load_model, sample_paths, words_of
from vdequant.edits import DIFFUSION, RECOLOR_FAST, choose_texture
from vdequant.edits.mapping import as_hex, as_tensor, parse_color
from vdequant.edits.recolor import filled, mean_color, recolor
from vdequant.errors import InputError, UsageError
from vdequant.frames import Frame
from vdequant.media.contracts import Source
from vdequant.media.locking import writing_alone
from vdequant.media.plan import OutputPlan, plan_output
from vdequant.media.sink import Finished, check_output, open_sink
from vdequant.media.source import open_source
from vdequant.observing import Observer, Silent, connect
from vdequant.palette_error import palette_error
from vdequant.recolor_wishes import RecolorWish, find_weight
from vdequant.schedule.device import choose_engine
from vdequant.schedule.shortage import shortage_in_words
from vdequant.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Painter = Callable[[int], Tensor]  # makes the sample of that number

PALETTE = 16  # colors with which the palette error is measured (*diffusion*, section 6)


@dataclass(frozen=True, slots=True)
class RecolorPlan:
    """What will be done; ``how`` and ``cost``, in words: of a diffusion model."""

    color: str
    share: float
    texture: str
    outputs: Sequence[OutputPlan]
    how: str = ""
    cost: str = ""

    def lines(self) -> list[str]:
        """The plan in two short lines."""
        out = self.outputs[0]
        notes = "".join(f"; {note}" for note in out.notes)
        names = out.path if len(self.outputs) == 1 else f"{out.path} to {self.outputs[-1].path}"
        drawn = f", drawn by {DIFFUSION} ({self.how}){self.cost}" if self.how else ""
        return [
            f"recoloring: {self.share:.1%} of the picture to {self.color}; texture {self.texture}{drawn}",
            f"writing: {names}, {out.layout.width}x{out.layout.height}, {out.layout.bits} bits{notes}",
        ]


@dataclass(frozen=True, slots=True)
class RecolorSummary:
    """What was done.

    ``masked``: share of the pixels that may have changed. ``got``: mean color inside the mask afterwards.
    ``palette_psnr`` and ``palette_ssim``: the paper's palette error with 16 colors, the result against the source with
    the flat color in the mask; None where they do not differ, or, for SSIM, below 11x11. ``outputs``: all of them, of
    several samples; ``output`` and all else is of the first.
    """

    input: str
    output: str
    outputs: tuple[str, ...]
    width: int
    height: int
    seconds: float
    bytes: int
    color: str
    got: str
    texture: str
    restorer: str
    seed: int
    masked: float
    palette_psnr: float | None
    palette_ssim: float | None
    damage: str
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _planned(output: str, frame: Frame, source: Source, settings: Settings) -> OutputPlan:
    """A picture of the input's own depth unless another one is asked for, rounded without dither."""
    if source.info.kind != "image":
        raise UsageError(f"expected one picture to recolor, got a {source.info.kind}: {source.info.path}")
    bits = settings.bits or (8 if frame.layout.bits == 8 else 16)
    info = replace(source.info, layout=replace(source.info.layout, model="rgb"))
    return replace(plan_output(output, info, replace(settings, bits=bits)), dither=False)


def _composed(frame: Frame, painted: Tensor, weight: Tensor, output: OutputPlan) -> tuple[Tensor, ...]:
    """Planes of the output: where nothing changes the stored samples themselves, if the depth is the same."""
    planes = from_rgb(painted[0], output.layout)
    if frame.layout.bits != output.layout.bits:
        return planes
    stored = frame.planes if len(frame.planes) == 3 else frame.planes * 3
    outside = weight[0, 0] == 0
    return tuple(torch.where(outside, old, new) for old, new in zip(stored, planes, strict=True))


def _warnings(output: OutputPlan, source: Source) -> tuple[str, ...]:
    if output.container not in (".jpg", ".jpeg"):
        return tuple(source.warnings)
    return (*source.warnings, "JPEG changes what lies outside the mask as well; .png, .tif and .webp keep it exactly")


@dataclass(frozen=True, slots=True)
class _Job:
    """What is to be done to one picture: ``x`` ``(1, 3, H, W)`` of ``frame``, where ``weight`` says."""

    frame: Frame
    x: Tensor
    weight: Tensor
    color: Tensor
    outputs: Sequence[OutputPlan]
    texture: str
    drawn: bool


def _job(source: Source, output: str, wish: RecolorWish, settings: Settings) -> _Job:
    """Look at the input; refuse what cannot be done to it."""
    texture, drawn = choose_texture(wish.texture, settings.restorer, RECOLOR_FAST)
    check_samples(settings, drawn=drawn, still=True)
    frame = next(iter(source.sample(1)), None)
    if frame is None:
        raise InputError(f"expected a picture in {source.info.path}, found none that decodes")
    planned = _planned(output, frame, source, settings)
    outputs = [replace(planned, path=path) for path in sample_paths(output, settings.samples)]
    for one in outputs:
        check_output(one, source, overwrite=settings.overwrite)
    x = to_rgb(frame.planes, frame.layout)[None]
    weight = find_weight(x, wish)
    color = mean_color(x, weight) if wish.color == "mean" else as_tensor([parse_color(wish.color)]).view(1, 3, 1, 1)
    return _Job(frame, x, weight, color, outputs, texture, drawn)


def _begin(job: _Job, source: Source, settings: Settings, observer: Observer[RecolorPlan]) -> Painter:
    """Tell the plan, and give what paints a sample."""
    masked = float((job.weight > 0).float().mean())
    plan = RecolorPlan(as_hex(job.color.flatten()), masked, job.texture, job.outputs)
    if not job.drawn:
        observer.planned(plan)
        return lambda number: recolor(job.x, job.weight, job.color, texture=job.texture)
    from vdequant.edits.drawing import drawn_recolor, view_of

    engine = choose_engine(settings.device, settings.workers)
    model = load_model(job.texture, settings, engine)
    rows, columns = view_of(job.weight)
    cost = cost_of_drawing(model, source.info, engine, (rows.stop - rows.start, columns.stop - columns.start))
    observer.planned(replace(plan, how=words_of(model.sampling), cost=cost))
    connect(model, observer)
    given = [one.to(engine.device) for one in (job.x, job.weight, job.color)]
    return lambda number: drawn_recolor(model, *given, texture=job.texture, number=number).cpu()


@shortage_in_words()
def recolor_picture(
    input: str,
    output: str,
    wish: RecolorWish,
    settings: Settings | None = None,
    observer: Observer[RecolorPlan] | None = None,
) -> RecolorSummary:
    """Give a part of a picture file another color; outside the mask every sample stays as it was stored.

    Args:
        input: path of a picture.
        output: path whose suffix decides the format; of several samples "-1", "-2" and so on are added to its name.
        wish: where, and which color.
        settings: how to read and write: ``bits`` (0: the input's own depth), ``overwrite``, ``max_pixels``; and how to
            draw: ``restorer`` ("auto" or "diffusion"), ``sampler``, ``steps``, ``seed``, ``samples``, ``device``.
        observer: is told the plan and warnings.

    Raises:
        VdequantError: one line with cause and remedy; nothing is left at ``output`` then.
    """
    settings, observer = settings or Settings(), observer or Silent()
    if "-" in (input, output):
        raise UsageError("expected picture files to recolor, got - (a pipe)")
    if settings.restorer not in ("auto", DIFFUSION):
        raise UsageError(f"expected --restorer auto or {DIFFUSION} to recolor, got {settings.restorer}")
    began = time.perf_counter()
    with ExitStack() as opened:
        for path in sample_paths(output, settings.samples):
            opened.enter_context(writing_alone(path))
        source = opened.enter_context(open_source(input, settings))
        job = _job(source, output, wish, settings)
        paint = _begin(job, source, settings, observer)
        sinks = [opened.enter_context(open_sink(one, source, overwrite=settings.overwrite)) for one in job.outputs]
        painted = paint(0)
        for number, sink in enumerate(sinks):
            made = paint(number) if number else painted
            planes = _composed(job.frame, made, job.weight, job.outputs[0])
            sink.write(replace(job.frame, planes=planes, layout=job.outputs[0].layout))
        finished = [sink.finish() for sink in sinks]
        warnings = (*_warnings(job.outputs[0], source), *sinks[0].warnings)
        damage = source.damage.line()
    for text in warnings:
        observer.warned(text)
    seconds = time.perf_counter() - began
    return _summary(input, job, settings.seed, painted, finished, seconds, damage, warnings)


def _summary(
    input: str,
    job: _Job,
    seed: int,
    painted: Tensor,
    finished: Sequence[Finished],
    seconds: float,
    damage: str,
    warnings: tuple[str, ...],
) -> RecolorSummary:
    layout = job.outputs[0].layout
    error, similar = palette_error(painted, filled(job.x, job.weight, job.color), PALETTE)
    return RecolorSummary(
        input=input,
        output=os.fspath(finished[0].path),
        outputs=tuple(os.fspath(one.path) for one in finished),
        width=layout.width,
        height=layout.height,
        seconds=seconds,
        bytes=sum(one.bytes for one in finished),
        color=as_hex(job.color.flatten()),
        got=as_hex(mean_color(painted, job.weight).flatten()),
        texture=job.texture,
        restorer=DIFFUSION if job.drawn else "",
        seed=seed,
        masked=round(float((job.weight > 0).float().mean()), 6),
        palette_psnr=error,
        palette_ssim=similar,
        damage=damage,
        warnings=warnings,
    )
