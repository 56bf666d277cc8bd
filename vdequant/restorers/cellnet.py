"""The default restorer: cellnet, told each sample's cell, answering inside it."""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.models.cellnet import cell_features, proposed
from vdequant.models.cellnet_parts import parts_of, run_part
from vdequant.models.cellnet_weights import fresh_cellnet
from vdequant.models.parts import Blank
from vdequant.quantizers.base import Cells, box_room, room_of
from vdequant.restorers.base import Needs

LOSSY_REACH = 12 / 255  # the widest cell that training saw behind a codec; JPEG's reach of one sample is far wider


class _CellnetRestorer:
    """Runs a packaged cellnet; see :class:`~vdequant.restorers.base.Restorer` for the promises."""

    name = ""

    def __init__(self) -> None:
        self.net = fresh_cellnet(self.name)
        self.needs = Needs(halo=self.net.spec.radius, align=self.net.spec.align)
        self.parts = parts_of(self.net.spec)

    def to(self, device: torch.device, dtype: torch.dtype) -> _CellnetRestorer:
        """Move the network; ``dtype`` is that of its convolutions, pictures stay float32."""
        self.net = self.net.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Propose the true picture for ``y`` ``(N, 3, H, W)`` float32; the same shape, in [0, 1]."""
        check_picture(y, "y")
        low, high, spread = _bounds(y, cells)
        facts = _facts(cells, y.device)
        room = _room(y, cells, low, high)
        proposal: Tensor = self.net(y, low, high, room, torch.full((len(y),), spread, device=y.device), facts)
        return proposal.clamp_(0, 1)

    def begin(self, y: Tensor, cells: Cells) -> Tensor:
        """See :class:`~vdequant.restorers.base.Parted`."""
        low, high, _ = _bounds(y, cells)
        features = cell_features(y, low, high, _room(y, cells, low, high))
        # Narrow first: reordering half the bytes is nearly twice as fast.
        return features.to(self.net.head.weight.dtype).contiguous(memory_format=torch.channels_last)

    def go_on(self, index: int, x: Tensor, cells: Cells, blank: Blank | None) -> Tensor:
        """See :class:`~vdequant.restorers.base.Parted`."""
        facts = _facts(cells, x.device).to(x.dtype) if index == 1 else None
        return run_part(self.net, index, x, facts, blank)

    def answer(self, y: Tensor, cells: Cells, x: Tensor) -> Tensor:
        """See :class:`~vdequant.restorers.base.Parted`."""
        low, high, spread = _bounds(y, cells)
        return proposed(x, y, low, high, torch.full((len(y),), spread, device=y.device)).clamp_(0, 1)


def _bounds(y: Tensor, cells: Cells) -> tuple[Tensor, Tensor, float]:
    """Lowest and highest values of the cells as the network was trained to be told them, and their spread."""
    if not cells.lossy:
        return cells.low, cells.high, cells.spread
    return torch.maximum(cells.low, y - LOSSY_REACH), torch.minimum(cells.high, y + LOSSY_REACH), 1.0


def _room(y: Tensor, cells: Cells, low: Tensor, high: Tensor) -> Tensor:
    return box_room(y, low, high) if cells.lossy else room_of(cells)


def _facts(cells: Cells, device: torch.device) -> Tensor:
    spread = 1.0 if cells.lossy else cells.spread
    return torch.tensor([[float(cells.dithered), float(cells.lossy), float(spread > 1.0)]], device=device)


class CellnetSmall(_CellnetRestorer):
    """cellnet-s: about 20 kMAC a pixel, receptive radius at most 16 pixels: for 60 frames a second on two cores."""

    name = "cellnet-s"


class CellnetMedium(_CellnetRestorer):
    """cellnet-m: about 60 kMAC a pixel, the better picture at half the speed."""

    name = "cellnet-m"
