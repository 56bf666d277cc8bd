"""What happens to one batch of frames, on whatever device: planes in, planes out. No I/O, no threads.

planes ─► RGB float ─► fold to native pixels ─► cells ─► restorer ─► into the cells ─► expand ─► planes
   └──► behind a lossy codec: fold by median ─► snap to clean colors ──┘
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import lcm

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.color import from_rgb, to_rgb
from vdequant.frames import Layout, Matrix
from vdequant.quantizers.base import MARGIN, Cells, Quantizer, toward_cells
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.folding import codes_to_rgb, fold_codes, lies_on_grid
from vdequant.quantizers.mean_cells import dithered_cells
from vdequant.quantizers.snapping import Snap
from vdequant.restorers.base import Needs, Restorer
from vdequant.schedule.tiles import apply_tiled


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a frame's result.

    Attributes:
        restorer, quantizer: the belief and the knowledge.
        output: layout of the planes to make.
        native: horizontal and vertical size of one native pixel in the source (1, 1 when not enlarged).
        scale: integer enlargement of the result over the source.
        fidelity: share of the way into the cells.
        dithered: cells hold for local means only.
        rounding_dither: blue noise instead of rounding in the last step.
        compare: keep the source in the left half.
        tile: side of a tile in native pixels.
        exact: the source's samples are what the quantizer made; else a codec has moved them a little.
        snap: takes frames from a lossy codec to their clean colors.
        matrix: of the source's YUV, where the frames' own layout only assumes one.
    """

    restorer: Restorer
    quantizer: Quantizer
    output: Layout
    native: tuple[int, int] = (1, 1)
    scale: int = 1
    fidelity: float = 1.0
    dithered: bool = False
    rounding_dither: bool = False
    compare: bool = False
    tile: int = 1 << 30
    exact: bool = True
    snap: Snap | None = None
    matrix: Matrix | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """Planes ``(N, h, w)`` in the output layout, and how many of ``samples`` lie in their cells (0 of 0: not asked)."""

    planes: tuple[Tensor, ...]
    inside: Tensor | None = None
    samples: int = 0


def fold(rgb: Tensor, native: tuple[int, int]) -> Tensor:
    """One sample of every native pixel; exact, because all samples of a native pixel are equal."""
    across, down = native
    return rgb if native == (1, 1) else rgb[..., ::down, ::across].contiguous()


def expand(rgb: Tensor, across: int, down: int, height: int, width: int) -> Tensor:
    """Repeat every pixel ``across`` times ``down`` times, cut to ``height`` x ``width``."""
    if (across, down) == (1, 1):
        return rgb
    enlarged = rgb.repeat_interleave(down, dim=-2).repeat_interleave(across, dim=-1)
    return enlarged[..., :height, :width]


def _cells(recipe: Recipe, y: Tensor) -> Cells:
    cells = recipe.quantizer.cells(y)
    # A quantizer that dithers itself knows more than that: its pattern may bind every sample.
    if recipe.dithered and not isinstance(recipe.quantizer, DitherQuantizer):
        return dithered_cells(cells)
    return cells


def _margin(recipe: Recipe) -> float:
    """RGB outputs round each sample once: stay that far inside, and the written values are inside as well."""
    if recipe.output.model != "rgb":
        return MARGIN
    return MARGIN + 0.5 / ((1 << recipe.output.bits) - 1)


