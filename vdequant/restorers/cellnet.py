"""The default restorer: cellnet, told each sample's cell, answering inside it."""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.models.cellnet_weights import fresh_cellnet
from vdequant.quantizers.base import Cells, box_room, room_of
from vdequant.restorers.base import Needs

LOSSY_REACH = 12 / 255  # the widest cell that training saw behind a codec; JPEG's reach of one sample is far wider


class _CellnetRestorer:
    """Runs a packaged cellnet; see :class:`~vdequant.restorers.base.Restorer` for the promises."""

    name = ""

    def __init__(self) -> None:
        self.net = fresh_cellnet(self.name)
        self.needs = Needs(halo=self.net.spec.radius, align=self.net.spec.align)

    def to(self, device: torch.device, dtype: torch.dtype) -> _CellnetRestorer:
        """Move the network; ``dtype`` is that of its convolutions, pictures stay float32."""
        self.net = self.net.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Propose the true picture for ``y`` ``(N, 3, H, W)`` float32; the same shape, in [0, 1]."""
        check_picture(y, "y")
        low, high, spread, room = cells.low, cells.high, cells.spread, room_of(cells)
        if cells.lossy:
            low, high, spread = torch.maximum(low, y - LOSSY_REACH), torch.minimum(high, y + LOSSY_REACH), 1.0
            room = box_room(y, low, high)
        facts = torch.tensor([[float(cells.dithered), float(cells.lossy), float(spread > 1.0)]], device=y.device)
        proposal: Tensor = self.net(y, low, high, room, torch.full((len(y),), spread, device=y.device), facts)
        return proposal.clamp_(0, 1)


class CellnetSmall(_CellnetRestorer):
    """cellnet-s: about 20 kMAC a pixel, receptive radius at most 16 pixels: for 60 frames a second on two cores."""

    name = "cellnet-s"


class CellnetMedium(_CellnetRestorer):
    """cellnet-m: about 60 kMAC a pixel, the better picture at half the speed."""

    name = "cellnet-m"
