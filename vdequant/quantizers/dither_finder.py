"""A small network that says whether a picture of few colors was dithered by error diffusion.

It sees structure alone, no colors: which pixels equal which neighbors, and how far they are apart in units of the
palette's own gaps. Each place gives evidence and a weight; what says nothing, as flat art does, weighs nothing.

    equal to →↓↘↙ and two pixels on?  ┐
    how far from them, in gaps         ├─► 4 convolutions ─► evidence, weight ─► weighted mean: log odds
    luma: up or down, how many colors  ┘
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from vdequant.errors import ModelError

WEIGHTS = Path(__file__).parent.parent / "weights" / "dither-finder.safetensors"
PLANES, CHANNELS = 13, 24
REACH = 2  # pixels a neighbor is away at most
NEIGHBORS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows and columns; the others are these of other pixels
STRAIGHT, SECOND = NEIGHBORS[:2], ((0, 2), (2, 0))
FAR = 4.0  # gaps of luma that count at most
SMALLEST = 24  # pixels a side; the convolutions need 15
LEAST_WEIGHT = 1e-3


def _at(plane: Tensor, down: int, across: int) -> Tensor:
    """``(..., h, w)`` without a border of REACH, moved."""
    height, width = plane.shape[-2:]
    return plane[..., REACH + down : height - REACH + down, REACH + across : width - REACH + across]


def structure(codes: Tensor) -> Tensor:
    """What the network sees: ``(13, h - 4, w - 4)`` float32 of a picture ``(3, h, w)`` of integers 0..255."""
    ones = codes[0] << 16 | codes[1] << 8 | codes[2]
    colors, counts = torch.unique(ones, return_counts=True)
    palette = torch.stack([colors >> 16, colors >> 8 & 255, colors & 255], dim=1).float()
    gap = 1.0
    if len(colors) > 1:
        distances = torch.cdist(palette, palette).fill_diagonal_(float("inf"))
        gap = float((distances.amin(1) * counts).sum() / counts.sum())
    values = codes.float()
    luma = 0.3 * values[0] + 0.6 * values[1] + 0.1 * values[2]
    planes = []
    for place in NEIGHBORS:
        planes.append((_at(ones, *place) != _at(ones, 0, 0)).float())
        apart = (_at(values, *place) - _at(values, 0, 0)).square().sum(0).sqrt() / gap
        planes.append(torch.log1p(apart) / 3)
    planes += [((_at(luma, *place) - _at(luma, 0, 0)) / gap).clamp(-FAR, FAR) / FAR for place in STRAIGHT]
    planes += [(_at(ones, *place) != _at(ones, 0, 0)).float() for place in SECOND]
    planes.append(torch.full_like(planes[0], math.log2(max(len(colors), 2)) / 8))
    return torch.stack(planes)


class DitherFinder(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(PLANES, CHANNELS, 3)
        self.second = nn.Conv2d(CHANNELS, CHANNELS, 3)
        self.third = nn.Conv2d(CHANNELS, CHANNELS, 3, dilation=2)
        self.fourth = nn.Conv2d(CHANNELS, CHANNELS, 3, stride=2)
        self.last = nn.Conv2d(CHANNELS, 2, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """Log odds ``(N,)`` of ``(N, 13, h, w)``, see :func:`structure`."""
        x = planes
        for layer in (self.first, self.second, self.third, self.fourth):
            x = functional.relu(layer(x))
        evidence, weight = self.last(x).flatten(2).unbind(1)
        weight = functional.softplus(weight) + LEAST_WEIGHT
        odds: Tensor = (evidence * weight).sum(1) / weight.sum(1)
        return odds


@lru_cache(maxsize=1)
def _trained() -> DitherFinder:
    finder = DitherFinder()
    try:
        finder.load_state_dict(load_file(WEIGHTS))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ModelError(f"expected the weights {WEIGHTS}, found none that fit: reinstall vdequant") from error
    return finder.eval()


@torch.inference_mode()
def evidence_of_diffusion(codes: Tensor) -> float:
    """Log odds that a picture ``(3, h, w)`` of integers 0..255 was dithered by error diffusion.

    Raises:
        ModelError: the weights are missing or damaged.
    """
    return float(_trained()(structure(codes.cpu())[None]))
