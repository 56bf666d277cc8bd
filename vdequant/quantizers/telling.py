"""What networks are told of cells: the lowest and highest values and the room, as they learned them.

In training and when they restore, by this one function: told otherwise than it learned, a network gains half as much.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.quantizers.base import Cells, box_room, room_of
from vdequant.quantizers.mean_cells import MeanCells, evened
from vdequant.quantizers.pattern_cells import PatternCells

LOSSY_REACH = 12 / 255  # the widest cell that training saw behind a codec; JPEG's reach of one sample is far wider
CODEC_SPREAD = 4.0  # times that reach, colors may change behind a codec that stored them at half the size


def told_of_video(y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same for a network that learned video codecs: it sees by itself how coarse the codec was."""
    return y - LOSSY_REACH, y + LOSSY_REACH, torch.full_like(y[:, :1], LOSSY_REACH)


def told(y: Tensor, cells: Cells, even: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """Lowest and highest values ``(N, 3, H, W)`` and room ``(N, 1, H, W)`` for the stored picture ``y``.

    Args:
        y: ``(N, 3, H, W)``.
        cells: of ``y``.
        even: whether the network learned means of the reaches of dithered palettes, see :func:`evened`.
    """
    if cells.lossy:
        low, high = torch.maximum(cells.low, y - LOSSY_REACH), torch.minimum(cells.high, y + LOSSY_REACH)
        # A cell behind a codec ends at black because no picture goes on; told so, a network lifts what is flat and
        # black to the middle of what is left of its cell. So it is told a whole one, around the stored value.
        low, high = torch.where(low <= 0, 2 * y - high, low), torch.where(high >= 1, 2 * y - low, high)
        return low, high, box_room(y, low, high)
    if isinstance(cells, MeanCells) and cells.half_step is not None:
        return y - cells.half_step, y + cells.half_step, cells.half_step.amin(1, keepdim=True)
    bounds = cells.low, cells.high, room_of(cells)
    # A pattern between levels has the same reach around each pixel, and its pictures are reused in parts.
    mixed = cells.dithered and not isinstance(cells, PatternCells)
    return evened(y, *bounds) if mixed and even else bounds
