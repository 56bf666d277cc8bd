"""The default restorer: cellnet, told each sample's cell, answering inside it.

It is two networks of one size: one learned levels and what codecs make of them, the other palettes and dither. What
was lost is known before the first picture, so only one of them runs, and each is better at its half than one network
of that size was at both.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.errors import ModelError
from vdequant.models.cellnet import Cellnet, cell_features, proposed
from vdequant.models.cellnet_parts import parts_of, run_part
from vdequant.models.cellnet_weights import fresh_cellnet, read_cellnet
from vdequant.models.parts import Blank
from vdequant.quantizers.base import Cells
from vdequant.quantizers.telling import told
from vdequant.restorers.base import Needs


class CellnetRestorer:
    """Runs a cellnet; see :class:`~vdequant.restorers.base.Restorer` for the promises.

    Args:
        levels: the network for levels and for what comes from behind a codec.
        palettes: the one for palettes and dither, of the same size; it may be the same one.

    Raises:
        ModelError: the two are not of one size.
    """

    def __init__(self, levels: Cellnet, palettes: Cellnet) -> None:
        if replace(levels.spec, evened=palettes.spec.evened) != palettes.spec:
            raise ModelError(f"expected two networks of one size, got {levels.spec} and {palettes.spec}; reinstall")
        self.levels, self.palettes = levels, palettes
        self.needs = Needs(halo=levels.spec.radius, align=levels.spec.align)
        self.parts = parts_of(levels.spec)

    def to(self, device: torch.device, dtype: torch.dtype) -> CellnetRestorer:
        """Move the networks; ``dtype`` is that of their convolutions, pictures stay float32."""
        for net in {self.levels, self.palettes}:
            net.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def _net(self, cells: Cells) -> Cellnet:
        return self.palettes if _spread(cells) > 1 else self.levels

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Propose the true picture for ``y`` ``(N, 3, H, W)`` float32; the same shape, in [0, 1]."""
        check_picture(y, "y")
        low, high, room = told(y, cells, self._net(cells).spec.evened)
        facts = _facts(cells, y.device)
        proposal: Tensor = self._net(cells)(y, low, high, room, _spreads(y, cells), facts)
        return proposal.clamp_(0, 1)

    def begin(self, y: Tensor, cells: Cells) -> Tensor:
        """See :class:`~vdequant.restorers.base.Parted`."""
        features = cell_features(y, *told(y, cells, self._net(cells).spec.evened))
        # Narrow first: reordering half the bytes is nearly twice as fast.
        return features.to(self.levels.head.weight.dtype).contiguous(memory_format=torch.channels_last)

    def go_on(self, index: int, x: Tensor, cells: Cells, blank: Blank | None) -> Tensor:
        """See :class:`~vdequant.restorers.base.Parted`."""
        facts = _facts(cells, x.device).to(x.dtype) if index == 1 else None
        return run_part(self._net(cells), index, x, facts, blank)

    def answer(self, y: Tensor, cells: Cells, x: Tensor) -> Tensor:
        """See :class:`~vdequant.restorers.base.Parted`."""
        low, high, _ = told(y, cells, self._net(cells).spec.evened)
        return proposed(x, y, low, high, _spreads(y, cells)).clamp_(0, 1)


def _spread(cells: Cells) -> float:
    return 1.0 if cells.lossy else cells.spread


def _spreads(y: Tensor, cells: Cells) -> Tensor:
    return torch.full((len(y),), _spread(cells), device=y.device)


def _facts(cells: Cells, device: torch.device) -> Tensor:
    return torch.tensor([[float(cells.dithered), float(cells.lossy), float(_spread(cells) > 1)]], device=device)


class CellnetSmall(CellnetRestorer):
    """cellnet-s: about 20 kMAC a pixel, receptive radius at most 16 pixels: for 60 frames a second on two cores."""

    weights = ("cellnet-s-levels", "cellnet-s-palettes")

    def __init__(self) -> None:
        super().__init__(*(fresh_cellnet(name) for name in self.weights))


class CellnetMedium(CellnetRestorer):
    """cellnet-m: about 80 kMAC a pixel, the better picture at half the speed."""

    weights = ("cellnet-m-levels", "cellnet-m-palettes")

    def __init__(self) -> None:
        super().__init__(*(fresh_cellnet(name) for name in self.weights))


class CellnetLarge(CellnetRestorer):
    """cellnet-l: about 460 kMAC a pixel, for GPUs and for patience."""

    weights = ("cellnet-l-levels", "cellnet-l-palettes")

    def __init__(self) -> None:
        super().__init__(*(fresh_cellnet(name) for name in self.weights))


class CellnetOfFile(CellnetRestorer):
    """A network that ``vdequant train cellnet`` made: one for everything, or for what it was trained on."""

    def __init__(self, path: Path) -> None:
        net = read_cellnet(path)
        super().__init__(net, net)
