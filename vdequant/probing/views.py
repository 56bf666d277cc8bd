"""Consecutive frames at native size, in the form in which all questions about motion and palettes are asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vdequant.color import to_rgb
from vdequant.frames import Frame, SourceInfo
from vdequant.media.source import open_source
from vdequant.planning import Plan
from vdequant.quantizers.unmixing_snap import UnmixingSnap
from vdequant.settings import Settings

PIXELS = 40_000_000  # stored pixels that are looked at: 650 pictures of 256x240, 19 of 1080p
UNMIXED = 8  # times as few where pictures are unmixed, which takes long
UNSURE = -1
RUNS = 3  # of consecutive frames, spread over a clip that is longer


@dataclass(frozen=True)
class View:
    """One frame.

    Attributes:
        seconds: its time.
        colors: ``(h, w)`` int32, one number a color: red in bits 16 to 23, then green, then blue; UNSURE where a lossy
            codec left no clean color.
        luma: ``(h, w)`` float32 in 0..255.
    """

    seconds: float
    colors: NDArray[np.int32]
    luma: NDArray[np.float32]


def view_of(frame: Frame, plan: Plan) -> View:
    """The frame as the restoration would see it: at native size, and snapped where clean colors are known."""
    finding = plan.finding
    if finding.recovery is not None:
        picture, sure = finding.recovery.native(frame, plan.grid)
        view = as_view(picture, frame.seconds)
        return replace(view, colors=np.where(sure[0].numpy(), view.colors, np.int32(UNSURE)))
    picture = to_rgb(frame.planes, frame.layout)
    return as_view(picture if plan.grid is None else plan.grid.fold(picture), frame.seconds)


def as_view(picture: Tensor, seconds: float = 0.0) -> View:
    """The same for ``(3, h, w)`` RGB in [0, 1]."""
    codes = (picture * 255).round().int().numpy()
    red, green, blue = codes
    luma = (0.299 * red + 0.587 * green + 0.114 * blue).astype(np.float32)
    return View(seconds, (red << 16 | green << 8 | blue).astype(np.int32), luma)


def _spans(info: SourceInfo, settings: Settings, frames: int) -> list[tuple[float, float]]:
    """Start and duration, in seconds, of the runs; duration 0 goes on to the end."""
    length = info.seconds or 0.0
    wanted = float(frames / info.rate)
    if info.kind not in ("video", "folder") or length <= wanted * 1.2:
        return [(settings.start, settings.duration)]
    each = wanted / RUNS
    return [(settings.start + length * (2 * i + 1) / (2 * RUNS), each) for i in range(RUNS)]


def runs(path: str, plan: Plan, settings: Settings) -> Iterator[Iterator[View]]:
    """Runs of consecutive views, at most :data:`PIXELS` stored pixels together; nothing of a pipe."""
    info = plan.source
    if info.kind == "pipe":
        return
    recovery = plan.finding.recovery
    fewer = UNMIXED if recovery is not None and isinstance(recovery.snap, UnmixingSnap) else 1
    budget = max(RUNS * 2, PIXELS // fewer // (info.layout.width * info.layout.height))
    spans = _spans(info, settings, budget)
    settings = replace(settings, deinterlace=info.deinterlaced or "off")  # as was decided once, by a look all over
    for start, duration in spans:
        yield _run(path, plan, replace(settings, start=start, duration=duration), budget // len(spans))


def _run(path: str, plan: Plan, settings: Settings, most: int) -> Iterator[View]:
    with open_source(path, settings) as source:
        left = most
        for item in source:
            if not isinstance(item, Frame):
                continue
            yield view_of(item, plan)
            left -= 1
            if not left:
                return


def rounded(value: Fraction | float, digits: int = 4) -> float:
    """A number for JSON."""
    return round(float(value), digits)
