"""What happens to one batch of frames, on whatever device: planes in, planes out. No I/O, no threads.

planes ─► RGB float ─► fold to native pixels ─► cells ─► restorer ─► into the cells ─► expand ─► planes
   └──► behind a lossy codec: fold by median ─► snap to clean colors ──┘
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import lcm

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.color import from_rgb, region_to_rgb, to_rgb
from vdequant.expanding import enlarged_planes, expand, split_screen
from vdequant.frames import Layout, Matrix
from vdequant.quantizers.base import MARGIN, Cells, Quantizer, toward_cells
from vdequant.quantizers.census import WHOLE
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.folding import codes_to_rgb, fold_codes, lies_on_grid
from vdequant.quantizers.gray_palette import GrayPalette
from vdequant.quantizers.grid import Box, Grid, part
from vdequant.quantizers.halftone import shaded
from vdequant.quantizers.jpeg_placing import Placing
from vdequant.quantizers.jpeg_varying import VaryingJpeg
from vdequant.quantizers.mean_cells import MeanCells
from vdequant.quantizers.own_palettes import OwnPalettes
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.snapping import Snap, SnappedQuantizer
from vdequant.quantizers.strokes import kept_strokes
from vdequant.quantizers.textures import repeated_textures, with_textures
from vdequant.quantizers.unmixing_snap import UnmixingSnap
from vdequant.quantizers.windows import WINDOW
from vdequant.restorers.base import WHOLE_PICTURE, Explaining, Needs, Restorer, Scaler
from vdequant.schedule.shortage import is_shortage
from vdequant.schedule.tiles import SMALLEST_TILE, apply_tiled, split

DRAWN_COLORS = 64  # of a palette: consoles before 1990, and Amiga; from there on textures that repeat are restored
CERTIFIED_SIDE = 1024  # pixels; larger pictures of blocks are certified in parts
Geometry = Grid | None  # where native pixels lie in the source; made by take_native for finish, nobody else looks


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a frame's result.

    Attributes:
        restorer, quantizer: the belief and the knowledge.
        output: layout of the planes to make.
        grid: of native pixels, None where every stored pixel is one.
        scale: integer enlargement of the result over the source.
        scaler: makes as much of it, and of the grid's own enlargement, as it can; None repeats pixels.
        fidelity: share of the way into the cells.
        dithered: cells hold for local means only.
        rounding_dither: blue noise instead of rounding in the last step.
        compare: keep the source in the left half.
        tile: side of a tile in native pixels.
        exact: the source's samples are what the quantizer made; else a codec has moved them a little.
        snap: takes frames from a lossy codec to their clean colors.
        matrix: of the source's YUV, where the frames' own layout only assumes one.
        keep: ``(1, 1, h, w)`` of the source's size in [0, 1]: share of each pixel that stays as it was stored.
        gray: pixels that are stored gray become gray.
        placing: lays pictures onto the blocks of the JPEG that they were; they are worked on like that.
    """

    restorer: Restorer
    quantizer: Quantizer
    output: Layout
    grid: Grid | None = None
    scale: int = 1
    scaler: Scaler | None = None
    fidelity: float = 1.0
    dithered: bool = False
    rounding_dither: bool = False
    compare: bool = False
    tile: int = 1 << 30
    exact: bool = True
    snap: Snap | UnmixingSnap | None = None
    matrix: Matrix | None = None
    keep: Tensor | None = None
    placing: Placing | None = None
    gray: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """Frames on their way: see :func:`take_native` and :func:`finish`.

    Attributes:
        y: stored pictures at native size, RGB ``(N, 3, H, W)`` float32 in [0, 1], snapped where that is sure, and
            laid onto the blocks of their JPEG.
        geometry: where their pixels lie in the source.
        planes, layout: the source's own.
        cells: of ``y``, where they have been made and are kept, see :func:`known_cells`.
    """

    y: Tensor
    geometry: Geometry
    planes: tuple[Tensor, ...]
    layout: Layout
    cells: Cells | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """Planes ``(N, h, w)`` in the output layout, and how many of ``samples`` lie in their cells (0 of 0: not asked).

    ``cells``: of the stored picture, on its way to where the result is finished.
    """

    planes: tuple[Tensor, ...]
    inside: Tensor | None = None
    samples: int = 0
    cells: Cells | None = None


def _over_dither(recipe: Recipe) -> bool:
    """Whether pixels are dithered, found so or made so by a known quantizer."""
    return recipe.dithered or isinstance(recipe.quantizer, DitherQuantizer)


def cells_of(recipe: Recipe, y: Tensor) -> Cells:
    """The cells of native pictures ``(N, 3, H, W)``."""
    # A quantizer that dithers itself knows more than that: its pattern may bind every sample.
    if recipe.dithered and not isinstance(recipe.quantizer, DitherQuantizer):
        return shaded(recipe.quantizer, y, gray=recipe.gray)
    return recipe.quantizer.cells(y)


