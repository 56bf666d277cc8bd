"""Looks at the input before anything is written: what was lost, and what will be done about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from vdequant.color import to_rgb
from vdequant.errors import InputError, UsageError
from vdequant.frames import Frame, SourceInfo
from vdequant.media.plan import OutputPlan
from vdequant.media.source import Source
from vdequant.models.prior_weights import is_prior
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.chroma import ChromaQuantizer
from vdequant.quantizers.estimate import Finding, estimate
from vdequant.quantizers.grid import Grid
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.quantizers.jpeg_source import with_header
from vdequant.quantizers.jpeg_traces import with_traces
from vdequant.quantizers.snapping import SnappedQuantizer
from vdequant.quantizers.spec import Request, parse_quantizer, resolve
from vdequant.quantizers.threshold import ThresholdQuantizer
from vdequant.quantizers.unknown_threshold import UnknownThreshold
from vdequant.quantizers.video import VideoQuantizer
from vdequant.quantizers.webp_source import LikeJpeg, with_step
from vdequant.restorers import RESTORERS, check_restorer
from vdequant.restorers.base import Costly
from vdequant.restorers.sampling import check_drawn
from vdequant.schedule.device import Engine
from vdequant.settings import Settings
from vdequant.smoothing import choose_temporal

SAMPLES = 12  # frames looked at by the probe
LOSSY_SAMPLES = 24  # behind a lossy codec, where clean colors have to be found among many
SAMPLED_PIXELS = 30_000_000  # at most, over these frames
FOR_JPEG = "dequantizernet+"  # the restorer that knows JPEG's tables


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found in the input and what will be done about it.

    ``neighbors``: frames on each side that are asked as well. In words, ``kept``: of an earlier run; ``cost``: the time
    that a slow restorer takes.
    """

    source: SourceInfo
    finding: Finding
    quantizer: Quantizer
    restorer: str
    engine: Engine
    dithered: bool
    output: OutputPlan | None
    temporal: str = "off"
    why_temporal: str = ""
    neighbors: int = 0
    kept: str = ""
    cost: str = ""

    @property
    def device(self) -> str:
        """Where the network will run, in words."""
        return self.engine.describe()

    @property
    def tolerance(self) -> float:
        """By how much a lossy codec widens the cells, in [0, 1] units; 0 for lossless sources."""
        return float(getattr(self.quantizer, "tolerance", 0.0)) if not self.finding.lossless else 0.0

    @property
    def native(self) -> tuple[Fraction, Fraction]:
        """Horizontal and vertical size of a native pixel."""
        return self.finding.native_scale

    @property
    def grid(self) -> Grid | None:
        """Of the native pixels that are restored, None when all stored ones are."""
        return fitting_grid(self.finding.grid, self.quantizer)

    def _doing(self) -> str:
        if self.restorer == "identity" and self.finding.recovery is not None:
            return "snap to the clean colors, nothing more (drawn art; --restorer cellnet-m tries all the same)"
        if self.restorer == "identity":
            return "nothing (no loss that could be restored; --restorer cellnet-m tries all the same)"
        asked = f", asking {self.neighbors} frames on each side" if self.neighbors else ""
        return f"{self.restorer} for {self.quantizer.describe()}{', dithered' if self.dithered else ''}{asked}"

    def _fields(self) -> str:
        how = self.source.deinterlaced
        words = {"bwdif": "interlaced, a picture a field by bwdif", "fields": "interlaced, each field a whole picture"}
        return f" ({words[how]})" if how else ""

    def _over_time(self) -> str:
        return f"; over time: {self.temporal} ({self.why_temporal})" if self.why_temporal else ""

    def reason(self) -> str:
        """Why this restorer and these cells."""
        finding = self.finding
        if finding.kind == "fine":
            return "nothing coarser than the stored depth was found, so there is nothing to restore"
        if isinstance(finding.quantizer, LikeJpeg):
            return (
                "the codec's steps are known, and DCT coefficients may move as far as those of a JPEG that lost as much"
            )
        if finding.kind == "lossy" or isinstance(finding.quantizer, VideoQuantizer):
            return "the codec hides what was there before, so every value may move within the tolerance, no farther"
        if finding.kind == "jpeg":
            return "every DCT coefficient of a JPEG stands for the values up to half a step of its table away"
        snapped = ""
        if isinstance(finding.quantizer, SnappedQuantizer) and finding.recovery is not None:
            snapped = f"the clean colors show behind {finding.quantizer.source}, so pixels are snapped to them first; "
        if finding.kind == "lattice":
            return f"{snapped}every stored level stands for the values up to half way to its neighbors"
        if finding.drawn and isinstance(finding.quantizer, SnappedQuantizer) and finding.quantizer.halved:
            return f"{snapped}beside borders of colors it is not sure, where 4:2:0 stored one color for four pixels"
        if finding.drawn:
            return f"{snapped}art drawn with its palette has no finer picture behind it"
        means = ", over local means, because dither mixes colors" if self.dithered else ""
        return f"{snapped}every stored color stands for the colors nearest to it{means}"

    def lines(self) -> list[str]:
        """The plan in two or three short lines."""
        layout = self.source.layout
        kind = " ".join(word for word in (self.source.codec or self.source.kind, self.source.pixel_format) if word)
        moving = self.source.kind != "image"
        frames = f", {self.source.frames} frames" if self.source.frames and moving else ""
        rate = f" at {float(self.source.rate):.4f} fps" if moving else ""
        lines = [
            f"found: {layout.width}x{layout.height} {kind}{frames}{rate}{self._fields()}; {self.finding.description}",
            f"doing: {self._doing()} on {self.device}{self._over_time()}{self.cost}",
        ]
        if self.output is not None:
            out = self.output
            size = f"{out.layout.width}x{out.layout.height}"
            notes = "".join(f"; {note}" for note in out.notes)
            kind = " ".join(word for word in (out.codec or out.container, out.pix_fmt) if word)
            lines.append(f"writing: {out.path}, {kind}, {size}{notes}")
        if self.kept:
            lines.append(self.kept)
        return lines


