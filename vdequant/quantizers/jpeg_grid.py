"""What a network is told of a JPEG: the quantization steps, and how chroma lies on the grid of blocks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vdequant.quantizers.base import Cells
from vdequant.quantizers.jpeg_cells import JpegCells
from vdequant.quantizers.jpeg_codec import HALVED


@dataclass(frozen=True)
class JpegGrid:
    """A grid of blocks that begins at the picture's corner.

    Attributes:
        luma, chroma: steps, ``(8, 8)``, rows of vertical frequencies.
        across, down: how many pixels share a chroma sample.
    """

    luma: Tensor
    chroma: Tensor
    across: int
    down: int

    def transposed(self) -> JpegGrid:
        """The grid of the picture with rows and columns swapped."""
        return JpegGrid(self.luma.T.contiguous(), self.chroma.T.contiguous(), self.down, self.across)


def grid_of(cells: Cells) -> JpegGrid | None:
    """The grid of a JPEG's cells, also of views of them (``cells.grid``); None for all other cells."""
    if isinstance(cells, JpegCells):
        return JpegGrid(*cells.tables, *HALVED[cells.subsampling])
    grid = getattr(cells, "grid", None)
    return grid if isinstance(grid, JpegGrid) else None
