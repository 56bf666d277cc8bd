"""Luma and what is left of a color without it, and colors of a wanted luma that still fit into [0, 1].

A color is ``luma + chroma``, where chroma has a luma of zero. Pictures are in their own transfer curve. Where a color
of a luma would leave [0, 1], its chroma shrinks toward gray and its luma stays: ``luma + s * chroma`` with the largest
``s <= 1`` that fits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.color import luma_of


def fitted(luma: Tensor, chroma: Tensor) -> Tensor:
    """``luma + s * chroma`` within [0, 1].

    Args:
        luma: ``(N, 1, H, W)``; it is cut to [0, 1].
        chroma: ``(N, 3, H, W)``, or what broadcasts to it.

    Returns:
        ``(N, 3, H, W)`` of exactly that luma (to rounding).
    """
    luma = luma.clamp(0, 1)
    room = torch.where(chroma > 0, 1 - luma, luma)
    share = (room / chroma.abs().clamp(min=1e-12)).amin(-3, keepdim=True).clamp(max=1)
    return (luma + share * chroma).clamp_(0, 1)


def with_luma(x: Tensor, luma: Tensor) -> Tensor:
    """The colors of ``x`` ``(N, 3, H, W)`` at another luma ``(N, 1, H, W)``."""
    return fitted(luma, x - luma_of(x))