def _pictures(frames: list[Frame]) -> list[torch.Tensor]:
    return [to_rgb(frame.planes, frame.layout) for frame in frames]


def _is_lossy(info: SourceInfo) -> bool:
    """Whether the stored samples went through a codec that changes them; RGB and palettes are never lossy H.264."""
    if info.lossy:
        return info.layout.model == "yuv" or info.codec == "mjpeg"
    return info.codec in ("jpg", "jpeg") or bool(info.jpegs)


def suited_restorer(finding: Finding, stated: Quantizer | None, *, small: bool) -> str:
    """The restorer that "auto" means: the larger network, or the smaller one where speed counts; for JPEG its own.

    Input that lost nothing is passed through: fine color, and art that was drawn from tiles with its palette, where
    a Voronoi cell would invite changes as large as the distance between two of the artist's colors. So is color that
    is known to lack chroma detail alone: the networks were not trained to find that, and lost 0.3 dB. Drawn art whose
    color a codec halved is restored beside the borders of its colors.

    Args:
        finding: about the input.
        stated: the quantizer that the user named, if one was; None for "none".
        small: whether to take the smaller network.
    """
    halved = isinstance(finding.quantizer, SnappedQuantizer) and finding.quantizer.halved
    drawn_with_palette = finding.kind == "palette" and finding.drawn and not halved
    if isinstance(stated, ChromaQuantizer) or (stated is None and (finding.kind == "fine" or drawn_with_palette)):
        return "identity"
    if small:
        return "cellnet-s"
    found = finding.kind == "jpeg" or isinstance(finding.quantizer, LikeJpeg)
    is_jpeg = found if stated is None else isinstance(stated, JpegQuantizer)
    return FOR_JPEG if is_jpeg and FOR_JPEG in RESTORERS else "cellnet-m"


def overruled(finding: Finding, request: Request) -> Finding:
    """What was found, less what the user knows better: the codec that was seen; all, with ``--quantizer none``."""
    known = replace(finding, recovery=None)
    return replace(known, kind="fine", drawn=False, dithered=False) if request.kind == "none" else known


def fitting_grid(grid: Grid | None, quantizer: Quantizer) -> Grid | None:
    """The grid to work on: blocks and patterns count from the picture's corner, so for them nothing is cropped."""
    if grid is None or quantizer.period == 1:
        return grid
    filled = grid.filled()
    return None if filled.size == filled.stored_size else filled


def cost_of(restorer: object, plan: Plan) -> str:
    """How long it will take, for the plan line; "" for restorers that are quick."""
    if not isinstance(restorer, Costly):
        return ""
    layout, source = plan.source.layout, plan.source
    width, height = (layout.width, layout.height) if plan.grid is None else plan.grid.size
    frames = None if source.kind == "image" else source.frames
    return cost_words(restorer.seconds(height, width), frames, plan.engine.workers)


