"""Ordered dither: fixed patterns of thresholds, one for every place of the picture."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from vdequant.bluenoise import SIDE, blue_noise


def bayer_ranks(side: int) -> Tensor:
    """Bayer's matrix of 1973 for a power of two: the ranks 0..side²-1, each as far from the last ones as can be."""
    ranks = torch.zeros(1, 1)
    while len(ranks) < side:
        ranks = torch.cat([torch.cat([4 * ranks, 4 * ranks + 2], 1), torch.cat([4 * ranks + 3, 4 * ranks + 1], 1)])
    return ranks


def _tiled(pattern: Tensor, height: int, width: int, device: torch.device) -> Tensor:
    rows, columns = pattern.shape
    return pattern.to(device).repeat(-(-height // rows), -(-width // columns))[:height, :width]


def _bayer(side: int, height: int, width: int, device: torch.device) -> Tensor:
    return _tiled((bayer_ranks(side) + 0.5) / side**2, height, width, device)


# Two thresholds a quarter from the ends: three apparent shades a step, as sprites of the Mega Drive draw them.
_CHECKERBOARD = torch.tensor([[0.25, 0.75], [0.75, 0.25]])
_COLUMNS = torch.tensor([[0.25, 0.75]])

# What the PlayStation's GPU adds to 8-bit samples before it drops three bits (psx-spx, "24bit RGB to 15bit RGB
# Dithering"); the samples with the largest offset become lighter first.
PLAYSTATION_OFFSETS = torch.tensor([[-4, 0, -3, 1], [2, -2, 3, -1], [-3, 1, -4, 0], [3, -1, 2, -2]])
PLAYSTATION = (3.5 - PLAYSTATION_OFFSETS) / 8

PATTERNS: dict[str, Callable[[int, int, torch.device], Tensor]] = {
    "bayer2": partial(_bayer, 2),
    "bayer4": partial(_bayer, 4),
    "bayer8": partial(_bayer, 8),
    "checkerboard": partial(_tiled, _CHECKERBOARD),
    "column": partial(_tiled, _COLUMNS),
    "bluenoise": blue_noise,
    "playstation": partial(_tiled, PLAYSTATION),
    "knoll4": partial(_bayer, 4),
    "knoll8": partial(_bayer, 8),
}
LISTED = ("knoll4", "knoll8")  # whose places choose from a list of colors, one for each place; see positional
# Pixels after which each repeats, across and down
PERIODS = {
    "bayer2": 2, "bayer4": 4, "bayer8": 8, "checkerboard": 2, "column": 2, "bluenoise": SIDE, "playstation": 4,
    "knoll4": 4, "knoll8": 8,
}  # fmt: skip


def thresholds(kind: str, height: int, width: int, device: torch.device) -> Tensor:
    """Thresholds of a pattern, ``(height, width)`` float32, strictly between 0 and 1, origin at the top left."""
    return PATTERNS[kind](height, width, device)
