"""Between the colors of a palette: where a pixel lies among source colors, there it lies among their partners."""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.color import luma_of
from vdequant.edits.luma import with_luma

CHUNK = 1 << 20  # pixel-color pairs held at a time
NEAR = 1e-5  # squared distance at which a pixel is as good as on a color


def _blend(pixels: Tensor, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Means of the palettes' colors for ``(P, 3)`` pixels, weighted by their distance to the source colors to the -4.

    The fourth power of Shepard's weights: near a color its partner stands almost alone, halfway between two colors
    both count the same, and nothing jumps in between.
    """
    weights = torch.cdist(pixels, source, compute_mode="donot_use_mm_for_euclid_dist").square_().add_(NEAR).pow_(-2)
    weights /= weights.sum(1, keepdim=True)
    return weights @ source, weights @ target


def blended(x: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Pictures in another palette without its steps, with the source's own variations of luma.

    Args:
        x: ``(N, 3, H, W)`` in [0, 1].
        source, target: ``(K, 3)``, a color and its partner in each row.

    Returns:
        ``(N, 3, H, W)`` in [0, 1]: the blended partners, and in luma what the blended source colors do not tell of
        ``x``. Not in any cells.
    """
    count, _, height, width = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(-1, 3)
    source, target = source.to(x), target.to(x)
    rows = max(1, CHUNK // len(source))
    found = [_blend(part, source, target) for part in torch.split(pixels, rows)]
    told, made = (
        torch.cat(parts).view(count, height, width, 3).permute(0, 3, 1, 2) for parts in zip(*found, strict=True)
    )
    return with_luma(made, luma_of(made) + luma_of(x) - luma_of(told))
