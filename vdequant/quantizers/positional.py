"""Positional dither: each pixel has a list of colors whose mean is its color; its place says which one is shown.

    x ──► nearest color, and again for x plus what the earlier ones left over ──► n colors, by luma
          └───────── error of all so far ◄─────────┘                                  └─► the one of the place's rank

It is Thomas Knoll's method (US patent 6,606,166 of 1999, expired), the "Pattern" dither of Photoshop's GIFs; the
ordered modes of gifsicle work alike. Unlike a mixture of two colors it keeps means that lie off the line between them,
at the price of more noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.quantizers.palette import nearest_index
from vdequant.quantizers.rows import from_rows, to_rows
from vdequant.quantizers.threshold import gray

STRENGTH = 0.5  # share of the error that the next color makes up for at once
PAIRS = 1 << 18  # of pixels and colors, looked at together: what a processor's cache holds


def by_luma(palette: Tensor) -> Tensor:
    """The colors ``(K, 3)``, dark ones first."""
    return palette[gray(palette[..., None, None])[:, 0, 0].argsort(stable=True)]


def _candidates(colors: Tensor, palette: Tensor, count: int, strength: float) -> Tensor:
    """For each color of ``(P, 3)`` the numbers of ``count`` palette colors whose mean comes close to it, ascending."""
    error = torch.zeros_like(colors)
    chosen = []
    for _ in range(count):
        nearest = nearest_index(colors + strength * error, palette)
        chosen.append(nearest)
        error = error + colors - palette[nearest]
    return torch.stack(chosen, dim=1).sort(dim=1).values


def positional(x: Tensor, thresholds: Tensor, count: int, palette: Tensor, strength: float = STRENGTH) -> Tensor:
    """The color that each pixel shows.

    Args:
        x: ``(N, 3, H, W)`` in [0, 1].
        thresholds: ``(H, W)``, between 0 and 1: of the places of the pattern.
        count: places of the pattern, the length of each pixel's list.
        palette: ``(K, 3)``.
        strength: more than 0; 1 makes up for all of the error, with far colors where need be.

    Returns:
        Colors of the palette, ``(N, 3, H, W)``.
    """
    colors, pixels = by_luma(palette), to_rows(x)
    ranks = (thresholds * count).long().expand(len(x), -1, -1).reshape(-1)
    size = max(1, PAIRS // len(colors))
    shown = [
        _candidates(part, colors, count, strength).gather(1, rank[:, None])[:, 0]
        for part, rank in zip(torch.split(pixels, size), torch.split(ranks, size), strict=True)
    ]
    return from_rows(colors[torch.cat(shown)], x)
