"""The certificate: how much of a restored picture would be stored as the source again."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from vdequant.checks import check_picture


class Containing(Protocol):
    """The part of :class:`~vdequant.quantizers.base.Cells` that is needed here."""

    def contains(self, x: Tensor) -> Tensor:
        """Boolean ``(N, 3, H, W)``: whether each sample lies in its cell."""
        ...


def certificate(restored: Tensor, cells: Containing) -> Tensor:
    """Share of samples that lie in their cell.

    Args:
        restored: ``(N, 3, H, W)`` in [0, 1].
        cells: of the stored picture, same shape.

    Returns:
        ``(N,)`` float64 in [0, 1]; exactly 1 only when every sample is inside.
    """
    check_picture(restored, "restored")
    return cells.contains(restored).to(torch.float64).mean(dim=(1, 2, 3))
