"""Chroma at half the size, along one axis: how a decoder doubles it, as a matrix, and the inverse of that.

    centered:  luma  0   1   2   3      cosited:  luma  0   1   2   3      repeated:  luma  0   1   2   3
               chroma  C0      C1                 chroma C0      C1                   chroma C0  C0  C1  C1

The inverse is the one of least squares, so ``halving @ doubling`` is the identity: a decoder's output that is
halved and doubled again stays what it is. Means (centered) or (1, 2, 1) / 4 (cosited) do not have that property.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

Placement = Literal["centered", "cosited", "repeated"]


@lru_cache(maxsize=16)
def doubling(size: int, placement: Placement, device: torch.device, dtype: torch.dtype) -> Tensor:
    """``(size, ceil(size / 2))``: linear interpolation to ``size`` samples, edges repeat."""
    with torch.inference_mode(False):  # kept for later callers, who may want gradients
        return _doubling(size, placement).to(device, dtype)


def _doubling(size: int, placement: Placement) -> Tensor:
    half = -(-size // 2)
    place = torch.arange(size)
    nearest, odd = place // 2, place % 2
    other = (nearest + odd if placement == "cosited" else nearest + odd * 2 - 1).clamp(0, half - 1)
    share = {"centered": torch.tensor(0.25), "cosited": odd * 0.5, "repeated": torch.tensor(0.0)}[placement]
    matrix = torch.zeros(size, half, dtype=torch.float64)
    matrix[place, nearest] += 1 - share.to(torch.float64)
    matrix[place, other] += share.to(torch.float64)
    return matrix


@lru_cache(maxsize=16)
def halving(size: int, placement: Placement, device: torch.device, dtype: torch.dtype) -> Tensor:
    """``(ceil(size / 2), size)``: the least-squares inverse of :func:`doubling`."""
    with torch.inference_mode(False):
        matrix = _doubling(size, placement)
        inverse: Tensor = torch.linalg.solve(matrix.T @ matrix, matrix.T)
        return inverse.to(device, dtype)
