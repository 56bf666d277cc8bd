"""A simple banding index: how much of the picture is false contour."""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.checks import check_picture

REACH = 3  # samples on either side that have to be flat
FLAT = 0.25 / 255  # most that flat samples differ
LARGEST_STEP = 40 / 255  # a larger one is an edge of the scene


def _contours(luma: Tensor) -> Tensor:
    """Share of places along the last dimension with a small step between two flat runs; ``(N,)``."""
    steps = (luma[..., 1:] - luma[..., :-1]).abs()
    windows = steps.unfold(-1, 2 * REACH + 1, 1)
    middle = windows[..., REACH]
    sides = windows.sum(-1) - middle
    return ((middle > FLAT) & (middle <= LARGEST_STEP) & (sides < FLAT)).to(torch.float64).flatten(1).mean(1)


def banding(x: Tensor) -> Tensor:
    """Share of places, across and down, where luma makes a small step between two flat runs of 4 samples.

    A ramp of few levels scores one over its band width, a smooth or a noisy picture 0. The idea (a step between flat
    neighborhoods, limited in contrast) is that of CAMBI (Tandon et al. 2021), without its scales and visibility model.

    Args:
        x: ``(N, 3, H, W)`` in [0, 1], at least 8x8.

    Returns:
        ``(N,)`` float64 in [0, 1], lower is better.
    """
    check_picture(x)
    least = 2 * REACH + 2
    if min(x.shape[-2:]) < least:
        raise ValueError(f"expected pictures of at least {least}x{least}, got {tuple(x.shape[-2:])}")
    weights = torch.tensor([0.2126, 0.7152, 0.0722], dtype=x.dtype, device=x.device)
    luma = (x * weights[:, None, None]).sum(1)
    return (_contours(luma) + _contours(luma.transpose(-1, -2))) / 2
