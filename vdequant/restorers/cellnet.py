"""The default restorer: cellnet, told each sample's cell, answering inside it.

It is four networks of one size: one learned levels and what codecs make of them, one palettes and dither, one dither
between few levels (black and white, four grays, eight colors), and one what video codecs leave of pictures that were
not quantized much, whose color they store at half the size. What was lost is known before the first picture, so only
one of them runs, and each is better at its part than one network of that size was at all.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.errors import ModelError
from vdequant.models.cellnet import Cellnet, CellnetSpec, cell_features, proposed
from vdequant.models.cellnet_parts import parts_of, run_part
from vdequant.models.cellnet_weights import fresh_cellnet, read_cellnet
from vdequant.models.parts import Blank
from vdequant.quantizers.atkinson import softened
from vdequant.quantizers.base import Cells
from vdequant.quantizers.halftone import is_halftone
from vdequant.quantizers.mean_cells import MeanCells
from vdequant.quantizers.snapping import halves_color
from vdequant.quantizers.telling import CODEC_SPREAD, told, told_of_video
from vdequant.restorers.base import Needs
from vdequant.restorers.ramps import HALO, has_bands, with_ramps
from vdequant.restorers.shades import has_shades, with_means


class CellnetRestorer:
    """Runs a cellnet; see :class:`~vdequant.restorers.base.Restorer` for the promises.

    Attributes:
        finishes: bands that are wider than a network sees are made ramps afterwards, and shades of palettes keep their
            means; not with the smallest, which is for speed and whose pictures are reused in parts.

    Args:
        levels: the network for levels and for what comes from behind a codec.
        palettes: the one for palettes and dither, of the same size; it may be the same one.
        video: the one for color stored at half the size, see :func:`~vdequant.quantizers.snapping.halves_color`, which
            may see less far; None to be told boxes as of any codec.
        halftones: the one for dither between few levels, see :func:`~vdequant.quantizers.halftone.is_halftone`, which
            may see less far, too; None: ``palettes``.

    Raises:
        ModelError: they are not of one size.
    """

    finishes = False

    def __init__(
        self, levels: Cellnet, palettes: Cellnet, video: Cellnet | None = None, halftones: Cellnet | None = None
    ) -> None:
        if replace(levels.spec, evened=palettes.spec.evened) != palettes.spec:
            raise ModelError(f"expected two networks of one size, got {levels.spec} and {palettes.spec}; reinstall")
        for other in (video, halftones):
            if other is not None and not _fits(levels.spec, other.spec):
                raise ModelError(f"expected a network that fits to {levels.spec}, got {other.spec}; reinstall")
        self.levels, self.palettes, self.video, self.halftones = levels, palettes, video, halftones or palettes
        self.needs = Needs(halo=levels.spec.radius + (HALO if self.finishes else 0), align=levels.spec.align)
        self.parts = parts_of(levels.spec)

    def to(self, device: torch.device, dtype: torch.dtype) -> CellnetRestorer:
        """Move the networks; ``dtype`` is that of their convolutions, pictures stay float32."""
        for net in {self.levels, self.palettes, self.halftones, self.video or self.levels}:
            net.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def _net(self, cells: Cells) -> Cellnet:
        if self.video is not None and halves_color(cells):
            return self.video
        if is_halftone(cells):
            return self.halftones
        return self.palettes if _spread(cells) > 1 else self.levels

    def _told(self, y: Tensor, cells: Cells) -> tuple[Tensor, Tensor, Tensor]:
        """Lowest and highest values, and room, as the network of these cells learned them."""
        net = self._net(cells)
        return told_of_video(y) if _sees_codecs(net, cells) else told(y, cells, net.spec.evened)

    def _spreads(self, y: Tensor, cells: Cells) -> Tensor:
        spread = CODEC_SPREAD if _sees_codecs(self._net(cells), cells) else _spread(cells)
        return torch.full((len(y),), spread, device=y.device)

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Propose the true picture for ``y`` ``(N, 3, H, W)`` float32; the same shape, in [0, 1]."""
        check_picture(y, "y")
        y = _in_grays(y, cells)
        low, high, room = self._told(y, cells)
        facts = _facts(cells, y.device)
        proposal: Tensor = self._net(cells)(y, low, high, room, self._spreads(y, cells), facts)
        if self.finishes and has_bands(cells):
            proposal = with_ramps(y, cells, proposal)
        if self.finishes and has_shades(cells):
            proposal = with_means(y, proposal)
        return _as_meant(proposal.clamp_(0, 1), cells)

    def begin(self, y: Tensor, cells: Cells) -> Tensor:
        """See :class:`~vdequant.restorers.base.Parted`."""
        y = _in_grays(y, cells)
        features = cell_features(y, *self._told(y, cells))
        # Narrow first: reordering half the bytes is nearly twice as fast.
        return features.to(self.levels.head.weight.dtype).contiguous(memory_format=torch.channels_last)

    def go_on(self, index: int, x: Tensor, cells: Cells, blank: Blank | None) -> Tensor:
        """See :class:`~vdequant.restorers.base.Parted`."""
        facts = _facts(cells, x.device).to(x.dtype) if index == 1 else None
        return run_part(self._net(cells), index, x, facts, blank)

    def answer(self, y: Tensor, cells: Cells, x: Tensor) -> Tensor:
        """See :class:`~vdequant.restorers.base.Parted`."""
        y = _in_grays(y, cells)
        low, high, _ = self._told(y, cells)
        return _as_meant(proposed(x, y, low, high, self._spreads(y, cells)).clamp_(0, 1), cells)


