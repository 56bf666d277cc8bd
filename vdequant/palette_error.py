"""The paper's palette error as both edits report it: has the result the colors that were asked for?"""

from __future__ import annotations

import math

from torch import Tensor

from vdequant.edits.palette_transfer import Requantizer
from vdequant.metrics.fidelity import WINDOW
from vdequant.metrics.palette_fidelity import palette_psnr, palette_ssim

MEASURED = 1024  # side of the middle part of large pictures that is looked at


def palette_error(result: Tensor, stored: Tensor, colors: int) -> tuple[float | None, float | None]:
    """Palette PSNR in dB and palette SSIM: both pictures are quantized anew by median cut and compared.

    Args:
        result, stored: ``(1, 3, H, W)`` in [0, 1]: what was made, and the picture of few colors that was asked for.
        colors: of the palettes.

    Returns:
        None for a PSNR without a difference, and for the SSIM of pictures below 11x11.
    """
    result, stored = _middle(result).cpu().float(), _middle(stored).cpu().float()
    again = Requantizer(colors)
    error = float(palette_psnr(result, stored, again))
    similar = None if min(result.shape[-2:]) < WINDOW else round(float(palette_ssim(result, stored, again)), 6)
    return round(error, 4) if math.isfinite(error) else None, similar


def _middle(x: Tensor) -> Tensor:
    top, left = (max(0, side - MEASURED) // 2 for side in x.shape[-2:])
    return x[..., top : top + MEASURED, left : left + MEASURED]
