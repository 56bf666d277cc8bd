"""Black and white, cut at a gray that nobody knows: Otsu's method leaves such pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.quantizers.threshold import SlabCells, ThresholdQuantizer


class UnknownThreshold(ThresholdQuantizer):
    """A threshold to be estimated with the picture (*map*, section IV C); quantizes at 0.5 where it must.

    Its cells are the whole cube: without the threshold no color contradicts a black or a white pixel, so the
    certificate means nothing. A restorer that estimates the threshold keeps to the cells of its estimate itself.
    """

    def __init__(self) -> None:
        super().__init__(0.5)

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return "black and white, cut at an unknown gray"

    def cells(self, y: Tensor) -> SlabCells:
        """Everything is possible everywhere."""
        check_picture(y, "y")
        nothing, all_of_it = torch.zeros_like(y), torch.ones_like(y)
        return SlabCells(y, nothing, all_of_it, nothing[:, 0], all_of_it[:, 0])
