"""Faithfulness to the stored picture where the truth is unknown: quantize the result again and compare.

*diffusion* (Vavilala and others, WACV 2025) calls these palette PSNR and palette SSIM: the quantized output is compared
with the quantized input. With the quantizer that made the input, which knows its palette, a restoration that kept every
sample in its cell scores infinity and 1. The paper's own error quantizes both anew, each picture to a palette of its
own by median cut (``edits.palette_transfer.Requantizer``), and is finite even then.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from vdequant.checks import check_picture, check_same_shape
from vdequant.metrics.fidelity import psnr, ssim


class Quantizing(Protocol):
    """The part of :class:`~vdequant.quantizers.base.Quantizer` that is needed here."""

    def quantize(self, x: Tensor) -> Tensor:
        """The stored picture, ``(N, 3, H, W)``."""
        ...


def palette_psnr(x: Tensor, stored: Tensor, quantizer: Quantizing) -> Tensor:
    """PSNR in dB between the quantized ``x`` and the quantized ``stored`` picture.

    Args:
        x, stored: ``(N, 3, H, W)`` in [0, 1].
        quantizer: what made ``stored``.

    Returns:
        ``(N,)``; infinite where quantizing the result gives back the input.
    """
    check_picture(x)
    check_same_shape(x, stored, "x, stored")
    return psnr(quantizer.quantize(x), quantizer.quantize(stored))


def palette_ssim(x: Tensor, stored: Tensor, quantizer: Quantizing) -> Tensor:
    """The same as gaussian SSIM; pictures of at least 11x11.

    Args:
        x, stored: ``(N, 3, H, W)`` in [0, 1].
        quantizer: what made ``stored``.

    Returns:
        ``(N,)``, at most 1.
    """
    check_picture(x)
    check_same_shape(x, stored, "x, stored")
    return ssim(quantizer.quantize(x), quantizer.quantize(stored))