def known_cells(recipe: Recipe, y: Tensor) -> Cells | None:
    """The cells of a stored picture if it is asked for them several times and they take long: means over windows."""
    alone = len(y) == 1 and y.device.type == "cpu"  # others are cut into pictures and moved on their way
    return cells_of(recipe, y) if alone and recipe.dithered else None


def margin_of(recipe: Recipe) -> float:
    """RGB outputs round each sample once: stay that far inside, and the written values are inside as well."""
    if recipe.output.model != "rgb":
        return MARGIN
    return MARGIN + 0.5 / ((1 << recipe.output.bits) - 1)


def into_cells(recipe: Recipe, x: Tensor, cells: Cells) -> Tensor:
    """``x`` ``(N, 3, H, W)`` moved into the cells as far as ``fidelity`` asks, and gray where that is known.

    The mean of three channels stays inside: the cells of a gray are convex, and the same in each channel.
    """
    x = toward_cells(x, cells, recipe.fidelity, margin_of(recipe))
    if not recipe.gray:
        return x
    low, high = cells.stored.aminmax(dim=1, keepdim=True)
    return torch.where(high - low < WHOLE / 255, x.mean(1, keepdim=True), x)


def pad_to_needs(x: Tensor, needs: Needs) -> Tensor:
    """Repeat the last row and column until the size is large enough and a multiple of what the restorer needs."""
    height, width = (
        -(-max(size, needs.min_size) // needs.multiple_of) * needs.multiple_of for size in (x.shape[-2], x.shape[-1])
    )
    if (height, width) == tuple(x.shape[-2:]):
        return x
    return functional.pad(x, (0, width - x.shape[-1], 0, height - x.shape[-2]), mode="replicate")


def _proposal(recipe: Recipe, y: Tensor, cells: Cells) -> Tensor:
    """What the restorer makes of ``y``; cells of local means say more than the quantizer that was found."""
    if isinstance(recipe.restorer, Explaining) and not cells.dithered:
        return recipe.restorer.restore_stored(y, cells, recipe.quantizer)
    return recipe.restorer.restore(y, cells)


def restore_native(recipe: Recipe, y: Tensor, known: Cells | None = None) -> Tensor:
    """Restore native pictures ``(N, 3, H, W)``, tiled where they are large. ``known``: their cells, see known_cells."""
    if len(y) > 1 and isinstance(recipe.quantizer, VaryingJpeg | OwnPalettes):  # each picture has tables of its own
        return torch.cat([restore_native(recipe, y[i : i + 1]) for i in range(len(y))])
    if isinstance(recipe.quantizer, OwnPalettes):  # parts of the picture lack some of its colors
        recipe = replace(recipe, quantizer=recipe.quantizer.of(y))
    needs = recipe.restorer.needs

    def work(part: Tensor) -> Tensor:
        height, width = part.shape[-2:]
        padded = pad_to_needs(part, needs)
        own = known if known is not None and part.shape == y.shape else cells_of(recipe, part)
        # The last blocks of a JPEG are others where the edge is repeated.
        cells = own if padded is part else cells_of(recipe, padded)
        restored = _proposal(recipe, padded, cells)[..., :height, :width]
        return into_cells(recipe, restored, own)

    return in_tiles(recipe, work, y)


def in_tiles(recipe: Recipe, work: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``work`` on native pictures ``(N, C, H, W)``, tile by tile where they are large and the restorer allows it."""
    needs = recipe.restorer.needs
    # Patterns of an ordered dither, attribute cells and JPEG blocks count from the picture's corner.
    align = lcm(needs.align, recipe.quantizer.period)
    if needs.halo >= WHOLE_PICTURE:
        return work(x)
    # A restorer may be told means over the cells around.
    halo = needs.halo + (WINDOW // 2 if _over_dither(recipe) else 0)
    return _in_smaller_tiles(partial(apply_tiled, work, x, halo=halo, align=align), recipe.tile, x)


def _in_smaller_tiles(tiled: Callable[..., Tensor], side: int, y: Tensor) -> Tensor:
    """Halve the tiles' side until memory suffices, as --tile would. On a GPU the batch is made smaller first."""
    while True:
        try:
            return tiled(side=side)
        except Exception as error:
            smaller = min(side, max(y.shape[-2:])) // 2
            if not is_shortage(error) or y.device.type == "cuda" or smaller < SMALLEST_TILE:
                raise
            side = smaller


def _as_written(recipe: Recipe, restored: Tensor) -> Tensor:
    """The values that a lossless RGB file will hold; other targets are certified before their codec."""
    if recipe.output.model != "rgb" or recipe.rounding_dither:
        return restored
    top = float((1 << recipe.output.bits) - 1)
    return (restored * top).round() / top


def _count_inside(recipe: Recipe, y: Tensor, written: Tensor, known: Cells | None = None) -> Tensor:
    """How many samples lie in their cells, which may be known.

    Cells that come in blocks take many times a picture's memory, so large pictures are looked at in parts, with as
    much around each as blocks see of each other.
    """
    height, width = y.shape[-2:]
    period = recipe.quantizer.period
    if len(y) > 1 and isinstance(recipe.quantizer, VaryingJpeg):
        counts = [_count_inside(recipe, y[i : i + 1], written[i : i + 1]) for i in range(len(y))]
        return torch.stack(counts).sum()
    if period == 1 or height * width <= CERTIFIED_SIDE**2:
        return (known or cells_of(recipe, y)).contains(written).sum()
    total = torch.zeros((), dtype=torch.long, device=y.device)
    for tile in split(height, width, CERTIFIED_SIDE, 2 * period, period):
        whole = slice(tile.top, tile.bottom), slice(tile.left, tile.right)
        inside = cells_of(recipe, y[..., *whole].contiguous()).contains(written[..., *whole].contiguous())
        top, left, bottom, right = tile.inner
        total += inside[..., top - tile.top : bottom - tile.top, left - tile.left : right - tile.left].sum()
    return total


def with_matrix(recipe: Recipe, layout: Layout) -> Layout:
    """``layout`` with the matrix that was found, where the file's own was only assumed."""
    return layout if recipe.matrix is None else replace(layout, matrix=recipe.matrix)


def _fits(grid: Grid, layout: Layout) -> bool:
    return grid.stored_size == (layout.width, layout.height)


def _native_exact(recipe: Recipe, planes: tuple[Tensor, ...], layout: Layout) -> tuple[Tensor, Geometry]:
    """RGB ``(N, 3, h, w)`` at native size, and where its pixels lie in the source."""
    source, grid = to_rgb(planes, layout), recipe.grid
    if grid is None or not _fits(grid, layout):
        return source, None
    y = grid.fold(source)
    strips = [part(source, box) for box in grid.strips()]
    flat = all(torch.equal(strip.amin((-2, -1)), strip.amax((-2, -1))) for strip in strips)
    if flat and torch.equal(grid.widen(y), grid.crop(source)):
        return y, grid
    # The probe saw a few frames; this one is not made of whole native pixels (an overlay, a cut to a menu).
    return source, None


def _native_blurred(recipe: Recipe, planes: tuple[Tensor, ...], layout: Layout) -> tuple[Tensor, Geometry]:
    """The same behind a lossy codec, where native pixels are no longer of one value, snapped where that is sure."""
    grid = recipe.grid if recipe.grid is None or _fits(recipe.grid, layout) else None
    if grid is None and recipe.snap is None:
        return to_rgb(planes, layout), None
    codes, luma = fold_codes(planes, layout, grid), 1 if layout.model == "rgb" else 0
    if grid is not None and not lies_on_grid(planes[luma], codes[:, luma], layout, grid):
        return to_rgb(planes, layout), None
    if recipe.snap is not None:
        return recipe.snap.native(codes, planes, layout, grid)[0], grid
    return codes_to_rgb(codes.movedim(-3, -1), layout).clamp_(0, 1).movedim(-1, -3).contiguous(), grid


def take_native(recipe: Recipe, planes: tuple[Tensor, ...], layout: Layout) -> Taken:
    """The stored picture at native size.

    Args:
        planes: stored planes ``(N, h, w)`` in ``layout``.
    """
    y, geometry = (_native_exact if recipe.exact else _native_blurred)(recipe, planes, with_matrix(recipe, layout))
    return Taken(y if recipe.placing is None else recipe.placing.onto_blocks(y), geometry, planes, layout)


def plain_codes(recipe: Recipe, taken: Taken) -> tuple[Tensor, ...] | None:
    """Planes R, G and B of 8 bits, where each pixel of ``taken.y`` is made from its three samples alone, else None."""
    if not recipe.exact or recipe.placing is not None or taken.geometry is not None:
        return None
    return taken.planes if (taken.layout.model, taken.layout.bits) == ("rgb", 8) else None


def keep_drawn(
    recipe: Recipe, y: Tensor, restored: Tensor, codes: tuple[Tensor, ...] | None = None, known: Cells | None = None
) -> Tensor:
    """The restored native pictures ``(N, 3, H, W)`` with the stored ``y`` where that was drawn.

    Those are strokes of letters over dither, and without dither textures that repeat as tiles of drawings do. This
    looks at whole pictures, whatever parts of them the restorer was given. Tiles in many colors are shaded finely, and
    there is little that could go wrong. ``codes``: see :func:`plain_codes`; they are compared faster. ``known``: see
    :func:`known_cells`.
    """
    quantizer = recipe.quantizer
    if _over_dither(recipe):
        cells = known or cells_of(recipe, y)
        drawn = kept_strokes(y, restored, cells)
        if not drawn.any():
            return restored
        kept = torch.where(drawn, y, restored)
        # A stored color may take a mean out of its cell; cells of single pixels have it in them.
        return cells.holding(kept, drawn, restored, margin_of(recipe)) if isinstance(cells, MeanCells) else kept
    if isinstance(quantizer, SnappedQuantizer | GrayPalette):
        quantizer = quantizer.inner
    if not isinstance(quantizer, PaletteQuantizer) or quantizer.palette.shape[-2] > DRAWN_COLORS:
        return restored
    return with_textures(y, restored, repeated_textures(y if codes is None else torch.stack(codes, 1)))


def _kept(recipe: Recipe, taken: Taken, restored: Tensor) -> Tensor:
    """The restored picture with the stored one where it was drawn like that, or the user's mask says so."""
    y, geometry = taken.y, taken.geometry
    restored = keep_drawn(recipe, y, restored, plain_codes(recipe, taken), taken.cells)
    if recipe.keep is None:
        return restored
    keep = recipe.keep.to(y) if recipe.placing is None else recipe.placing.onto_blocks(recipe.keep.to(y))
    return torch.lerp(restored, y, keep if geometry is None else geometry.fold(keep))


def _enlarged(recipe: Recipe, restored: Tensor, grid: Grid, border: Callable[[Box], Tensor]) -> Tensor:
    """The restored native picture at the output's size, in its borders."""
    scaler = recipe.scaler
    # A frame of a tripled clip that is not made of native pixels may have no room for a scaler.
    if scaler is None or scaler.factor > recipe.scale * min(grid.scale):
        return grid.expand(restored, recipe.scale, border=border)
    return grid.expand(scaler.enlarge(restored), recipe.scale, border=border, factor=scaler.factor)


def _planes_of(recipe: Recipe, taken: Taken, restored: Tensor) -> tuple[Tensor, ...]:
    """Planes of the output: the restored native picture enlarged, in its borders."""
    planes, layout = taken.planes, with_matrix(recipe, taken.layout)
    grid = taken.geometry or Grid.of_scale((1, 1), restored.shape[-1], restored.shape[-2])
    border = partial(region_to_rgb, planes, layout)
    # Not every device repeats samples of 16 bits.
    if restored.device.type == "cpu" and not (recipe.compare or recipe.scaler or recipe.rounding_dither):
        return enlarged_planes(restored, recipe.output, grid, recipe.scale, border)
    picture = _enlarged(recipe, restored, grid, border)
    if recipe.compare:
        before = expand(to_rgb(planes, layout), recipe.scale, recipe.scale, recipe.output.height, recipe.output.width)
        picture = split_screen(before, picture)
    return from_rgb(picture, recipe.output, recipe.rounding_dither)


def finish(recipe: Recipe, taken: Taken, restored: Tensor, certify: bool) -> Restored:
    """Expand what was restored, and turn it into planes of the output.

    Args:
        taken: from :func:`take_native`.
        restored: ``(N, 3, H, W)`` float32 in [0, 1], for ``taken.y``.
        certify: also count the samples that lie in their cells.
    """
    restored = _kept(recipe, taken, restored)
    inside, samples = None, 0
    if certify:
        inside = _count_inside(recipe, taken.y, _as_written(recipe, restored), taken.cells)
        samples = restored.numel()
    if recipe.placing is not None:
        restored = recipe.placing.back(restored)
    return Restored(_planes_of(recipe, taken, restored), inside, samples)


# What becomes of a restored native picture, with the arguments of finish
Ending = Callable[[Recipe, Taken, Tensor, bool], Restored]


def restore_planes(
    recipe: Recipe, planes: tuple[Tensor, ...], layout: Layout, *, certify: bool, ending: Ending = finish
) -> Restored:
    """Restore a batch: :func:`take_native`, :func:`restore_native`, :func:`finish`.

    Args:
        planes: stored planes ``(N, h, w)`` in ``layout``, on the restorer's device.
        certify: also count the samples that lie in their cells.
        ending: what is done in place of :func:`finish`.

    Returns:
        Planes in ``recipe.output``, or what ``ending`` makes.
    """
    taken = take_native(recipe, planes, layout)
    taken = replace(taken, cells=known_cells(recipe, taken.y))
    return ending(recipe, taken, restore_native(recipe, taken.y, taken.cells), certify)