def _fits(own: CellnetSpec, other: CellnetSpec) -> bool:
    """Whether one may run in the place of the other: what tiles and parts are planned for is enough."""
    return other.radius <= own.radius and other.align == own.align and parts_of(other) == parts_of(own)


def _sees_codecs(net: Cellnet, cells: Cells) -> bool:
    return net.spec.video and halves_color(cells)


def _in_grays(y: Tensor, cells: Cells) -> Tensor:
    """A picture in tones of one ramp as the gray one that it is in other colors, any other picture as it is."""
    return cells.ramp.to_grays(y) if isinstance(cells, MeanCells) and cells.ramp is not None else y


def _as_meant(x: Tensor, cells: Cells) -> Tensor:
    """The way back of :func:`_in_grays`, and the shades behind means that Atkinson's dither has driven apart."""
    if not isinstance(cells, MeanCells):
        return x
    shades = softened(x) if cells.atkinson else x
    return shades if cells.ramp is None else cells.ramp.to_tones(shades)


def _spread(cells: Cells) -> float:
    return 1.0 if cells.lossy else cells.spread


def _facts(cells: Cells, device: torch.device) -> Tensor:
    return torch.tensor([[float(cells.dithered), float(cells.lossy), float(_spread(cells) > 1)]], device=device)


class CellnetSmall(CellnetRestorer):
    """cellnet-s: about 20 kMAC a pixel, receptive radius at most 16 pixels: for 60 frames a second on two cores."""

    weights = ("cellnet-s-levels", "cellnet-s-palettes", "cellnet-s-codec", "cellnet-s-halftones")

    def __init__(self) -> None:
        super().__init__(*(fresh_cellnet(name) for name in self.weights))


class CellnetMedium(CellnetRestorer):
    """cellnet-m: about 80 kMAC a pixel, the better picture at half the speed."""

    finishes = True
    weights = ("cellnet-m-levels", "cellnet-m-palettes", "cellnet-m-codec", "cellnet-m-halftones")

    def __init__(self) -> None:
        super().__init__(*(fresh_cellnet(name) for name in self.weights))


class CellnetLarge(CellnetRestorer):
    """cellnet-l: about 460 kMAC a pixel, for GPUs and for patience. For halftones and behind codecs it is cellnet-m."""

    finishes = True
    weights = ("cellnet-l-levels", "cellnet-l-palettes", "cellnet-m-codec", "cellnet-m-halftones")

    def __init__(self) -> None:
        super().__init__(*(fresh_cellnet(name) for name in self.weights))


class CellnetOfFile(CellnetRestorer):
    """A network that ``vdequant train cellnet`` made: one for everything, or for what it was trained on."""

    def __init__(self, path: Path) -> None:
        net = read_cellnet(path)
        super().__init__(net, net, net if net.spec.video else None)
