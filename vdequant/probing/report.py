"""Everything that ``vdequant probe`` says: the plan of a restoration, and what else can be seen in the input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from vdequant.frames import Frame
from vdequant.media.source import open_source
from vdequant.planning import Plan, analyse
from vdequant.probing import jpeg, ranges
from vdequant.probing.motion import Motion
from vdequant.probing.palettes import Palettes
from vdequant.probing.views import PIXELS, View, runs, view_of
from vdequant.quantizers.borders import Borders, find_borders
from vdequant.quantizers.grid import Grid
from vdequant.quantizers.ordered import ordered_dither
from vdequant.quantizers.snapping import SnappedQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.schedule.device import choose_engine
from vdequant.settings import Settings

SAMPLES = 8  # stills that are looked at; consecutive frames come on top
LOOKED_AT = 120  # changes of a clip that are looked at closely
COMMON = 3  # shifts that are named


@dataclass(frozen=True)
class Report:
    """The plan, and answers that a restoration does not need.

    Attributes:
        plan: what was found, and what the default run does about it.
        reason: why, in a sentence.
        dither: "", "error diffusion", or the name of an ordered pattern.
        borders: flat edges of the picture in all samples; those of the plan's grid are left as they are.
        jpeg: what is known of a JPEG past, None when nothing shows.
        range: what looks wrong with the range, or "".
        motion, palettes: of consecutive frames.
    """

    plan: Plan
    reason: str
    dither: str
    borders: Borders
    jpeg: jpeg.Jpeg | None
    range: str
    motion: Motion
    palettes: Palettes


def _lumas(frames: list[Frame]) -> list[Tensor]:
    unit = 1 << (frames[0].layout.bits - 8)
    return [frame.planes[1 if frame.layout.model == "rgb" else 0].to(torch.float32) / unit for frame in frames]


def _traces_of_jpeg(plan: Plan, lumas: list[Tensor]) -> jpeg.Jpeg | None:
    if plan.source.jpegs:
        return jpeg.of_coding(plan.source.jpegs[0])
    if plan.finding.kind == "jpeg":
        return jpeg.of_finding(plan.finding)
    return jpeg.blind(lumas) if plan.finding.kind in ("fine", "lossy") else None


def _dither(plan: Plan, views: list[View]) -> str:
    dithered = plan.finding.dithered
    coarse = dithered or plan.finding.kind in ("lattice", "palette")
    pattern = ordered_dither([view.luma for view in views]) if coarse else ""
    return pattern or ("error diffusion" if dithered else "")


def _watch(consecutive: Iterable[Iterable[View]], frames: int) -> tuple[Motion, Palettes]:
    """Motion and palettes over runs of consecutive views, about ``frames`` together."""
    motion, palettes = Motion(), Palettes()
    every = max(1, frames // LOOKED_AT)
    for run in consecutive:
        motion.start()
        palettes.start()
        for view in run:
            if motion.push(view, every):
                palettes.push(view, every)
    return motion, palettes


def _frames(plan: Plan) -> int:
    """How many frames the runs hold, about."""
    info = plan.source
    affordable = PIXELS // (info.layout.width * info.layout.height)
    return min(affordable, info.frames or round((info.seconds or 10.0) * info.rate))


def examine(input: str, settings: Settings | None = None) -> Report:
    """Find out all that can be seen in ``input`` without restoring it.

    Raises:
        VdequantError: the input cannot be read.
    """
    settings = settings or Settings()
    with open_source(input, settings) as source:
        plan = analyse(source, settings, choose_engine(settings.device, settings.workers))
        frames = source.sample(SAMPLES)
    lumas = _lumas(frames)
    motion, palettes = _watch(runs(input, plan, settings), _frames(plan))
    return Report(
        plan=plan,
        reason=plan.reason(),
        dither=_dither(plan, [view_of(frame, plan) for frame in islice(frames, 4)]),
        borders=find_borders(lumas),
        jpeg=_traces_of_jpeg(plan, lumas),
        range=ranges.suspicion(lumas, plan.source.layout),
        motion=motion,
        palettes=palettes,
    )


def _scale_words(report: Report) -> list[str]:
    words, grid, b = [], report.plan.grid, report.borders
    if grid is not None:
        width, height = grid.size
        words.append(f"restored at its native {width}x{height} and {_repeated(grid)}")
    if b and not (grid is not None and any(grid.borders)):
        words.append(f"flat edges of {b.left}, {b.top}, {b.right}, {b.bottom} pixels (left, top, right, bottom)")
    return words


def _repeated(grid: Grid) -> str:
    """What happens to the restored native picture."""
    words = []
    for count, axis in (("columns", grid.columns), ("rows", grid.rows)):
        widths = sorted(set(axis.widths))
        if widths != [1]:
            words.append(f"{' and '.join(map(str, widths))} {count} a pixel")
    done = [f"enlarged again ({', '.join(words)}{', blended as they were' * grid.blended})"] if words else []
    if any(grid.borders):
        done.append("put back into its borders, which stay as stored")
    return " and ".join(done)


def _ends(plan: Plan) -> list[list[int]]:
    """8-bit codes of the lattice's black and white; nothing where there is no lattice."""
    quantizer = plan.quantizer.inner if isinstance(plan.quantizer, SnappedQuantizer) else plan.quantizer
    if plan.finding.kind != "lattice" or not isinstance(quantizer, UniformQuantizer):
        return []
    return [[round(float(channel[end]) * 255) for channel in quantizer.levels] for end in (0, -1)]


