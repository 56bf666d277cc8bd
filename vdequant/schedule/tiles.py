"""Large pictures in tiles with a halo: the same result as in one piece, in less memory and closer to the cache.

┌───────────────┐
│ halo          │    a tile is cut with a halo at least as wide as the receptive radius,
│   ┌───────┐   │    computed, and only its inner part is kept; at the picture's own border
│   │ kept  │   │    there is no halo, so padding acts as it does on the whole picture
│   └───────┘   │
└───────────────┘
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

SMALLEST_TILE = 64  # side below which nothing is cut further when memory runs out
CACHE_PIXELS = 130_000  # on CPUs, tiles up to this many pixels lose nothing to cache misses (measured)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: the part that is computed (with halo) and the part of the picture that it fills."""

    top: int
    left: int
    bottom: int
    right: int
    inner: tuple[int, int, int, int]  # top, left, bottom, right in the picture


def _edges(size: int, side: int, align: int) -> list[int]:
    """Borders of equal parts of at most ``side`` pixels, all but the last at multiples of ``align``."""
    count = math.ceil(size / side)
    while True:
        edges = [min(size, round(i * size / count / align) * align) for i in range(count)] + [size]
        if side < align or all(b - a <= side for a, b in pairwise(edges)):
            return sorted(set(edges))
        count += 1


def split(height: int, width: int, side: int, halo: int, align: int = 1) -> Iterator[Tile]:
    """Tiles of at most ``side`` pixels a side (halo not counted) that cover the picture exactly once.

    With ``align`` every tile is cut at multiples of it, halo included: a network that takes means over 8x8 pixels
    takes them over the same pixels then as on the whole picture.
    """
    halo = math.ceil(halo / align) * align
    for top, bottom in pairwise(_edges(height, side, align)):
        for left, right in pairwise(_edges(width, side, align)):
            yield Tile(
                max(0, top - halo),
                max(0, left - halo),
                min(height, bottom + halo),
                min(width, right + halo),
                (top, left, bottom, right),
            )


def automatic_side(height: int, width: int, device: torch.device, halo: int = 0) -> int:
    """Side that keeps a CPU's tiles in cache; on a GPU the whole picture until memory says otherwise.

    A network that sees far gets larger tiles: at six halos it computes at most 1.8 times the pixels that are kept.
    """
    if device.type != "cpu" or height * width <= CACHE_PIXELS:
        return max(height, width)
    return max(320, 6 * halo)


def apply_tiled(work: Callable[[Tensor], Tensor], x: Tensor, *, side: int, halo: int, align: int = 1) -> Tensor:
    """Run ``work`` on ``x`` ``(N, C, H, W)`` tile by tile; ``work`` keeps size and sees ``halo`` pixels around."""
    height, width = x.shape[-2:]
    if height <= side and width <= side:
        return work(x)
    result: Tensor | None = None
    for tile in split(height, width, side, halo, align):
        part = work(x[..., tile.top : tile.bottom, tile.left : tile.right].contiguous())
        if result is None:
            result = part.new_empty((*part.shape[:-2], height, width))
        top, left, bottom, right = tile.inner
        kept = part[..., top - tile.top : bottom - tile.top, left - tile.left : right - tile.left]
        result[..., top:bottom, left:right] = kept
    if result is None:
        raise ValueError(f"expected a picture with pixels, got {tuple(x.shape)}")
    return result
