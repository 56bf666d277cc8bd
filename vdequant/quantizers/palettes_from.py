"""Palettes made from pictures, by Pillow (median cut, octree) and OpenCV (k-means); equal input gives equal colors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vdequant.checks import check_choice
from vdequant.errors import UsageError
from vdequant.quantizers.census import check_pictures

Codes = NDArray[np.uint8]

METHODS = ("mediancut", "kmeans", "octree")
# Pixels looked at; above that a thinned part. Below, the palette is the one that Pillow makes of the picture itself.
MOST_PIXELS = {"mediancut": 1 << 20, "octree": 1 << 20, "kmeans": 1 << 16}
MOST_OF_PILLOW = 256  # colors
ROUNDS, PRECISION = 30, 0.1  # of k-means: Lloyd's steps, and codes below which a move ends it


def palette_from(pictures: Sequence[Tensor], colors: int, method: str = "mediancut", seed: int = 0) -> Tensor:
    """A palette for some pictures together, for a clip or for one picture.

    Args:
        pictures: ``(3, H, W)`` in [0, 1], of any sizes.
        colors: the most that are made; pictures of fewer colors keep theirs, exactly (to 8 bits).
        method: "mediancut" (Heckbert 1982), "kmeans" (begun by k-means++ and ``seed``) or "octree" (Gervautz and
            Purgathofer 1988).

    Returns:
        ``(K, 3)`` float32, distinct 8-bit codes divided by 255, ascending, so that an 8-bit file holds them exactly.

    Raises:
        UsageError: for a number or a method that does not exist.
    """
    check_pictures(pictures)
    check_choice(method, METHODS, "palette method")
    if colors < 1:
        raise UsageError(f"expected a palette of 1 or more colors, got {colors}")
    if method != "kmeans" and colors > MOST_OF_PILLOW:
        raise UsageError(
            f"expected at most {MOST_OF_PILLOW} colors by {method}, got {colors}; use palette:{colors}/kmeans"
        )
    codes = torch.cat([_codes(picture) for picture in pictures]).numpy()
    distinct = _distinct(codes)
    if len(distinct) > colors:
        pixels = _thinned(codes, MOST_PIXELS[method])
        made = _kmeans(pixels, colors, seed) if method == "kmeans" else _by_pillow(pixels, colors, method)
        distinct = _distinct(made)
    return torch.from_numpy(distinct.astype(np.float32)) / 255


def _codes(picture: Tensor) -> Tensor:
    """``(3, H, W)`` in [0, 1] to ``(H * W, 3)`` 8-bit codes."""
    return (picture * 255).round().clamp(0, 255).to("cpu", torch.uint8).movedim(0, -1).reshape(-1, 3)


def _distinct(codes: Codes) -> Codes:
    """Rows without doubles, ascending."""
    wide = codes.astype(np.int32)
    packed = np.unique((wide[:, 0] << 16) | (wide[:, 1] << 8) | wide[:, 2])
    return np.stack([packed >> 16, (packed >> 8) & 255, packed & 255], axis=1).astype(np.uint8)


def _thinned(codes: Codes, most: int) -> Codes:
    """At most so many rows, always the same ones for the same number."""
    if len(codes) <= most:
        return codes
    chosen = np.random.default_rng(len(codes)).choice(len(codes), most, replace=False)
    return codes[np.sort(chosen)]


def _by_pillow(pixels: Codes, colors: int, method: str) -> Codes:
    kind = Image.Quantize.MEDIANCUT if method == "mediancut" else Image.Quantize.FASTOCTREE
    made = Image.fromarray(pixels[:, None]).quantize(colors, method=kind, dither=Image.Dither.NONE)
    table: Codes = np.asarray(made.getpalette(), dtype=np.uint8).reshape(-1, 3)[np.unique(np.asarray(made))]
    return table


def _kmeans(pixels: Codes, colors: int, seed: int) -> Codes:
    cv2.setRNGSeed(seed & 0x7FFFFFFF)  # it takes no more
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, PRECISION)
    samples: Any = pixels.astype(np.float32)
    _, _, centers = cv2.kmeans(samples, colors, None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    rounded: Codes = np.rint(np.asarray(centers)).clip(0, 255).astype(np.uint8)
    return rounded
