"""Recoloring of picture files: a part of a picture gets another color, the rest stays bit for bit.

open_source ─► mask (file, rectangle, point) ─► edits.recolor ─► stored planes where the mask is 0 ─► ImageSink
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vdequant.checks import check_choice
from vdequant.color import from_rgb, to_rgb
from vdequant.edits import RECOLOR_TEXTURES
from vdequant.edits.mapping import as_hex, as_tensor, parse_color
from vdequant.edits.recolor import filled, mean_color, recolor
from vdequant.edits.segment_masks import ENDINGS, choose_mask, read_masks
from vdequant.edits.selecting import (
    flood,
    grabcut,
    inside_picture,
    parse_point,
    parse_rect,
    rectangle,
    soft_inside,
)
from vdequant.errors import InputError, UsageError
from vdequant.frames import Frame
from vdequant.masking import read_mask
from vdequant.media.contracts import Source
from vdequant.media.locking import writing_alone
from vdequant.media.plan import OutputPlan, plan_output
from vdequant.media.sink import check_output, open_sink
from vdequant.media.source import open_source
from vdequant.observing import Observer, Silent
from vdequant.palette_error import palette_error
from vdequant.schedule.shortage import shortage_in_words
from vdequant.settings import Settings

PALETTE = 16  # colors with which the palette error is measured (*diffusion*, section 6)
LARGEST_FEATHER = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecolorWish:
    """What is asked for.

    Attributes:
        color: "#rrggbb", or "mean": the part's own mean color.
        mask: file: a picture, white selects; or Segment Anything's masks (.json, .npy).
        index: which of several masks. point: "x,y", the seed of a flood, or what the mask has to hold.
        rect: "x,y,width,height". grabcut: only what stands out inside it.
        tolerance: of the flood, in 8-bit codes.
        feather: pixels from the mask's edge inward over which the color sets in.
        texture: of RECOLOR_TEXTURES.
    """

    color: str
    mask: str = ""
    index: int | None = None
    point: str = ""
    rect: str = ""
    grabcut: bool = False
    tolerance: int = 16
    feather: float = 1.0
    texture: str = "L"

    def __post_init__(self) -> None:
        check_choice(self.texture, RECOLOR_TEXTURES, "--texture")
        if self.color != "mean":
            parse_color(self.color)
        self._check_place()
        if not 0 <= self.tolerance <= 255:
            raise UsageError(f"expected --tolerance between 0 and 255, got {self.tolerance}")
        if not 0 <= self.feather <= LARGEST_FEATHER:
            raise UsageError(f"expected --feather between 0 and {LARGEST_FEATHER:g} pixels, got {self.feather}")

    def _check_place(self) -> None:
        if sum(map(bool, (self.mask, self.rect, self.point))) - bool(self.mask and self.point) != 1:
            raise UsageError("expected one of --mask FILE, --rect X,Y,W,H and --point X,Y, to say what is recolored")
        if self.grabcut and not self.rect:
            raise UsageError("expected --rect X,Y,W,H around what --grabcut has to find, got none")
        several = Path(self.mask).suffix.lower() in ENDINGS
        if (self.index is not None or (self.mask and self.point)) and not several:
            raise UsageError(
                f"--mask-index and --point choose among the masks of a {' or '.join(ENDINGS)} file; drop it"
            )
        if self.rect:
            parse_rect(self.rect)
        if self.point:
            parse_point(self.point)


@dataclass(frozen=True, slots=True)
class RecolorPlan:
    """What will be done."""

    color: str
    share: float
    output: OutputPlan

    def lines(self) -> list[str]:
        """The plan in two short lines."""
        notes = "".join(f"; {note}" for note in self.output.notes)
        layout = self.output.layout
        return [
            f"recoloring: {self.share:.1%} of the picture to {self.color}",
            f"writing: {self.output.path}, {layout.width}x{layout.height}, {layout.bits} bits{notes}",
        ]


@dataclass(frozen=True, slots=True)
class RecolorSummary:
    """What was done.

    ``masked``: share of the pixels that may have changed. ``got``: mean color inside the mask afterwards.
    ``palette_psnr`` and ``palette_ssim``: the paper's palette error with 16 colors, the result against the source with
    the flat color in the mask; None where they do not differ, or, for SSIM, below 11x11.
    """

    input: str
    output: str
    width: int
    height: int
    seconds: float
    bytes: int
    color: str
    got: str
    texture: str
    masked: float
    palette_psnr: float | None
    palette_ssim: float | None
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def find_weight(x: Tensor, wish: RecolorWish) -> Tensor:
    """The mask of a picture ``(1, 3, H, W)``: ``(1, 1, H, W)``, 0 where nothing changes.

    Raises:
        InputError: the mask's file cannot be read, or is for another size.
        UsageError: the place is not in the picture, or the mask is empty.
    """
    height, width = x.shape[-2:]
    point = inside_picture(parse_point(wish.point), width, height) if wish.point else None
    gray: Tensor | None = None
    if wish.mask and Path(wish.mask).suffix.lower() in ENDINGS:
        bits = choose_mask(read_masks(wish.mask, (width, height)), index=wish.index, point=point)
    elif wish.mask:
        gray = read_mask(wish.mask, width, height)
        bits = gray[0, 0].numpy() > 0
    elif wish.rect:
        box = parse_rect(wish.rect)
        bits = grabcut(x, box) if wish.grabcut else rectangle(box, width, height)
    else:
        bits = flood(x, point or (0, 0), wish.tolerance)
    if not bits.any():
        raise UsageError("expected a mask that selects something, got an empty one; white selects, black does not")
    weight = soft_inside(np.ascontiguousarray(bits), wish.feather)
    return weight if gray is None else torch.minimum(weight, gray)


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
        output: path whose suffix decides the format.
        wish: where, and which color.
        settings: how to read and write: ``bits`` (0: the input's own depth), ``overwrite``, ``max_pixels``.
        observer: is told the plan and warnings.

    Raises:
        VdequantError: one line with cause and remedy; nothing is left at ``output`` then.
    """
    settings, observer = settings or Settings(), observer or Silent()
    if "-" in (input, output):
        raise UsageError("expected picture files to recolor, got - (a pipe)")
    began = time.perf_counter()
    with writing_alone(output), open_source(input, settings) as source:
        frame = next(iter(source.sample(1)), None)
        if frame is None:
            raise InputError(f"expected a picture in {input}, found none that decodes")
        planned = _planned(output, frame, source, settings)
        check_output(planned, source, overwrite=settings.overwrite)
        x = to_rgb(frame.planes, frame.layout)[None]
        weight = find_weight(x, wish)
        color = mean_color(x, weight) if wish.color == "mean" else as_tensor([parse_color(wish.color)]).view(1, 3, 1, 1)
        masked = float((weight > 0).float().mean())
        observer.planned(RecolorPlan(as_hex(color.flatten()), masked, planned))
        painted = recolor(x, weight, color, texture=wish.texture)
        with open_sink(planned, source, overwrite=settings.overwrite) as sink:
            sink.write(replace(frame, planes=_composed(frame, painted, weight, planned), layout=planned.layout))
            finished = sink.finish()
            warnings = (*_warnings(planned, source), *sink.warnings)
    for text in warnings:
        observer.warned(text)
    error, similar = palette_error(painted, filled(x, weight, color), PALETTE)
    return RecolorSummary(
        input=input,
        output=finished.path,
        width=planned.layout.width,
        height=planned.layout.height,
        seconds=time.perf_counter() - began,
        bytes=finished.bytes,
        color=as_hex(color.flatten()),
        got=as_hex(mean_color(painted, weight).flatten()),
        texture=wish.texture,
        masked=round(masked, 6),
        palette_psnr=error,
        palette_ssim=similar,
        warnings=warnings,
    )
