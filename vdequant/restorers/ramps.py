"""Wide bands without grain, which a network softens at their edges only: made ramps of, inside the cells.

    stored     ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄      a sky of a game, farther from edge to edge than the network sees
    network    ▁▁▁▁▁▁▁▁▁▁▁▁▂▃▃▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄
    result     ▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▄▄▄▄▄

Gain over cellnet-m alone (a sky of 640x480 without grain): 6.4 dB at 5 bits, 2.6 at 4; with grain of one code 0.2 and
0.7. Photographs: within 0.02 dB at 32 levels, -0.15 to +0.08 at 16; from there on up soft blurs are mistaken for bands,
so that wider cells are left alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.quantizers.base import Cells
from vdequant.restorers.deband import RADII, cell_width, mean_steps, smooth_ramps

RADIUS = 8  # pixels around each that must be free of grain
GRAIN = 0.2  # mean step a pixel, in cells of the stored picture, from which on the surroundings are not
SURELY = 0.5  # share of that up to which they surely are
FINE, COARSE = 0.08, 0.12  # widths of cells up to which it is done, and from which on it is not
HALO = sum(RADII) + RADIUS + 1


def has_bands(cells: Cells) -> bool:
    """Whether cells are such that bands of levels may be seen: neither a palette nor dithered nor from a codec."""
    return not (cells.lossy or cells.dithered or cells.spread > 1)


def free_of_grain(y: Tensor, width: Tensor) -> Tensor:
    """How sure it is that the surroundings of each pixel are flat but for single steps: ``(N, 1, H, W)``, 0 to 1."""
    return ((GRAIN - mean_steps(y, width, RADIUS)) / (GRAIN * (1 - SURELY))).clamp_(0, 1)


def with_ramps(y: Tensor, cells: Cells, proposal: Tensor) -> Tensor:
    """A network's ``proposal`` ``(N, 3, H, W)`` for ``y``, with ramps, which lie inside the cells, in place of bands.

    The same shape; cells as of :func:`has_bands`.
    """
    width = cell_width(cells)
    fine = ((COARSE - width.amax(1, keepdim=True)) / (COARSE - FINE)).clamp_(0, 1)
    share = free_of_grain(y, width).mul_(fine)
    if not bool(share.any()):
        return proposal
    inside = torch.minimum(torch.maximum(proposal, cells.low), cells.high)
    return torch.lerp(proposal, smooth_ramps(inside, cells), share)
