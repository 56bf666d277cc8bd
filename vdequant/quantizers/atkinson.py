"""Atkinson's dither of two tones: how it darkens and lightens shades, and how it is told from other error diffusion.

It passes on three quarters of the error. What a seventh of the way from black is becomes black, and all shades move
away from the middle: the picture behind is softer than its local means.

    shade   0 . . . . . . . . . . . . . . . 1
    mean    0 0 0 . . . . . . . . . . . 1 1 1
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.quantizers.error_diffusion import ATKINSON, Colors, diffuse

STEPS = 64  # of the curve
PATCH, SETTLING = 96, 32  # pixels of a side of a flat shade, and of its border that is not looked at
# A pixel among four of its own tone, where three of the corners or all are the other one. Of the windows of 3x3 pixels
# that hold both tones 0.02 % are one in Atkinson's dither, and 0.4 to 1.3 % in what other kernels make (medians). Below
# 0.05 and 0.1 % are 95 and 99 % of 480 tiles of photographs, art and screens with Atkinson's, and at most 3 and 5 % of
# those with any other kernel.
CROSSES = (0b010111010, 0b010111011, 0b010111110, 0b011111010, 0b110111010)
MOST_CROSSES = 0.0007
LEAST_MIXED = 0.05  # share of the windows that has to hold both tones
WINDOWS = 512


def _halves(wanted: Colors) -> Colors:
    return (wanted >= 0.5).astype(np.float32)


@lru_cache(maxsize=1)
def shades_of_means() -> Tensor:
    """The shade behind each mean, ``(STEPS + 1,)`` for means from 0 to 1: what flat shades become, looked up backwards.

    Black and white stay what they are, although dark and light shades become so as well: pages, letters and outlines
    are of them. Of gray photographs and game screens together that is 0.3 dB nearer to the truth, too.
    """
    shades = np.linspace(0, 1, 4 * STEPS + 1, dtype=np.float32)
    flat = np.broadcast_to(shades[:, None, None, None], (len(shades), 1, PATCH, PATCH)).copy()
    inner = np.s_[SETTLING:-SETTLING]
    means = np.maximum.accumulate(_diffused(flat)[:, 0, inner, inner].mean((1, 2)))
    least = 1 / (PATCH - 2 * SETTLING) ** 2
    known = (means >= least) & (means <= 1 - least)
    at = np.concatenate([[0.0], means[known], [1.0]])
    found = np.interp(np.linspace(0, 1, STEPS + 1), at, np.concatenate([[0.0], shades[known], [1.0]]))
    return torch.from_numpy(found.astype(np.float32))


def _diffused(flat: Colors) -> Colors:
    wide = np.repeat(flat, 3, axis=1)
    return diffuse(wide, _halves, ATKINSON)[:, :1]


def softened(x: Tensor) -> Tensor:
    """Pictures of local means ``(N, 3, H, W)`` in [0, 1], between two tones, as the shades behind them."""
    curve = shades_of_means().to(x)
    place = (x * STEPS).clamp(0, STEPS)
    below = place.floor().clamp(max=STEPS - 1)
    index = below.long()
    return torch.lerp(curve[index], curve[index + 1], place - below)


def is_atkinsons(pictures: Sequence[Tensor]) -> bool:
    """Whether most pictures ``(3, H, W)`` of two tones, known to be dithered by error diffusion, were so by his."""
    votes = [_has_few_crosses(picture) for picture in pictures if min(picture.shape[-2:]) > 2]
    return 2 * sum(votes) > len(votes)


def _has_few_crosses(picture: Tensor) -> bool:
    luma = picture.float().sum(0).cpu().numpy()
    tones = (luma > (luma.min() + luma.max()) / 2).astype(np.int64)
    counts = _windows(tones) + _windows(1 - tones)
    mixed = counts[1:-1].sum()
    return bool(mixed >= LEAST_MIXED * counts.sum() and counts[list(CROSSES)].sum() < MOST_CROSSES * mixed)


def _windows(tones: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each window of 3x3 pixels occurs in ``(H, W)`` of 0 and 1; its number has the first pixel highest."""
    height, width = tones.shape
    packed = np.zeros((height - 2, width - 2), np.int64)
    for row in range(3):
        for column in range(3):
            packed = 2 * packed + tones[row : height - 2 + row, column : width - 2 + column]
    return np.bincount(packed.ravel(), minlength=WINDOWS)