def pad_to_needs(x: Tensor, needs: Needs) -> Tensor:
    """Repeat the last row and column until the size is large enough and a multiple of what the restorer needs."""
    height, width = (
        -(-max(size, needs.min_size) // needs.multiple_of) * needs.multiple_of for size in (x.shape[-2], x.shape[-1])
    )
    if (height, width) == tuple(x.shape[-2:]):
        return x
    return functional.pad(x, (0, width - x.shape[-1], 0, height - x.shape[-2]), mode="replicate")


def restore_native(recipe: Recipe, y: Tensor) -> Tensor:
    """Restore native pictures ``(N, 3, H, W)``, tiled where they are large."""

    needs = recipe.restorer.needs

    def work(part: Tensor) -> Tensor:
        height, width = part.shape[-2:]
        padded = pad_to_needs(part, needs)
        cells = _cells(recipe, padded)
        restored = toward_cells(recipe.restorer.restore(padded, cells), cells, recipe.fidelity, _margin(recipe))
        return restored[..., :height, :width]

    # Patterns of an ordered dither, attribute cells and JPEG blocks count from the picture's corner.
    align = lcm(needs.align, recipe.quantizer.period)
    return apply_tiled(work, y, side=recipe.tile, halo=needs.halo, align=align)


def _as_written(recipe: Recipe, restored: Tensor) -> Tensor:
    """The values that a lossless RGB file will hold; other targets are certified before their codec."""
    if recipe.output.model != "rgb" or recipe.rounding_dither:
        return restored
    top = float((1 << recipe.output.bits) - 1)
    return (restored * top).round() / top


def _native_exact(recipe: Recipe, planes: tuple[Tensor, ...], layout: Layout) -> tuple[Tensor, tuple[int, int]]:
    """RGB ``(N, 3, h, w)`` at native size, and that of its pixels in the source."""
    source = to_rgb(planes, layout)
    y = fold(source, recipe.native)
    if recipe.native == (1, 1) or torch.equal(expand(y, *recipe.native, *source.shape[-2:]), source):
        return y, recipe.native
    # The probe saw a few frames; this one is not made of whole native pixels (an overlay, a cut to a menu).
    return source, (1, 1)


def _native_blurred(recipe: Recipe, planes: tuple[Tensor, ...], layout: Layout) -> tuple[Tensor, tuple[int, int]]:
    """The same behind a lossy codec, where native pixels are no longer of one value, snapped where that is sure."""
    native = recipe.native
    if native == (1, 1) and recipe.snap is None:
        return to_rgb(planes, layout), native
    codes, luma = fold_codes(planes, layout, native), 1 if layout.model == "rgb" else 0
    if native != (1, 1) and not lies_on_grid(planes[luma], codes[:, luma], layout, native):
        return to_rgb(planes, layout), (1, 1)
    if recipe.snap is not None:
        return recipe.snap(codes)[0], native
    return codes_to_rgb(codes.movedim(-3, -1), layout).clamp_(0, 1).movedim(-1, -3).contiguous(), native


def restore_planes(recipe: Recipe, planes: tuple[Tensor, ...], layout: Layout, *, certify: bool) -> Restored:
    """Restore a batch.

    Args:
        planes: stored planes ``(N, h, w)`` in ``layout``, on the restorer's device.
        certify: also count the samples that lie in their cells.

    Returns:
        Planes in ``recipe.output``.
    """
    if recipe.matrix is not None:
        layout = replace(layout, matrix=recipe.matrix)
    y, (across, down) = (_native_exact if recipe.exact else _native_blurred)(recipe, planes, layout)
    restored = restore_native(recipe, y)
    inside, samples = None, 0
    if certify:
        inside = _cells(recipe, y).contains(_as_written(recipe, restored)).sum()
        samples = restored.numel()
    picture = expand(restored, across * recipe.scale, down * recipe.scale, recipe.output.height, recipe.output.width)
    if recipe.compare:
        before = expand(to_rgb(planes, layout), recipe.scale, recipe.scale, recipe.output.height, recipe.output.width)
        picture = split_screen(before, picture)
    return Restored(from_rgb(picture, recipe.output, recipe.rounding_dither), inside, samples)


def split_screen(before: Tensor, after: Tensor) -> Tensor:
    """Left half of ``before``, right half of ``after``, a thin white line between."""
    width = before.shape[-1]
    middle = width // 2
    line = max(1, width // 640)
    result = torch.cat([before[..., :middle], after[..., middle:]], dim=-1)
    result[..., middle : middle + line] = 1.0
    return result
