"""Distance to the true picture: MSE, PSNR and two pinned definitions of SSIM, equal to scikit-image's."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vdequant.checks import check_picture, check_same_shape

WINDOW = 11  # samples, as in Wang et al. 2004
SIGMA = 1.5
K1, K2 = 0.01, 0.03  # of the same paper, for a data range of 1
K2_DEQUANTIZERNET = 0.02  # of *dequantizernet*, section 2.3
UNIFORM_WINDOW = 7  # samples; the default of skimage.metrics.structural_similarity


def mse(x: Tensor, reference: Tensor) -> Tensor:
    """Mean squared error over all three channels together, in squared codes of 0..255.

    Args:
        x, reference: ``(N, 3, H, W)`` in [0, 1].

    Returns:
        ``(N,)`` float64, lower is better.
    """
    check_picture(x)
    check_same_shape(x, reference, "x, reference")
    return (x.double() - reference.double()).square().mean(dim=(1, 2, 3)) * 255**2


def psnr(x: Tensor, reference: Tensor) -> Tensor:
    """Peak signal to noise ratio over all three channels together, in dB; the peak is 255 codes, that is 1.0.

    Args:
        x, reference: ``(N, 3, H, W)`` in [0, 1].

    Returns:
        ``(N,)`` float64; infinite for equal pictures.
    """
    return -10 * torch.log10(mse(x, reference) / 255**2)


def _gaussian(x: Tensor) -> Tensor:
    """Gaussian window of each channel, valid area only."""
    place = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    weights = torch.exp(-place.square() / (2 * SIGMA**2))
    weights = (weights / weights.sum()).expand(x.shape[1], 1, 1, WINDOW)
    across = F.conv2d(x, weights, groups=x.shape[1])
    return F.conv2d(across, weights.transpose(2, 3), groups=x.shape[1])


def _uniform(x: Tensor) -> Tensor:
    """Mean over a square window, valid area only."""
    return F.avg_pool2d(x, UNIFORM_WINDOW, stride=1)


def _check(x: Tensor, reference: Tensor, window: int) -> None:
    check_picture(x)
    check_same_shape(x, reference, "x, reference")
    if min(x.shape[-2:]) < window:
        raise ValueError(f"expected pictures of at least {window}x{window}, got {tuple(x.shape[-2:])}")


def _similarity(
    x: Tensor, reference: Tensor, local: Callable[[Tensor], Tensor], unbiased: float, k2: float = K2
) -> Tensor:
    """Equation 13 of Wang et al. with local means by ``local``; mean over channels and places, in float64."""
    x, reference = x.double(), reference.double()
    mean_x, mean_r = local(x), local(reference)
    variance_x = unbiased * (local(x * x) - mean_x * mean_x)
    variance_r = unbiased * (local(reference * reference) - mean_r * mean_r)
    covariance = unbiased * (local(x * reference) - mean_x * mean_r)
    light = (2 * mean_x * mean_r + K1**2) / (mean_x * mean_x + mean_r * mean_r + K1**2)
    structure = (2 * covariance + k2**2) / (variance_x + variance_r + k2**2)
    return (light * structure).mean(dim=(1, 2, 3))


def ssim(x: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004): gaussian 11x11 window, sigma 1.5, valid area.

    The mean of the three channels' values. Equal to scikit-image's ``structural_similarity`` with
    ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1``.

    Args:
        x, reference: ``(N, 3, H, W)`` in [0, 1], at least 11x11.

    Returns:
        ``(N,)`` float64, at most 1.
    """
    _check(x, reference, WINDOW)
    return _similarity(x, reference, _gaussian, 1.0)


def ssim_dequantizernet(x: Tensor, reference: Tensor) -> Tensor:
    """:func:`ssim` with the second constant as *dequantizernet* states it in section 2.3: 0.02 in place of 0.03."""
    _check(x, reference, WINDOW)
    return _similarity(x, reference, _gaussian, 1.0, K2_DEQUANTIZERNET)


def ssim_uniform(x: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity as scikit-image computes it when asked for nothing: uniform 7x7 window, valid area.

    The mean of the three channels' values, with sample covariances (divided by 48, not 49). Equal to
    ``structural_similarity(..., data_range=1)``; this is the "color SSIM" of the bit-depth literature.

    Args:
        x, reference: ``(N, 3, H, W)`` in [0, 1], at least 7x7.

    Returns:
        ``(N,)`` float64, at most 1.
    """
    _check(x, reference, UNIFORM_WINDOW)
    count = UNIFORM_WINDOW**2
    return _similarity(x, reference, _uniform, count / (count - 1))
