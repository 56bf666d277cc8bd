"""What can be told of pictures that a lossy codec has blurred: native grid, clean colors, matrix, tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import torch
from torch import Tensor

from vdequant.frames import Frame, Layout, Matrix
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.finding import Finding, Kind, finished
from vdequant.quantizers.folding import fold_codes, lies_on_grid
from vdequant.quantizers.grid import Grid
from vdequant.quantizers.grid_blended import blended_grid
from vdequant.quantizers.grid_blurred import blurred_grid
from vdequant.quantizers.noise import YUV_ROUNDING, flicker, ringing
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.recovering import Recovery, recover
from vdequant.quantizers.snapping import CODEC, NEARLY_ALL, SCALER, SnappedQuantizer
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.video import VideoQuantizer

LEAST, MOST = 2.0, 8.0  # codes of tolerance for pixels that the snap leaves alone
CHECKED = 8  # pictures of which it is checked whether they lie on the grid, and whose chroma is looked at for borders
SNAPPED_PICTURES = 8  # that are looked at for dither and tiles
SMALL = 576  # native lines of machines that are not high definition


def _matrices(layout: Layout, grid: Grid | None, assumed: bool) -> tuple[Matrix, ...]:
    """Which matrices come into question, the likeliest first.

    FFmpeg, and with it most recorders of emulators, makes untagged YUV with BT.601 whatever its size; players assume
    BT.709 for large pictures. An enlarged capture is of the first kind.
    """
    if layout.model != "yuv" or not assumed:
        return (layout.matrix,)
    enlarged = grid is not None and grid.enlarged and grid.size[1] <= SMALL
    order = (Matrix.SMPTE170M, Matrix.BT709) if enlarged else (layout.matrix, Matrix.BT709, Matrix.SMPTE170M)
    return tuple(dict.fromkeys(order))


def lumas_of(frames: Sequence[Frame]) -> list[Tensor]:
    """``(H, W)`` luma, or green, in 8-bit codes."""
    return [
        frame.planes[1 if frame.layout.model == "rgb" else 0].to(torch.float32) / (1 << (frame.layout.bits - 8))
        for frame in frames
    ]


def _chromas_of(frames: Sequence[Frame]) -> list[list[Tensor]]:
    """Each plane of chroma of some pictures ``(H, W)``, in 8-bit codes, its samples repeated to the size of luma."""
    layout = frames[0].layout
    if layout.model != "yuv":
        return []
    across, down = layout.chroma
    few = frames[:: -(-len(frames) // CHECKED)]
    return [
        [
            plane.repeat_interleave(1 << down, 0).repeat_interleave(1 << across, 1)[: layout.height, : layout.width]
            for plane in (frame.planes[index].to(torch.float32) / (1 << (layout.bits - 8)) for frame in few)
        ]
        for index in (1, 2)
    ]


def _native_grid(frames: Sequence[Frame]) -> Grid | None:
    """Repeated pixels, or blended ones, or none but borders."""
    lumas = lumas_of(frames)
    grid = blurred_grid(lumas, partial(_chromas_of, frames))
    if grid is None or not grid.enlarged:
        grid = blended_grid(lumas) or grid
    return grid if grid is None or most_lie_on(frames, grid) else None


def most_lie_on(frames: Sequence[Frame], grid: Grid) -> bool:
    """Whether at least half of the pictures lie on the grid: the others are restored at their stored size."""
    looked_at = frames[:: -(-len(frames) // CHECKED)]
    lying = 0
    for frame in looked_at:
        luma = 1 if frame.layout.model == "rgb" else 0
        folded = fold_codes(frame.planes, frame.layout, grid)[luma]
        lying += lies_on_grid(frame.planes[luma], folded, frame.layout, grid)
    return 2 * lying >= len(looked_at)


def _radius(frames: Sequence[Frame], grid: Grid | None, lossy_codec: bool) -> float:
    """How far, in 8-bit codes, samples may lie from the true ones."""
    if not lossy_codec:
        return YUV_ROUNDING
    lumas = lumas_of(frames)
    return flicker(lumas) if grid is None or not grid.enlarged else ringing(lumas, grid)


def _loose(codes: float, layout: Layout, grid: Grid | None) -> Quantizer:
    """Cells of that radius; of color at half the size only as long as stored pixels are native ones."""
    return (VideoQuantizer if _halves_color(layout, grid) else ToleranceQuantizer)(codes / 255)


def _halves_color(layout: Layout, grid: Grid | None) -> bool:
    return layout.model == "yuv" and layout.chroma != (0, 0) and (grid is None or not grid.enlarged)


def _unsnapped(
    codes: float, source: str, layout: Layout, grid: Grid | None, matrix: Matrix | None, colors: int
) -> Finding:
    quantizer = _loose(codes, layout, grid)
    halved = isinstance(quantizer, VideoQuantizer)
    known = (
        f"luma to within ±{codes:.0f}/255, color at half the size" if halved else f"values to within ±{codes:.0f}/255"
    )
    return Finding(
        quantizer=quantizer,
        kind="lossy",
        grid=grid,
        lossless=False,
        tolerance=codes / 255,
        matrix=matrix,
        colors=colors,
        levels=(0, 0, 0),
        description=f"{source}, {known}",
    )


def _inner(recovery: Recovery) -> tuple[Kind, Quantizer, tuple[int, int, int], str]:
    """Kind, quantizer, levels and words of the clean colors."""
    explained, colors = recovery.explanation, recovery.colors
    count = len(colors)
    if explained.levels is not None:
        red, green, blue = explained.levels
        lattice = UniformQuantizer([[code / 255 for code in channel] for channel in explained.levels])
        words = f"{explained.words}, {count} colors"
        return "lattice", lattice, (len(red), len(green), len(blue)), words
    seen = tuple(len(set(colors[:, channel].tolist())) for channel in range(3))
    name = f" of the {explained.name}" if explained.name else ""
    words = f"a palette of {count} colors{name}"
    return "palette", PaletteQuantizer(recovery.snap.colors), cast(tuple[int, int, int], seen), words


def _snapped(
    frames: Sequence[Frame], grid: Grid | None, matrix: Matrix | None, recovery: Recovery, source: str
) -> Finding:
    kind, inner, levels, words = _inner(recovery)
    tolerance = min(MOST, max(LEAST, recovery.error)) / 255
    step = max(1, len(frames) // SNAPPED_PICTURES)
    clean = [recovery.native(frame, grid)[0] for frame in frames[::step]]
    explained = recovery.explanation
    snapped = partial(SnappedQuantizer, recovery.snap.colors, inner, tolerance, recovery.sure, source)
    finding = Finding(
        quantizer=snapped(),
        kind=kind,
        grid=grid,
        lossless=False,
        tolerance=tolerance,
        recovery=recovery,
        matrix=matrix,
        lattice=explained.words if explained.levels is not None else "",
        palette=explained.name if explained.levels is None else "",
        # Not dithered: a codec leaves nothing by which dither could be told from its own noise.
        colors=len(recovery.colors),
        levels=levels,
        description=f"{words} behind {source}, {recovery.sure:.1%} of pixels snapped, others to within "
        f"±{tolerance * 255:.0f}/255",
    )
    finding = finished(finding, clean)
    if recovery.sure >= NEARLY_ALL or not _halves_color(frames[0].layout, grid):
        return finding
    # Colors that are no artist's are snapped to as well, but not held: one may have been taken for another.
    kept = finding.drawn and kind == "palette"
    return replace(finding, quantizer=snapped(halved=True) if kept else VideoQuantizer(tolerance))


def study(
    frames: Sequence[Frame],
    *,
    lossy_codec: bool,
    assumed_matrix: bool,
    colors: int = 0,
    fold: bool = True,
    unmix: bool = True,
) -> Finding:
    """Find out what was lost before a lossy codec.

    Args:
        frames: sampled over the clip as stored, of one layout.
        lossy_codec: False when only the rounding to 8-bit YUV was lossy.
        assumed_matrix: the file does not say which matrix its YUV was made with.
        colors: as counted in the decoded pictures, 0 when they were too many to count.
        fold: look for the grid of native pixels.
        unmix: see :func:`~vdequant.quantizers.estimate.estimate`.
    """
    layout = frames[0].layout
    grid = _native_grid(frames) if fold else None
    matrices = _matrices(layout, grid, assumed_matrix)
    recovery = recover(frames, grid, matrices, unmix=unmix)
    matrix = recovery.explanation.matrix if recovery is not None else matrices[0]
    other = matrix if matrix != layout.matrix else None
    if recovery is not None:
        return _snapped(frames, grid, other, recovery, CODEC)
    radius = _radius(frames, grid, lossy_codec)
    return finished(_unsnapped(radius, CODEC if lossy_codec else "8-bit YUV", layout, grid, other, colors), [])


def study_enlarged(frames: Sequence[Frame]) -> Finding | None:
    """What lies behind the scaler of a lossless capture; None where none blended pixels of few clean colors.

    Args:
        frames: sampled over the clip as stored, of one layout.
    """
    grid = blended_grid(lumas_of(frames))
    recovery = None if grid is None else recover(frames, grid, (frames[0].layout.matrix,))
    return None if recovery is None else _snapped(frames, grid, None, recovery, SCALER)