def cost_words(each: float, frames: int | None, workers: int) -> str:
    """``each``: seconds for a picture; ``frames``: None for a still, or where nobody knows."""
    if not frames:
        return f"; about {_duration(each)} a picture"
    return f"; about {_duration(each)} a frame, {_duration(each * frames / workers)} in all"


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _known(stated: Quantizer, kind: str, settings: Settings) -> Quantizer:
    """The stated quantizer; one with a threshold to be estimated, where that is asked for or Otsu's was taken."""
    can_estimate = settings.restorer in ("map", "map+") or is_prior(Path(settings.restorer))
    if settings.unknown_threshold and not can_estimate:
        raise UsageError(f"--unknown-threshold expects --restorer map, got {settings.restorer!r}")
    if settings.unknown_threshold and not isinstance(stated, ThresholdQuantizer):
        raise UsageError(f"--unknown-threshold expects --quantizer gray:0.5 or gray:otsu, got {settings.quantizer!r}")
    return UnknownThreshold() if settings.unknown_threshold or (kind == "otsu" and can_estimate) else stated


def _samples(source: Source, settings: Settings) -> list[Frame]:
    """Frames from all over the input, more of them where a codec has blurred their colors; of a stream its first."""
    layout = source.info.layout
    affordable = max(SAMPLES, SAMPLED_PIXELS // (layout.width * layout.height))
    count = min(LOSSY_SAMPLES, affordable) if layout.model == "yuv" else SAMPLES
    if settings.live:  # what is looked at is held back meanwhile
        request = parse_quantizer(settings.quantizer)
        count = SAMPLES if request.kind == "auto" or request.needs_pictures else 1
    frames = source.sample(count)
    if not frames:
        raise InputError(f"expected pictures in {source.info.path}, found none that decode")
    return frames if source.info.kind != "pipe" or count == 1 else _past_blank(source, frames, affordable)


def _past_blank(source: Source, frames: list[Frame], affordable: int) -> list[Frame]:
    """As many frames of a stream from where it shows something: machines start with a blank screen."""
    count, seen = len(frames), frames
    while all(_is_blank(frame) for frame in seen[-count:]) and len(seen) < affordable:
        longer = source.sample(len(seen) + count)
        if len(longer) == len(seen):
            return seen
        seen = longer
    first = next((number for number, frame in enumerate(seen) if not _is_blank(frame)), 0)
    return source.sample(first + count)[first:]


def _is_blank(frame: Frame) -> bool:
    return all(np.ptp(plane.numpy()) == 0 for plane in frame.planes)


def analyse(source: Source, settings: Settings, engine: Engine) -> Plan:
    """Look at the input and decide.

    Raises:
        VdequantError: nothing in it decodes, or a setting means nothing.
    """
    check_restorer(settings.restorer, "auto")
    check_drawn(settings, drawn=settings.restorer == "diffusion")
    info, frames = source.info, _samples(source, settings)
    pictures = _pictures(frames[:: -(-len(frames) // SAMPLES)])
    finding = estimate(
        pictures,
        lossy_codec=_is_lossy(info),
        stored_bits=info.layout.bits,
        frames=frames,
        assumed_matrix=info.assumed_matrix,
        fold=settings.native_grid == "auto",
        unmix=not settings.live,
    )
    quantizer, stated = finding.quantizer, None
    if settings.quantizer != "auto":
        request = parse_quantizer(settings.quantizer)
        quantizer = _known(resolve(request, pictures), request.kind, settings)
        stated = None if request.kind == "none" else quantizer
        finding = overruled(finding, request)
    else:
        finding = with_header(finding, info.jpegs, still=info.kind in ("image", "folder"))
        finding = with_traces(finding, pictures[0]) if info.kind == "image" else finding
        finding = with_step(finding, info.vp8_index)
        quantizer = finding.quantizer
    dithered = settings.dither == "remove" or (settings.dither == "auto" and finding.dithered)
    small = engine.device.type == "cpu" and info.kind in ("video", "pipe")
    restorer = suited_restorer(finding, stated, small=small) if settings.restorer == "auto" else settings.restorer
    if finding.matrix is not None:
        info = replace(info, layout=replace(info.layout, matrix=finding.matrix))
    temporal, why = choose_temporal(settings, info, finding, restorer, engine)
    neighbors = 0 if restorer == "identity" else settings.neighbors
    return Plan(info, finding, quantizer, restorer, engine, dithered, None, temporal, why, neighbors)
