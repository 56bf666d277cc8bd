"""A small network that says whether a picture of few colors was dithered by error diffusion.

It sees structure alone, no colors: which pixels equal which neighbors, and how far they are apart in units of the
palette's own gaps. Each place gives evidence and a weight; what says nothing, as flat art does, weighs nothing.

    equal to →↓↘↙ and two pixels on?      ┐
    how far from them, in gaps: the mean   │
    one, and those of both pixels' colors  ├─► 4 convolutions ─► evidence, weight ─► weighted mean: log odds
    luma and chroma: up or down            │
    this color's gap, how many colors      ┘
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
PLANES, CHANNELS, WIDER = 24, 32, 48
REACH = 2  # pixels a neighbor is away at most
NEIGHBORS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows and columns; the others are these of other pixels
STRAIGHT, SECOND = NEIGHBORS[:2], ((0, 2), (2, 0))
FAR = 4.0  # gaps that count at most, of luma and chroma
UNUSUAL = 2.0  # of the logarithm of a color's gap over the mean one, at most
SMALLEST = 24  # pixels a side; the convolutions need 17
LEAST_WEIGHT = 1e-3


def _at(plane: Tensor, down: int, across: int) -> Tensor:
    """``(..., h, w)`` without a border of REACH, moved."""
    height, width = plane.shape[-2:]
    return plane[..., REACH + down : height - REACH + down, REACH + across : width - REACH + across]


def _gaps(ones: Tensor) -> tuple[Tensor, float, int]:
    """How far the nearest other color is from each pixel's ``(h, w)``, the mean over pixels, how many colors there are.

    Of one color alone, 1.
    """
    colors, places, counts = torch.unique(ones, return_inverse=True, return_counts=True)
    if len(colors) == 1:
        return torch.ones(ones.shape), 1.0, 1
    palette = torch.stack([colors >> 16, colors >> 8 & 255, colors & 255], dim=1).float()
    # By matrix products, small distances would be inexact.
    distances = torch.cdist(palette, palette, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distances.fill_diagonal_(float("inf")).amin(1)
    return nearest[places], float((nearest * counts).sum() / counts.sum()), len(colors)


def _steps(plane: Tensor, gap: float, places: tuple[tuple[int, int], ...]) -> list[Tensor]:
    """By how many gaps the neighbors at ``places`` are above this pixel, in -1..1."""
    here = _at(plane, 0, 0)
    return [((_at(plane, *place) - here) / gap).clamp(-FAR, FAR) / FAR for place in places]


def structure(codes: Tensor) -> Tensor:
    """What the network sees: ``(24, h - 4, w - 4)`` float32 of a picture ``(3, h, w)`` of integers 0..255."""
    ones = codes[0] << 16 | codes[1] << 8 | codes[2]
    gaps, gap, count = _gaps(ones)
    values = codes.float()
    luma = 0.3 * values[0] + 0.6 * values[1] + 0.1 * values[2]
    here, own = _at(ones, 0, 0), _at(gaps, 0, 0)
    planes = []
    for place in NEIGHBORS:
        apart = (_at(values, *place) - _at(values, 0, 0)).square().sum(0).sqrt()
        planes.append((_at(ones, *place) != here).float())
        planes.append(torch.log1p(apart / gap) / 3)
        planes.append(torch.log1p(apart / torch.maximum(own, _at(gaps, *place))) / 2)
    planes += _steps(luma, gap, NEIGHBORS)
    planes += _steps(values[0] - luma, gap, STRAIGHT) + _steps(values[2] - luma, gap, STRAIGHT)
    planes.append(torch.log(own / gap).clamp(-UNUSUAL, UNUSUAL) / UNUSUAL)
    planes += [(_at(ones, *place) != here).float() for place in SECOND]
    planes.append(torch.full_like(planes[0], math.log2(max(count, 2)) / 8))
    return torch.stack(planes)


class DitherFinder(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        wide = (nn.Conv2d(CHANNELS, WIDER, 3, stride=2), nn.Conv2d(WIDER, WIDER, 3), nn.Conv2d(WIDER, WIDER, 3))
        self.layers = nn.ModuleList([nn.Conv2d(PLANES, CHANNELS, 3), *wide])
        self.last = nn.Conv2d(WIDER, 2, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """Log odds ``(N,)`` of ``(N, 24, h, w)``, see :func:`structure`."""
        x = planes
        for layer in self.layers:
            x = functional.relu(layer(x))
        evidence, weight = self.last(x).flatten(2).unbind(1)
        weight = functional.softplus(weight) + LEAST_WEIGHT
        odds: Tensor = (evidence * weight).sum(1) / weight.sum(1)
        return odds


@lru_cache(maxsize=1)
def _trained() -> DitherFinder:
    with torch.random.fork_rng(devices=[]):  # a network begins with random weights; callers have seeds of their own
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
