"""The middle of a cell, when the true picture had 8 bits: the mean of the codes that the cell holds.

    stored k/127 of 7 bits      20        21        22        23      true codes that are stored as it: 20 and 21
                                 ├─ cell ─┼─────────┤
                                 ▲        ▲ middle 20.5: at most half a code wrong; the stored 20 is right or one off

Cells at the ends are left alone: black and white are more often meant than not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.quantizers.base import Cells
from vdequant.quantizers.uniform import BoxCells

CODES = 255.0
ROUNDING = 1e-3  # of a code: borders that are codes but for float rounding


def code_middles(cells: BoxCells) -> Tensor:
    """``(N, 3, H, W)``: the mean of the 8-bit codes in each cell, or the stored value where there is none.

    A cell that begins at 0 or ends at 1 keeps its stored value.
    """
    first = torch.ceil(cells.low * CODES - ROUNDING)
    last = torch.ceil(cells.high * CODES - ROUNDING) - 1
    inner = (last >= first) & (cells.low > 0) & (cells.high < 1)
    return torch.where(inner, (first + last) / (2 * CODES), cells.stored)


def told_from_the_middle(y: Tensor, cells: Cells) -> tuple[Tensor, Cells]:
    """What a restorer is best told of a picture: stored values in the middle of their cells.

    Returns:
        The stored picture and its cells. Cells that are no boxes, or hold for local means only, are given back as
        they are.
    """
    plain = isinstance(cells, BoxCells) and not cells.dithered and not cells.lossy and cells.spread == 1
    if not plain:
        return y, cells
    middle = code_middles(BoxCells(y, cells.low, cells.high))
    return middle, BoxCells(middle, cells.low, cells.high)