def _loss_words(report: Report) -> list[str]:
    finding = report.plan.finding
    words = []
    if finding.kind == "lattice":
        red, green, blue = finding.levels
        white = "".join(f", white is {','.join(map(str, end))}" for end in _ends(report.plan)[1:])
        words.append(f"{red}, {green}, {blue} levels in R, G, B{white}")
    if report.dither:
        words.append(f"dither: {report.dither}")
    if report.jpeg is not None:
        where = f", grid at {report.jpeg.offset[0]},{report.jpeg.offset[1]}" if report.jpeg.blind else ""
        about = "" if report.jpeg.certain and report.jpeg.standard else "about "
        quality = f"quality {about}{report.jpeg.quality}" if report.jpeg.quality else ""
        words.append(" ".join(w for w in ("JPEG", quality, report.jpeg.sampling) if w) + where)
    if finding.lossless:
        words.append("samples are exact")
    elif finding.tolerance:
        words.append(f"samples to within ±{finding.tolerance * 255:.1f}/255")
    return words


def _palette_words(plan: Plan, palettes: Palettes) -> list[str]:
    words = ["indexed with a palette"] if plan.source.pixel_format == "pal8" else []
    if not palettes.counted:
        return words
    most = max(scene.most_at_once for scene in palettes.scenes)
    words.append(f"{palettes.colors} colors in all, at most {most} at once")
    if palettes.cuts:
        sizes = ", ".join(str(len(scene.colors)) for scene in palettes.scenes[:8])
        words.append(f"{palettes.cuts} cut{'s' if palettes.cuts > 1 else ''}, colors by scene: {sizes}")
    if palettes.change_share > 0.05:
        words.append(f"new colors in {palettes.change_share:.0%} of the changed frames")
    if palettes.recolored_share > 0.02:
        kind = "cycling" if palettes.cycled * 2 >= palettes.recolored else "changing"
        words.append(f"palette {kind} in {palettes.recolored_share:.0%} of them")
    return words


def _motion_words(motion: Motion) -> list[str]:
    if not motion.pairs:
        return []
    words = [f"{motion.frames} frames looked at, {motion.repeated_share:.0%} repeat the one before"]
    if motion.scroll_share > 0.02:
        common = ", ".join(f"{right:+d},{down:+d}" for (down, right), _ in motion.shifts.most_common(COMMON))
        words.append(f"{motion.scroll_share:.0%} of the others scroll by whole pixels (x,y {common})")
    return words


def report_lines(report: Report) -> list[str]:
    """For people: the plan, why, and a line for each group of answers that says anything."""
    lines = [*report.plan.lines(), f"why: {report.reason}"]
    groups = {
        "loss": _loss_words(report),
        "size": _scale_words(report),
        "colors": _palette_words(report.plan, report.palettes),
        "motion": _motion_words(report.motion),
        "range": [report.range] if report.range else [],
    }
    return [*lines, *(f"{name}: {'; '.join(words)}" for name, words in groups.items() if words)]


def _palette_values(palettes: Palettes) -> dict[str, Any]:
    return {
        "colors": palettes.colors,
        "cuts": palettes.cuts,
        "scenes": [
            {"start": round(scene.start, 3), "colors": len(scene.colors), "most_at_once": scene.most_at_once}
            for scene in palettes.scenes
        ],
        "change_share": round(palettes.change_share, 4),
        "recolored_share": round(palettes.recolored_share, 4),
        "cycling": palettes.recolored > 0 and palettes.cycled * 2 >= palettes.recolored,
    }


def _motion_values(motion: Motion) -> dict[str, Any]:
    return {
        "frames": motion.frames,
        "repeated_share": round(motion.repeated_share, 4),
        "scroll_share": round(motion.scroll_share, 4),
        "shifts": [
            {"right": right, "down": down, "frames": count} for (down, right), count in motion.shifts.most_common(16)
        ],
    }


def _clean_colors(plan: Plan) -> list[str]:
    """The palette as hexadecimal colors, where it is short."""
    palette = getattr(plan.quantizer, "palette", None)
    if plan.finding.recovery is not None:
        palette = plan.finding.recovery.snap.colors
    if not isinstance(palette, Tensor) or len(palette) > 256:
        return []
    return ["#{:02x}{:02x}{:02x}".format(*color) for color in (palette * 255).round().int().tolist()]


def report_values(report: Report) -> dict[str, Any]:
    """For JSON, beside the values of the plan."""
    finding = report.plan.finding
    return {
        "reason": report.reason,
        "lattice": finding.lattice,
        "levels": list(finding.levels),
        "black_and_white": _ends(report.plan),
        "palette": {"name": finding.palette, "colors": _clean_colors(report.plan)},
        "drawn": finding.drawn,
        "lossless": finding.lossless,
        "tolerance": round(finding.tolerance * 255, 2),
        "snapped": None if finding.recovery is None else round(finding.recovery.sure, 4),
        "dither": report.dither,
        "flat_edges": asdict(report.borders),
        "jpeg": None if report.jpeg is None else asdict(report.jpeg),
        "matrix": None if finding.matrix is None else finding.matrix.name,
        "range": report.range,
        "palettes": _palette_values(report.palettes),
        "motion": _motion_values(report.motion),
    }
