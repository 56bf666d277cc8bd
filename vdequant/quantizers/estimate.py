"""What was lost? A first blind answer from the colors of a few sampled pictures.

    on a lattice of levels, and chance does not explain it ........ lattice
    else at most 256 colors in all ................................. palette
    else lossy codec, or 8-bit YUV ................................. lossy: each value to within a tolerance
    else ........................................................... fine: nothing coarser than the stored depth

Three things cannot be seen and are not guessed: at which rate a lossy codec ran (flat parts look alike at any rate; the
tolerance is a constant), whether a lossless file holds what a lossy codec had decoded, and palettes that change from
picture to picture until they are more than 256 colors together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.census import Census, check_pictures, count_colors
from vdequant.quantizers.dithering import is_dithered
from vdequant.quantizers.grid import native_scale, to_native
from vdequant.quantizers.lattices import Lattice, find_lattice
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.tiling import drawn_from_tiles
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer

MOST_COLORS = 256  # of a palette
MOST_GRAYS = 64  # of a palette; more grays are a gray picture
PIXELS_PER_COLOR = 4  # below that a small picture has few colors because it has few pixels
COLORS_IN_DOUBT = 64  # of a palette behind a codec that is called lossy: x264 and VP9 have lossless modes
# x264 at crf 12 to 28 over the captures: median error 2 to 8 of 255 on most, unrelated to what flat blocks show.
LOSSY_TOLERANCE = 4 / 255
YUV_TOLERANCE = 2 / 255  # rounding to 8-bit YUV and back moves a sample by up to 2

Kind = Literal["lattice", "palette", "lossy", "fine"]


@dataclass(frozen=True)
class Finding:
    """What was found in the sampled pictures.

    Attributes:
        quantizer: with the cells to restore into.
        kind: see the module.
        native_scale: whole-number nearest-neighbor enlargement across and down, (1, 1) when none is certain.
        lossless: the samples are exactly what the quantizer made.
        dithered: clearly error-diffused.
        drawn: made of repeated tiles: the colors are the artist's, and no finer picture lies behind them.
        colors: distinct colors over all pictures.
        levels: of R, G, B: of the lattice, or distinct 8-bit values seen.
        description: a line for the plan.
    """

    quantizer: Quantizer
    kind: Kind
    native_scale: tuple[int, int]
    lossless: bool
    dithered: bool
    drawn: bool
    colors: int
    levels: tuple[int, int, int]
    description: str


def _is_exact(census: Census) -> bool:
    """Whether the 8-bit codes tell the stored values apart: always at 8 bits, in deeper files when few are used."""
    if census.whole:
        return True
    return all(len(np.unique(census.colors[:, c])) == len(census.codes[c]) for c in range(3))


def _lattice_of(census: Census) -> Lattice | None:
    """The lattice, unless a few of its colors are a fixed palette (EGA: 16 of the 64 that 0, 85, 170, 255 make)."""
    lattice = find_lattice(census) if _is_exact(census) else None
    if lattice is None or max(lattice.counts) > 4 or any({0, 255} - set(channel) for channel in lattice.codes):
        return lattice
    red, green, blue = lattice.counts
    is_cube = census.gray or len(census.counts) * 4 > red * green * blue
    return lattice if is_cube else None


def _has_palette(census: Census, lossy_codec: bool) -> bool:
    """Whether the colors are few and each is used often. One color alone says nothing."""
    count = len(census.counts)
    if not 2 <= count <= MOST_COLORS or census.pixels < PIXELS_PER_COLOR * count:
        return False
    if census.gray and count > MOST_GRAYS:
        return False
    return not lossy_codec or (census.whole and not census.gray and count <= COLORS_IN_DOUBT)


def _quantizer_of(lattice: Lattice) -> UniformQuantizer:
    """Borders half way between levels: flat art stays where it is, and lattice white may become white."""
    return UniformQuantizer([[code / 255 for code in channel] for channel in lattice.codes])


def _describe_lattice(lattice: Lattice, colors: int) -> str:
    names = lattice.names[0] if len(set(lattice.names)) == 1 else " / ".join(lattice.names)
    each = " per channel" if len(set(lattice.names)) == 1 else " in R / G / B"
    return f"{names}{each}, {colors} colors seen"


def _classify(census: Census, lossy_codec: bool, stored_bits: int) -> tuple[Kind, Quantizer, str]:
    colors = len(census.counts)
    lattice = _lattice_of(census)
    if lattice is not None:
        return "lattice", _quantizer_of(lattice), _describe_lattice(lattice, colors)
    if _has_palette(census, lossy_codec):
        palette = PaletteQuantizer(census.most_frequent(MOST_COLORS))
        return "palette", palette, palette.describe()
    if lossy_codec or (not census.whole and stored_bits <= 8):
        lossy = ToleranceQuantizer(LOSSY_TOLERANCE if lossy_codec else YUV_TOLERANCE)
        source = "a lossy codec" if lossy_codec else "8-bit YUV"
        return "lossy", lossy, f"{source}, values to within ±{lossy.tolerance * 255:.0f}/255"
    if stored_bits > 8 and not census.whole:
        step = ToleranceQuantizer(0.5 / ((1 << stored_bits) - 1))
        return "fine", step, f"fine {stored_bits}-bit color, nothing coarser found"
    return "fine", UniformQuantizer.of_bits((8, 8, 8)), "fine 8-bit color, nothing coarser found"


def estimate(pictures: Sequence[Tensor], *, lossy_codec: bool, stored_bits: int) -> Finding:
    """Find out what was lost.

    Args:
        pictures: ``(3, H, W)`` float RGB in [0, 1], sampled over the whole clip; every pixel is looked at.
        lossy_codec: the file's codec usually loses something; exact pictures in it are recognized nevertheless.
        stored_bits: depth of the stored samples, 1 to 16.

    Returns:
        The finding. Colors that the sample missed are safe: both quantizers hold values that they do not know.

    Raises:
        ValueError: when there is no picture or one has another shape.
    """
    check_pictures(pictures)
    scale = native_scale(pictures)
    native = [to_native(picture, scale) for picture in pictures]
    census = count_colors(native)
    kind, quantizer, description = _classify(census, lossy_codec, stored_bits)
    lossless = kind != "lossy"
    if not lossless:
        scale = (1, 1)
    dithered = kind in ("lattice", "palette") and is_dithered(native)
    drawn = kind in ("lattice", "palette") and not dithered and drawn_from_tiles(native)
    if drawn:
        description += ", drawn from tiles"
    if dithered:
        description += ", dithered"
    if scale != (1, 1):
        description += f", enlarged {scale[0]}x{scale[1]}"
    levels = (len(census.codes[0]), len(census.codes[1]), len(census.codes[2]))
    if isinstance(quantizer, UniformQuantizer) and kind == "lattice":
        levels = (len(quantizer.levels[0]), len(quantizer.levels[1]), len(quantizer.levels[2]))
    return Finding(quantizer, kind, scale, lossless, dithered, drawn, len(census.counts), levels, description)
