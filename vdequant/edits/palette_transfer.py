"""A picture in another palette: remapped, dequantized, with as much of the source's texture as is wanted.

x ─► nearest source color ─► its partner ─► dequantize under the partner's cells ─► texture ─► into the cells
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from vdequant.checks import check_choice
from vdequant.color import luma_of
from vdequant.edits import PALETTE_FAST
from vdequant.edits.blending import blended
from vdequant.edits.luma import with_luma
from vdequant.edits.mapping import PaletteMapping
from vdequant.quantizers.base import MARGIN, Quantizer, toward_cells
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.palettes_from import palette_from

BAND = 1 << 19  # pixels of texture "L" that are worked at together

# What makes stored pictures (N, 3, H, W) plausible fine ones within the cells of the quantizer
Dequantize = Callable[[Tensor, Quantizer], Tensor]


@dataclass(frozen=True, slots=True)
class Transferred:
    """Pictures ``(N, 3, H, W)`` in [0, 1]: ``result``, and ``stored``, the remapped ones that it was made of."""

    result: Tensor
    stored: Tensor


class Transfer(Protocol):
    """Shows pictures in the target palette of its mapping."""

    mapping: PaletteMapping
    quantizer: PaletteQuantizer

    def __call__(self, x: Tensor, number: int = 0) -> Transferred:
        """Transfer ``(N, 3, H, W)`` in [0, 1]; ``number`` is that of the sample, where there can be several."""
        ...


def share_kept(transfer: Transfer, done: Transferred) -> float:
    """The share of the pixels whose nearest color of the target palette is the one that was asked for."""
    rows = max(1, BAND // done.result.shape[-1])
    parts = zip(torch.split(done.result, rows, -2), torch.split(done.stored, rows, -2), strict=True)
    inside = sum(int(transfer.quantizer.cells(stored).contains(result).sum()) for result, stored in parts)
    return inside / done.result.numel()


class PaletteTransfer:
    """Shows pictures in the target palette of a mapping.

    Texture "L": where the source lies between colors of its palette, the result lies between their partners, with the
    source's own variations of luma (:func:`~vdequant.edits.blending.blended`), and then in the cells of the palette.
    This takes no dequantizer: what it would have to guess, the source tells. "off" shows what the dequantizer makes of
    the remapped colors alone, and "L-post" the same with the source's luma put back, which wins over the palette
    (*diffusion*, section 3).

    Args:
        mapping: from source to target.
        dequantize: see :data:`Dequantize`.
        texture: of PALETTE_FAST.
        fidelity: share of the way that texture "L" is moved into the cells of the target palette. "L-post" is left
            where it is, and "off" where ``dequantize`` put it.
        margin: how far inside their cells colors are put.

    Raises:
        UsageError: for another texture.
    """

    def __init__(
        self,
        mapping: PaletteMapping,
        dequantize: Dequantize,
        *,
        texture: str = "L",
        fidelity: float = 1.0,
        margin: float = MARGIN,
    ) -> None:
        self.mapping, self.dequantize = mapping, dequantize
        self.texture = check_choice(texture, PALETTE_FAST, "--texture")
        self.fidelity, self.margin = fidelity, margin
        self.quantizer = PaletteQuantizer(mapping.target)  # made once: it keeps a table of all colors

    def __call__(self, x: Tensor, number: int = 0) -> Transferred:
        """Transfer ``(N, 3, H, W)`` in [0, 1]; nothing is random here, so that all samples are alike."""
        if self.texture == "L":  # every pixel for itself, so that memory need not grow with the picture
            parts = [self._blended(rows) for rows in torch.split(x, max(1, BAND // x.shape[-1]), dim=-2)]
            return Transferred(*(torch.cat(planes, dim=-2) for planes in zip(*parts, strict=True)))
        stored = self.mapping.quantized(x)
        result = self.dequantize(stored, self.quantizer)
        return Transferred(with_luma(result, luma_of(x)) if self.texture == "L-post" else result, stored)

    def _blended(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Texture "L" of some rows, and the remapped rows."""
        stored = self.mapping.quantized(x)
        proposal = blended(x, self.mapping.source, self.mapping.target)
        return toward_cells(proposal, self.quantizer.cells(stored), self.fidelity, self.margin), stored


class Requantizer:
    """Quantizes pictures anew, each to a palette of its own by median cut: the "Q" of the paper's palette error.

    With it, ``metrics.palette_fidelity`` is the paper's palette PSNR and SSIM: the result is quantized by the algorithm
    that made the source's palette, which may choose other colors than those that were asked for.
    """

    def __init__(self, colors: int) -> None:
        """``colors``: 1 to 256."""
        self.colors = colors

    def quantize(self, x: Tensor) -> Tensor:
        """The pictures ``(N, 3, H, W)`` in at most ``colors`` colors each; ones that have no more are kept."""
        return torch.cat([PaletteQuantizer(palette_from([one], self.colors)).quantize(one[None]) for one in x])
