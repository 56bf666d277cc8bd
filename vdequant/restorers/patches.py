"""Pictures as overlapping square patches, and back: each pixel is the weighted mean of the patches that hold it.

side  ├───────┤
          ├───────┤       half a side on: every pixel is in two patches across and two down,
weight  ◠   ◠   ◠         with weights (sine squared) that have no edge
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def cut(x: Tensor, side: int) -> Tensor:
    """``(N, C, H, W)`` to ``(N * P, C, side, side)``, picture by picture, in rows.

    H and W are at least ``side``, and multiples of half of it.
    """
    channels = x.shape[1]
    columns = functional.unfold(x, side, stride=side // 2)  # (N, C * side * side, P)
    return columns.transpose(1, 2).reshape(-1, channels, side, side)


def patches_in(height: int, width: int, side: int) -> int:
    """How many patches :func:`cut` makes of a picture."""
    half = side // 2
    return (height // half - 1) * (width // half - 1)


def join(patches: Tensor, count: int, height: int, width: int) -> Tensor:
    """What :func:`cut` cut, as ``count`` pictures ``(count, C, height, width)`` again."""
    channels, side = patches.shape[1], patches.shape[-1]
    places = torch.arange(side, dtype=patches.dtype, device=patches.device)
    slope = torch.sin(torch.pi * (places + 0.5) / side).square()
    window = slope[:, None] * slope
    weighted = (patches * window).reshape(count, -1, channels * side * side).transpose(1, 2)
    size, step = (height, width), side // 2
    total = functional.fold(weighted, size, side, stride=step)
    ones = window.expand(1, weighted.shape[2], side, side).reshape(1, -1, side * side).transpose(1, 2)
    return total / functional.fold(ones, size, side, stride=step)
