"""Distance to the true picture: PSNR and SSIM."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vdequant.checks import check_picture, check_same_shape

WINDOW = 11  # samples, as in Wang et al. 2004
SIGMA = 1.5
K1, K2 = 0.01, 0.03  # of the same paper, for a data range of 1


def psnr(x: Tensor, reference: Tensor) -> Tensor:
    """Peak signal to noise ratio over all three channels together, in dB.

    Args:
        x, reference: ``(N, 3, H, W)`` in [0, 1].

    Returns:
        ``(N,)``; infinite for equal pictures.
    """
    check_picture(x)
    check_same_shape(x, reference, "x, reference")
    return -10 * torch.log10((x - reference).square().mean(dim=(1, 2, 3)))


def _blur(x: Tensor) -> Tensor:
    """Gaussian window of each channel, valid area only."""
    place = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    weights = torch.exp(-place.square() / (2 * SIGMA**2))
    weights = (weights / weights.sum()).expand(x.shape[1], 1, 1, WINDOW)
    across = F.conv2d(x, weights, groups=x.shape[1])
    return F.conv2d(across, weights.transpose(2, 3), groups=x.shape[1])


def ssim(x: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004), mean over channels and the valid area.

    Args:
        x, reference: ``(N, 3, H, W)`` in [0, 1], at least 11x11.

    Returns:
        ``(N,)``, at most 1.
    """
    check_picture(x)
    check_same_shape(x, reference, "x, reference")
    if min(x.shape[-2:]) < WINDOW:
        raise ValueError(f"expected pictures of at least {WINDOW}x{WINDOW}, got {tuple(x.shape[-2:])}")
    mean_x, mean_r = _blur(x), _blur(reference)
    variance_x = _blur(x * x) - mean_x * mean_x
    variance_r = _blur(reference * reference) - mean_r * mean_r
    covariance = _blur(x * reference) - mean_x * mean_r
    light = (2 * mean_x * mean_r + K1**2) / (mean_x * mean_x + mean_r * mean_r + K1**2)
    structure = (2 * covariance + K2**2) / (variance_x + variance_r + K2**2)
    return (light * structure).mean(dim=(1, 2, 3))
