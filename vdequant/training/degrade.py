"""The degradations of the training set: palettes with and without dither, and lossy codecs after a quantizer.

Uniform lattices are made on the fly (see ``data``); what is expensive to make is made here once a tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vdequant.media.codec_clips import codec_roundtrip, x264
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.dither_orders import thresholds
from vdequant.quantizers.palette import PaletteQuantizer, axis_reach, half_gaps, nearest_index
from vdequant.quantizers.positional import positional
from vdequant.quantizers.rows import to_rows
from vdequant.quantizers.uniform import Expansion, UniformQuantizer

PATTERNED = ("bayer2", "bayer4", "bayer8", "checkerboard", "column", "bluenoise")
DITHERS = {"none": 0.46, "error diffusion": 0.26, "ordered": 0.12, "listed": 0.08, "offset": 0.08}  # of the palettes
STRENGTHS = (0.25, 0.5, 1.0)  # of lists of colors
OFFSETS = (8.0, 64.0)  # codes between the least and the largest offset that is added before the nearest color is taken
FIXED_SHARE = 0.08  # of the palettes do not come from the picture: a few levels of each channel


@dataclass(frozen=True)
class PaletteRecord:
    """A tile cut to a palette.

    Attributes:
        index: ``(H, W)`` uint8, or uint16 for more colors.
        palette: ``(K, 3)`` uint8.
        reach: ``(K, 7)`` float32: of each color's cell along the axes down (3) and up (3), and its room (1).
        dithered: cells hold for local means only.
        kept: ``(H, W)`` bool: where the stored color is the truth, as in text that lies over a picture.
    """

    index: np.ndarray
    palette: np.ndarray
    reach: np.ndarray
    dithered: bool
    kept: np.ndarray


def reach_of(palette: np.ndarray) -> np.ndarray:
    """``(K, 7)`` float32, see :class:`PaletteRecord`; of ``(K, 3)`` uint8."""
    colors = torch.from_numpy(palette).float() / 255
    return torch.cat([axis_reach(colors).flatten(1), half_gaps(colors)[:, None]], dim=1).numpy()


def level_colors(counts: Iterable[int]) -> np.ndarray:
    """``(K, 3)`` uint8, sorted: all colors of so many evenly spaced levels of each channel."""
    axes = [np.linspace(0, 255, count).round().astype(np.uint8) for count in counts]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def fixed_palette(rng: np.random.Generator) -> Image.Image:
    """A few evenly spaced levels of each channel, as early computers and web browsers had."""
    counts = [(2, 2, 2), (4, 4, 4), (6, 6, 6), (8, 8, 4), (3, 3, 3)][int(rng.integers(5))]
    image = Image.new("P", (1, 1))
    image.putpalette(level_colors(counts).tobytes())
    return image


def random_palette(tile: np.ndarray, others: list[np.ndarray], rng: np.random.Generator) -> Image.Image:
    """A palette of 4..256 colors by median cut, k-means or octree over the tile and perhaps other pictures."""
    colors = round(2 ** rng.uniform(2, 8))
    # Every other row and column of the partners weighs enough and keeps this fast.
    thin = [other[::2, ::2].reshape(-1, tile.shape[1], 3) for other in others]
    mosaic = Image.fromarray(np.concatenate([tile, *thin], axis=0))
    kind = rng.choice(["median cut", "k-means", "octree"], p=[0.72, 0.13, 0.15])
    if kind == "octree":
        return mosaic.quantize(colors, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    rounds = 1 if kind == "k-means" else 0
    return mosaic.quantize(colors, method=Image.Quantize.MEDIANCUT, kmeans=rounds, dither=Image.Dither.NONE)


def used_palette(image: Image.Image, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colors that occur, without doubles, and the index map into them."""
    table = np.asarray(image.getpalette(), dtype=np.uint8).reshape(-1, 3)
    used = np.flatnonzero(np.bincount(index.ravel(), minlength=len(table)))
    colors, inverse = np.unique(table[used], axis=0, return_inverse=True)
    renumber = np.zeros(len(table), dtype=np.uint8)
    renumber[used] = inverse.ravel()
    return colors, renumber[index]


def palette_record(tile: np.ndarray, others: list[np.ndarray], rng: np.random.Generator) -> PaletteRecord:
    """Cut ``tile`` (``(H, W, 3)`` uint8) to a random palette, half of the time with dither, see DITHERS.

    Patterns: mixtures of two colors ("ordered"), lists of colors as of Photoshop and gifsicle ("listed"), or offsets
    that are added before the nearest color is taken, as ffmpeg's paletteuse does ("offset").
    """
    fixed = rng.random() < FIXED_SHARE
    palette = fixed_palette(rng) if fixed else random_palette(tile, others, rng)
    dither = str(rng.choice(list(DITHERS), p=list(DITHERS.values())))
    if dither == "none" and not others and not fixed:
        image = palette
    else:
        kind = Image.Dither.FLOYDSTEINBERG if dither == "error diffusion" else Image.Dither.NONE
        image = Image.fromarray(tile).quantize(palette=palette, dither=kind)
    colors, index = used_palette(image, np.asarray(image))
    if dither in PATTERNS and len(colors) > 1:
        index = patterned(tile, colors, PATTERNS[dither], rng)
    return PaletteRecord(index, colors, reach_of(colors), dither != "none", np.zeros(index.shape, bool))


