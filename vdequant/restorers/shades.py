"""Dithered shades keep their mean: what a network makes of a pattern of a palette's colors lies about where they lie.

The outermost color of a palette has a cell without end, and so have means around it. Skies in such a color came out 20
codes too dark where an ordered dither was coarse. Bound to 8 codes, game screens in 3 to 64 colors, dithered by
Floyd-Steinberg or Bayer's pattern, gain up to 0.6 dB and lose 0.04 at the worst.
"""

from __future__ import annotations

from torch import Tensor

from vdequant.quantizers.base import Cells
from vdequant.quantizers.mean_cells import MeanCells
from vdequant.quantizers.windows import WINDOW, local_mean

MOST_OFF = 8 / 255  # of the mean around each pixel
ROUNDS = 3  # of moving means back, each of which moves others
HALO = ROUNDS * 2 * (WINDOW // 2)


def has_shades(cells: Cells) -> bool:
    """Whether cells are those of a dithered palette of many colors; of shifted levels, means lie farther off."""
    return isinstance(cells, MeanCells) and cells.of_palette and not (cells.lossy or cells.halftone)


def with_means(y: Tensor, proposal: Tensor) -> Tensor:
    """``proposal`` ``(N, 3, H, W)`` for ``y``, with local means within MOST_OFF of the stored ones."""
    for _ in range(ROUNDS):
        moved = local_mean(proposal - y)
        beyond = moved - moved.clamp(-MOST_OFF, MOST_OFF)
        if not bool(beyond.any()):
            break
        proposal = (proposal - beyond).clamp_(0, 1)
    return proposal
