"""What was lost? A blind answer from the colors of a few sampled pictures.

    on a lattice of levels, and chance does not explain it:
             dithered, and the colors lie apart on it .............. palette
             else .................................................. lattice
    else enlarged by a scaler that blends few clean colors ......... lattice or palette, to be snapped to
    else at most 256 colors in all ................................. palette
    else lossy codec, or 8-bit YUV:
             clean colors can be told behind it .................... lattice or palette, to be snapped to
             else .................................................. lossy: each value to within a tolerance
    else few levels, and chance does not explain their distances .... lattice
    else ........................................................... fine: nothing coarser than the stored depth

Two things cannot be seen and are not guessed: whether a lossless file holds what a lossy codec had decoded (but for
JPEG, see ``jpeg_traces.py``), and palettes that change from picture to picture until they are more than 256 colors
together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from torch import Tensor

from vdequant.frames import Frame
from vdequant.quantizers.atkinson import is_atkinsons
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.behind_codec import study, study_enlarged
from vdequant.quantizers.census import Census, check_pictures, count_colors
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.dithering import is_dithered, levels_are_dithered
from vdequant.quantizers.finding import Finding, Kind, finished, in_words
from vdequant.quantizers.gray_palette import GrayPalette
from vdequant.quantizers.grid import Grid
from vdequant.quantizers.grid_exact import exact_grid
from vdequant.quantizers.known_palettes import palette_name
from vdequant.quantizers.lattices import Lattice, find_lattice
from vdequant.quantizers.noise import TYPICAL, YUV_ROUNDING
from vdequant.quantizers.ordered import is_shaded
from vdequant.quantizers.own_palettes import OwnPalettes, have_own_palettes
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.scattered import are_scattered
from vdequant.quantizers.spaced_levels import spaced_levels
from vdequant.quantizers.tiling import drawn_from_tiles
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer

__all__ = ["Finding", "estimate"]

MOST_COLORS = 256  # of a palette
MOST_GRAYS = 64  # of a palette; more grays are a gray picture
PIXELS_PER_COLOR = 4  # below that a small picture has few colors because it has few pixels
# Colors up to which, and pixels of each from which, fine color is called indexed. It is not restored: its cells are
# known for single pictures only.
INDEXED, PIXELS_PER_INDEX = 1024, 1000
COLORS_IN_DOUBT = 64  # of a palette behind a codec that is called lossy: x264 and VP9 have lossless modes
FEW_COLORS = 64  # at most as many as art that nobody blended may have
HOPELESS = 20_000  # colors of one picture from a lossy codec: not worth counting those of the others


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


def _found(census: Census, kind: Kind, quantizer: Quantizer, description: str) -> Finding:
    """A finding of exact pictures, the rest as if nothing special was seen."""
    red, green, blue = (len(codes) for codes in census.codes)
    return Finding(
        quantizer=quantizer,
        kind=kind,
        lossless=kind != "lossy",
        tolerance=quantizer.tolerance if kind == "lossy" and isinstance(quantizer, ToleranceQuantizer) else 0.0,
        gray=census.gray and kind in ("lattice", "palette"),
        colors=len(census.counts),
        levels=(red, green, blue),
        description=description,
    )


def _on_lattice(census: Census, lattice: Lattice) -> Finding:
    words = in_words(lattice.names)
    finding = _found(census, "lattice", _quantizer_of(lattice), f"{words}, {len(census.counts)} colors seen")
    return replace(finding, lattice=words, levels=lattice.counts)


def _between_what_occurs(finding: Finding, census: Census) -> Finding:
    """A dithered finding with fewer levels in channels that were dithered between every second one, or farther apart.

    A channel of black and white fits into any lattice, but a dither passes no level by.
    """
    if not isinstance(finding.quantizer, UniformQuantizer):
        return finding
    levels, coarse = [channel.tolist() for channel in finding.quantizer.levels], False
    for at, (values, codes) in enumerate(zip(levels, census.codes, strict=True)):
        places = np.flatnonzero(np.isin(np.rint(np.array(values) * 255), codes))
        steps = np.diff(places)
        ends = len(steps) > 0 and places[0] == 0 and places[-1] == len(values) - 1
        if ends and steps.min() > 1 and steps.min() == steps.max():
            levels[at], coarse = [values[place] for place in places], True
    if not coarse:
        return finding
    quantizer = UniformQuantizer(levels)
    return replace(finding, quantizer=quantizer, description=f"{finding.description}, {quantizer.describe()} in use")


def _with_palette(census: Census) -> Finding:
    palette = PaletteQuantizer(census.most_frequent(MOST_COLORS))
    name = palette_name(np.rint(census.colors * 255).astype(np.int64))
    words = f"a palette of {len(palette.palette)} grays" if census.gray else palette.describe()
    words += f" of the {name}" if name else ""
    return replace(_found(census, "palette", palette, words), palette=name)


def _of_grays(finding: Finding) -> Finding:
    """With cells of levels where grays are not dithered; over dither a network for palettes mixes them better.

    Black and white alone lost 0.3 and 1.0 dB of two photographs so, and won 3.9 of a game screen.
    """
    if (
        not finding.gray
        or finding.dithered
        or finding.colors <= 2
        or not isinstance(finding.quantizer, PaletteQuantizer)
    ):
        return finding
    return replace(finding, quantizer=GrayPalette(finding.quantizer))


def _of_two_tones(finding: Finding, native: Sequence[Tensor]) -> Finding:
    """With Atkinson's dither as the quantizer's where that is what two colors were dithered by."""
    palette = finding.quantizer
    if not finding.dithered or not isinstance(palette, PaletteQuantizer) or len(palette.palette) != 2:
        return finding
    return replace(finding, quantizer=DitherQuantizer(palette, "atkinson")) if is_atkinsons(native) else finding


def _without_structure(census: Census, lossy_codec: bool, stored_bits: int) -> Finding:
    if lossy_codec or (not census.whole and stored_bits <= 8):
        tolerance = ToleranceQuantizer((TYPICAL if lossy_codec else YUV_ROUNDING) / 255)
        source = "a lossy codec" if lossy_codec else "8-bit YUV"
        return _found(census, "lossy", tolerance, f"{source}, values to within ±{tolerance.tolerance * 255:.0f}/255")
    if stored_bits > 8 and not census.whole:
        step = ToleranceQuantizer(0.5 / ((1 << stored_bits) - 1))
        return _found(census, "fine", step, f"fine {stored_bits}-bit color, nothing coarser found")
    if (levels := spaced_levels(census)) is not None:
        words = f"levels at distances of their own, {len(census.counts)} colors seen"
        return _found(census, "lattice", UniformQuantizer(levels), words)
    words = "fine 8-bit color, nothing coarser found"
    if 2 <= len(census.counts) <= INDEXED and census.pixels >= PIXELS_PER_INDEX * len(census.counts):
        words = f"no lattice; {len(census.counts)} colors, as indexed art with changing palettes has"
    return _found(census, "fine", UniformQuantizer.of_bits((8, 8, 8)), words)


def _behind_scaler(census: Census, grid: Grid | None, frames: Sequence[Frame]) -> Finding | None:
    """What a scaler hides in a lossless capture by blends of neighbors, which are many colors on no lattice."""
    few = census.whole and len(census.counts) <= FEW_COLORS
    if few or not frames or frames[0].layout.bits > 8 or (grid is not None and min(grid.scale) >= 2):
        return None
    return study_enlarged(frames)


def _is_hopeless(picture: Tensor) -> bool:
    """Whether a picture from a lossy codec has so many colors that nothing in it can be exact."""
    return picture[0].numel() > 2 * HOPELESS and len(count_colors([picture]).counts) > HOPELESS


class _Dither:
    """Whether the dither in pictures is a machine's, by error diffusion or with a pattern; looked for once."""

    def __init__(self, native: list[Tensor]) -> None:
        self.native = native

    @cached_property
    def between_colors(self) -> bool:
        return self._drawn_by_nobody(is_dithered) or is_shaded(self.native)

    @cached_property
    def between_levels(self) -> bool:
        return self._drawn_by_nobody(levels_are_dithered) or is_shaded(self.native)

    def _drawn_by_nobody(self, found: Callable[[Sequence[Tensor]], bool]) -> bool:
        """Diffusion never comes out the same twice: what is made of tiles has the textures that somebody drew."""
        return found(self.native) and not drawn_from_tiles(self.native)