Pattern = Callable[[Tensor, PaletteQuantizer, np.random.Generator], Tensor]


def _mixed(picture: Tensor, quantizer: PaletteQuantizer, rng: np.random.Generator) -> Tensor:
    """Mixtures of two colors."""
    return DitherQuantizer(quantizer, str(rng.choice(PATTERNED))).quantize(picture)


def _bayer(picture: Tensor, side: int) -> Tensor:
    """Bayer's thresholds, ``(H, W)``."""
    return thresholds(f"bayer{side}", picture.shape[-2], picture.shape[-1], picture.device)


def _listed(picture: Tensor, quantizer: PaletteQuantizer, rng: np.random.Generator) -> Tensor:
    """Places choose from lists of colors."""
    side, strength = int(rng.choice([4, 8])), float(rng.choice(STRENGTHS))
    return positional(picture, _bayer(picture, side), side * side, quantizer.palette, strength)


def _offset(picture: Tensor, quantizer: PaletteQuantizer, rng: np.random.Generator) -> Tensor:
    """Places add to all channels alike, before the nearest color is taken."""
    side = int(rng.choice([4, 8]))
    width = float(np.exp(rng.uniform(*np.log(OFFSETS)))) / 255
    return quantizer.quantize((picture + (_bayer(picture, side) - 0.5) * width).clamp(0, 1))


PATTERNS: dict[str, Pattern] = {"ordered": _mixed, "listed": _listed, "offset": _offset}


def patterned(tile: np.ndarray, colors: np.ndarray, pattern: Pattern, rng: np.random.Generator) -> np.ndarray:
    """Index map of ``tile`` dithered to ``colors`` (sorted, distinct) by a fixed pattern, either way round."""
    quantizer = PaletteQuantizer(torch.from_numpy(colors).float() / 255)
    picture = torch.from_numpy(np.array(tile)).permute(2, 0, 1)[None].float() / 255
    turned = rng.random() < 0.5
    stored = pattern(picture.mT.contiguous() if turned else picture, quantizer, rng)
    flat = to_rows(stored.mT if turned else stored)
    return nearest_index(flat, quantizer.palette).reshape(tile.shape[:2]).numpy().astype(np.uint8)


def random_lattice(rng: np.random.Generator) -> UniformQuantizer:
    """One of the lattices that consoles and papers use: m levels, bit depths in every expansion."""
    kind = rng.choice(["m", "bits", "mixed"], p=[0.64, 0.2, 0.16])
    if kind == "m":
        # Fine lattices are harder to learn than coarse ones, so most are drawn evenly and not by octave; the depths
        # around 5 bits, which most consoles have, and the coarsest come more often still.
        ranges = [(22.0, 44.0), (2.0, 6.0), (3.0, 50.0), (2.0, 64.0)]
        low, high = ranges[int(rng.choice(4, p=[0.45, 0.17, 0.27, 0.11]))]
        return UniformQuantizer.of_levels(round(rng.uniform(low, high)))
    expansions: list[Expansion] = ["replicate", "shift", "floor", "center"]
    expansion = expansions[int(rng.choice(4, p=[0.55, 0.2, 0.15, 0.1]))]
    if kind == "bits":
        return UniformQuantizer.of_bits([int(rng.integers(2, 7))] * 3, expansion)
    choices = [(3, 3, 2), (5, 6, 5), (4, 4, 4), (3, 3, 3), (5, 5, 5), (6, 6, 6)]
    return UniformQuantizer.of_bits(choices[int(rng.integers(len(choices)))], expansion)


def lossy_tile(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Quantize to a random lattice of 3 to 6 bits, then x264 or JPEG; returns ``(H, W, 3)`` uint8."""
    picture = torch.from_numpy(tile.copy()).permute(2, 0, 1)[None].float() / 255
    quantizer = UniformQuantizer.of_bits([int(rng.integers(3, 7))] * 3, "replicate")
    stored = (quantizer.quantize(picture)[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    if rng.random() < 0.7:
        pixel_format = "yuv420p" if rng.random() < 0.75 else "yuv444p"
        return codec_roundtrip([stored], x264(float(rng.uniform(10, 27)), pixel_format))[0]
    written = cv2.imencode(
        ".jpg", np.ascontiguousarray(stored[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 97))]
    )[1]
    decoded = np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(decoded[..., ::-1])
