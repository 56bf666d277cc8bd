"""PSNR-B: the distance to the true picture, and on top what is left of JPEG's blocks."""

from __future__ import annotations

from math import log2

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.metrics.fidelity import mse

BLOCK = 8  # pixels a side
STUDIO_LUMA = (65.481, 128.553, 24.966)  # BT.601 Y in 16..235 of RGB in [0, 1], as MATLAB's rgb2ycbcr has it


def studio_luma(x: Tensor) -> Tensor:
    """Luma codes ``(N, H, W)`` float64, rounded, of ``(N, 3, H, W)`` in [0, 1] that is rounded to 8 bits first."""
    codes = (x.double().clamp(0, 1) * 255).round() / 255
    weights = torch.tensor(STUDIO_LUMA, dtype=torch.float64, device=x.device)
    return (torch.einsum("c,nchw->nhw", weights, codes) + 16).round()


def _steps(plane: Tensor) -> tuple[Tensor, Tensor, int, int]:
    """Along the last axis: sums of squared steps at block borders and elsewhere, ``(N,)``, and how many there are.

    The number of borders is that of whole blocks, as in the paper, though a cut block adds another.
    """
    squares = plane.diff(dim=-1).square()
    at_border = squares[..., BLOCK - 1 :: BLOCK].sum(dim=(-2, -1))
    height, width = plane.shape[-2:]
    borders = height * (width // BLOCK - 1)
    return at_border, squares.sum(dim=(-2, -1)) - at_border, borders, height * (width - 1) - borders


def blocking_effect(plane: Tensor) -> Tensor:
    """The blocking effect factor of Yim and Bovik 2011 (eq. 7 to 10), in squared codes.

    Args:
        plane: ``(N, H, W)`` codes, at least 16x16; blocks of 8x8 begin in its corner.

    Returns:
        ``(N,)`` float64: 0 where steps at block borders are no larger than others.
    """
    across, down = _steps(plane.double()), _steps(plane.double().transpose(-2, -1))
    at_borders = (across[0] + down[0]) / (across[2] + down[2])
    elsewhere = (across[1] + down[1]) / (across[3] + down[3])
    share = log2(BLOCK) / log2(min(plane.shape[-2:]))
    return share * (at_borders - elsewhere).clamp(min=0)


def psnr_b(x: Tensor, reference: Tensor) -> Tensor:
    """PSNR-B (Yim and Bovik, "Quality assessment of deblocked images", 2011): 10 log10(255^2 / (MSE + BEF)).

    The error is that of all three channels, the blocking effect that of the luma of ``x`` alone, as FBCNN's tables
    for color have it.

    Args:
        x, reference: ``(N, 3, H, W)`` in [0, 1], at least 16x16; blocks begin in the corner.

    Returns:
        ``(N,)`` float64 in dB, higher is better.
    """
    check_picture(x)
    if min(x.shape[-2:]) < 2 * BLOCK:
        raise ValueError(f"expected pictures of at least {2 * BLOCK}x{2 * BLOCK}, got {tuple(x.shape[-2:])}")
    return -10 * torch.log10((mse(x, reference) + blocking_effect(studio_luma(x))) / 255**2)