def _bare_lattice(census: Census, dither: _Dither, lossy_codec: bool) -> Lattice | None:
    """The lattice, unless its colors are a palette between whose entries a machine dithered.

    Without dither they may be drawn: of art the cells of its levels change little, those of its palette would a lot.
    """
    lattice = _lattice_of(census)
    if lattice is None or not _has_palette(census, lossy_codec) or not are_scattered(census, lattice):
        return lattice
    return None if dither.between_colors else lattice


def estimate(
    pictures: Sequence[Tensor],
    *,
    lossy_codec: bool,
    stored_bits: int,
    frames: Sequence[Frame] = (),
    assumed_matrix: bool = False,
    fold: bool = True,
    unmix: bool = True,
) -> Finding:
    """Find out what was lost.

    Args:
        pictures: ``(3, H, W)`` float RGB in [0, 1], sampled over the whole clip; every pixel is looked at.
        lossy_codec: the file's codec usually loses something; exact pictures in it are recognized nevertheless.
        stored_bits: depth of the stored samples, 1 to 16.
        frames: sampled likewise, as stored; without them nothing is looked for behind a lossy codec.
        assumed_matrix: the file does not say which matrix its YUV was made with.
        fold: look for the grid of native pixels; False takes every stored pixel for one.
        unmix: learn the colors of 4:2:0 pictures at their own size; snapping to them takes long.

    Returns:
        The finding. Colors that the sample missed are safe: all quantizers hold values that they do not know.

    Raises:
        ValueError: when there is no picture or one has another shape.
    """
    check_pictures(pictures)
    blurred = partial(study, frames, lossy_codec=lossy_codec, assumed_matrix=assumed_matrix, fold=fold, unmix=unmix)
    if lossy_codec and frames and _is_hopeless(pictures[0]):
        return blurred()
    grid = exact_grid(pictures) if fold else None
    native = [picture if grid is None else grid.fold(picture) for picture in pictures]
    census = count_colors(native)
    dither = _Dither(native)
    lattice = _bare_lattice(census, dither, lossy_codec)
    if fold and lattice is None and not lossy_codec and (enlarged := _behind_scaler(census, grid, frames)) is not None:
        return enlarged
    if lattice is not None:
        finding = _on_lattice(census, lattice)
    elif not lossy_codec and census.whole and have_own_palettes(native, dithered=dither.between_colors):
        own = OwnPalettes()
        finding = _found(census, "palette", own, f"{own.describe()}, {len(census.counts)} colors seen")
    elif _has_palette(census, lossy_codec):
        finding = _with_palette(census)
    else:
        finding = _without_structure(census, lossy_codec, stored_bits)
    if finding.kind == "lossy":
        return blurred(colors=finding.colors) if frames else finding
    if finding.kind != "fine":
        found = dither.between_levels if finding.kind == "lattice" else dither.between_colors
        finding = _of_two_tones(_of_grays(replace(finding, dithered=found)), native)
    if finding.dithered and finding.kind == "lattice":
        finding = _between_what_occurs(finding, census)
    return finished(replace(finding, grid=grid), native)
