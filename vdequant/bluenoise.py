"""A blue-noise threshold texture by void and cluster (Ulichney 1993), made once, 64x64, tileable."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

SIDE = 64
SIGMA = 1.9  # of the energy kernel; Ulichney recommends 1.5 to 2


def _kernel() -> np.ndarray:
    reach = np.minimum(np.arange(SIDE), SIDE - np.arange(SIDE)).astype(np.float64)
    squared = reach[:, None] ** 2 + reach[None, :] ** 2
    return np.exp(-squared / (2 * SIGMA**2))


def _ranks() -> np.ndarray:
    """Rank of every cell, 0..SIDE*SIDE-1: always fill the largest void of what is filled so far."""
    kernel = _kernel()
    random = np.random.default_rng(7)
    # A little noise decides between equal voids, otherwise the first points fall on a regular lattice.
    energy = random.random((SIDE, SIDE)) * 1e-3
    ranks = np.zeros((SIDE, SIDE))
    for rank in range(SIDE * SIDE):
        row, column = divmod(int(energy.argmin()), SIDE)
        ranks[row, column] = rank
        energy += np.roll(kernel, (row, column), (0, 1))
        energy[row, column] = np.inf
    return ranks


@lru_cache(maxsize=1)
def _texture() -> Tensor:
    return torch.from_numpy((_ranks() + 0.5) / (SIDE * SIDE)).to(torch.float32)


@lru_cache(maxsize=8)
def blue_noise(height: int, width: int, device: torch.device) -> Tensor:
    """Thresholds in (0, 1), uniformly distributed, of shape ``(height, width)``."""
    with torch.inference_mode(False):  # kept for later callers, who may want gradients
        tiles = _texture().to(device).repeat(-(-height // SIDE), -(-width // SIDE))
        return tiles[:height, :width].contiguous()
