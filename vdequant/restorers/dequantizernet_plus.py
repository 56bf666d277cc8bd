"""dequantizernet+: the restorer of JPEG pictures; beyond the paper, it is told the tables and the grid of blocks.

    JPEG's cells ──► tables, grid ─┐
    stored picture ────────────────┴─► jpegnet ──► proposal, which the caller moves into the DCT cells

Cells of other kinds have no tables: then the network works blind, on whatever blocks it sees.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.models.jpegnet import MULTIPLE
from vdequant.models.jpegnet_weights import fresh_jpegnet, read_jpegnet
from vdequant.quantizers.base import Cells
from vdequant.quantizers.jpeg_grid import grid_of
from vdequant.restorers.base import Needs

WEIGHTS = "dequantizernet-plus"
VIEWS = 2  # as it is and turned by half: 0.05 to 0.07 dB on LIVE1, for half as much time again


class DequantizernetPlus:
    """Runs a jpegnet; see :class:`~vdequant.restorers.base.Restorer` for the promises.

    Args:
        path: weights that ``vdequant train dequantizernet+`` wrote; None: the packaged ones.
    """

    weights = (WEIGHTS,)

    def __init__(self, path: Path | None = None) -> None:
        self.net = read_jpegnet(path) if path else fresh_jpegnet(WEIGHTS)
        self.needs = Needs(
            multiple_of=MULTIPLE, halo=self.net.spec.radius, min_size=MULTIPLE, align=MULTIPLE, views=VIEWS
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> DequantizernetPlus:
        """Move the network; ``dtype`` is that of its convolutions, pictures stay float32."""
        self.net = self.net.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Propose the picture before JPEG for ``y`` ``(N, 3, H, W)`` float32; the same shape, in [0, 1]."""
        check_picture(y, "y")
        grid = grid_of(cells)
        if grid is None:
            unknown = torch.zeros(len(y), 8, 8, device=y.device)
            answer: Tensor = self.net(y, unknown, unknown)
        else:
            luma, chroma = (steps.to(y).expand(len(y), 8, 8) for steps in (grid.luma, grid.chroma))
            answer = self.net(y, luma, chroma, grid.across, grid.down)
        return answer.clamp_(0, 1)
