"""Cells of an ordered dither of known pattern: every place has its threshold, so every sample has an exact interval.

level below          this level          level above
     │    border          │    border         │
     ├──────┼─────────────┼──────┼────────────┤     the borders lie where the share of the level above
            └──── stored as this level ──┘          reaches the threshold of the place
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vdequant.quantizers.base import MARGIN
from vdequant.quantizers.mean_cells import SPREAD
from vdequant.quantizers.uniform import BoxCells


def ordered_boxes(y: Tensor, levels: list[Tensor], pattern: Tensor) -> BoxCells:
    """The exact intervals of dithered levels.

    Args:
        y: ``(N, 3, H, W)`` of levels.
        levels: ascending, of R, G and B.
        pattern: thresholds ``(H, W)``.
    """
    low, high = [], []
    for channel, values in enumerate(levels):
        scale = values.to(y)
        index = torch.bucketize(y[:, channel].contiguous(), (scale[1:] + scale[:-1]) / 2)
        here, below = scale[index], scale[(index - 1).clamp(min=0)]
        above = scale[(index + 1).clamp(max=len(scale) - 1)]
        low.append(torch.where(index > 0, below + pattern * (here - below), 0))
        high.append(torch.where(index < len(scale) - 1, here + pattern * (above - here), 1))
    return BoxCells(y, torch.stack(low, dim=1), torch.stack(high, dim=1))


@dataclass(frozen=True)
class PatternCells:
    """Exact intervals that a restorer is told as a dither: ``low`` and ``high`` are half a step from the level.

    The networks know regular patterns from training and undo them better when told that means hold than when told
    intervals that alternate from pixel to pixel: 1 to 2 dB at 4 levels and 0.3 to 1 dB at 8 (cellnet-m, two Kodak
    pictures, Bayer and checkerboard). Projection into the exact intervals then costs nothing.
    """

    stored: Tensor
    low: Tensor
    high: Tensor
    exact: BoxCells
    spread: float = SPREAD
    dithered: bool = True
    lossy: bool = False
    halftone: bool = False  # of few levels, see halftone.py

    def contains(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`; for single samples, not only for means."""
        return self.exact.contains(x)

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return self.exact.project(x, margin)
