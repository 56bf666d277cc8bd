"""The degradations of the training set: palettes with and without dither, and lossy codecs after a quantizer.

Uniform lattices are made on the fly (see ``data``); what is expensive to make is made here once a tile.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image

from vdequant.media.roundtrip import h264_roundtrip
from vdequant.quantizers.palette import axis_reach
from vdequant.quantizers.uniform import Expansion, UniformQuantizer

BAYER_4 = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], dtype=np.float32) / 16 - 0.47


@dataclass(frozen=True)
class PaletteRecord:
    """A tile cut to a palette: index ``(H, W)`` uint8, palette ``(K, 3)`` uint8, reach ``(K, 2, 3)`` float32."""

    index: np.ndarray
    palette: np.ndarray
    reach: np.ndarray
    dithered: bool


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
    """Cut ``tile`` (``(H, W, 3)`` uint8) to a random palette; 60 % plain, 28 % Floyd-Steinberg, 12 % Bayer 4x4."""
    palette = random_palette(tile, others, rng)
    dither = rng.choice(["none", "error diffusion", "ordered"], p=[0.6, 0.28, 0.12])
    if dither == "none" and not others:
        image = palette
    elif dither == "error diffusion":
        image = Image.fromarray(tile).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    else:
        source = tile.astype(np.float32)
        if dither == "ordered":
            count = max(2, len(np.unique(np.asarray(palette))))
            step = 255 / max(2.0, count ** (1 / 2.2))
            height, width = tile.shape[:2]
            pattern = np.tile(BAYER_4, (height // 4 + 1, width // 4 + 1))[:height, :width, None]
            source = source + pattern * step * rng.uniform(0.5, 1.0)
        clipped = Image.fromarray(source.clip(0, 255).round().astype(np.uint8))
        image = clipped.quantize(palette=palette, dither=Image.Dither.NONE)
    colors, index = used_palette(image, np.asarray(image))
    reach = axis_reach(torch.from_numpy(colors).float() / 255).numpy()
    return PaletteRecord(index, colors, reach, dither != "none")


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
    stored = quantizer.quantize(picture)[0]
    if rng.random() < 0.7:
        chroma = (1, 1) if rng.random() < 0.75 else (0, 0)
        passed = h264_roundtrip(stored, float(rng.uniform(10, 27)), chroma)
        return (passed * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    bgr = (stored * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()[..., ::-1]
    written = cv2.imencode(".jpg", np.ascontiguousarray(bgr), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 97))])[1]
    decoded = np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(decoded[..., ::-1])
