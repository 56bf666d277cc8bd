"""Edits as published: a diffusion model draws them, and is told the colors that are wanted and the source's texture.

    palette   remapped source, N / 256 ─────────────┐
    recolor   source with a flat patch, 1 and 1/256 ─┼─► seven planes ─► noise to picture ─► as much of it as was asked
    texture   of the source, by its encoder ────────┘

It is *Inference - Palette Transfer* and *Color-conditioned inpainting* of Vavilala, Shaik and Forsyth, section 3.
Beyond them every step's picture may be moved into the cells of the palette, or onto the true pixels around the patch.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.checks import check_picture
from vdequant.color import luma_of
from vdequant.edits.luma import with_luma
from vdequant.edits.mapping import PaletteMapping
from vdequant.edits.palette_transfer import Transferred
from vdequant.edits.recolor import check_weight
from vdequant.models.conditioning import COLORS, FINEST, planes_of, texture_of
from vdequant.quantizers.base import MARGIN, Cells, toward_cells
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import BoxCells
from vdequant.restorers.denoising import draw
from vdequant.restorers.diffusion import MOST_COLORS, Diffusion

# what the encoder of a texture was trained with; without texture they were all told the same, and any will do
ENCODERS = {"T": "T", "G": "G", "L": "L", "L-post": "L", "off": ""}
AROUND = 64  # pixels of the picture that are shown around a patch
SMALLEST_VIEW = 256  # side of what is shown of a picture that is as large


def padded(planes: Tensor, model: Diffusion) -> Tensor:
    """``planes`` ``(N, C, H, W)`` with the last row and column repeated, until the model takes their size."""
    needs = model.needs
    height, width = (
        -(-max(side, needs.min_size) // needs.multiple_of) * needs.multiple_of for side in planes.shape[-2:]
    )
    return functional.pad(planes, (0, width - planes.shape[-1], 0, height - planes.shape[-2]), mode="replicate")


class DrawnTransfer:
    """Shows pictures in the target palette of a mapping, as :class:`~vdequant.edits.palette_transfer.PaletteTransfer`.

    Args:
        mapping: from source to target.
        model: with the encoder of ENCODERS for this texture.
        texture: of TEXTURES.
        fidelity: share of the way that each step's picture is moved into the cells of the target palette; "L-post"
            leaves them again.
        margin: how far inside their cells colors are put.
    """

    def __init__(
        self, mapping: PaletteMapping, model: Diffusion, *, texture: str, fidelity: float, margin: float = MARGIN
    ) -> None:
        self.mapping, self.model = mapping, model
        self.texture, self.fidelity, self.margin = texture, fidelity, margin
        self.quantizer = PaletteQuantizer(mapping.target)

    def __call__(self, x: Tensor, number: int = 0) -> Transferred:
        """Transfer ``(N, 3, H, W)`` in [0, 1]; ``number`` is that of the sample."""
        check_picture(x)
        stored = self.mapping.quantized(x)
        told = None if self.texture == "off" else texture_of(x, self.model.denoiser.texture)
        fineness = torch.tensor(min(len(self.mapping.source), MOST_COLORS) / FINEST, device=x.device)
        planes = padded(planes_of(stored, fineness, told), self.model)
        cells = self.quantizer.cells(planes[:, COLORS]) if self.fidelity > 0 else None
        result = _drawn(self.model, planes, cells, self.fidelity, number)[..., : x.shape[-2], : x.shape[-1]]
        if self.texture == "L-post":
            return Transferred(with_luma(result, luma_of(x)), stored)
        if self.fidelity >= 1:  # a little farther inside, so that the written values are there as well
            result = toward_cells(result, self.quantizer.cells(stored), self.fidelity, self.margin)
        return Transferred(result, stored)


def _drawn(model: Diffusion, planes: Tensor, cells: Cells | None, fidelity: float, number: int) -> Tensor:
    return draw(model.denoiser, planes, replace(model.sampling, fidelity=fidelity), cells, model.told, number)


def view_of(weight: Tensor) -> tuple[slice, slice]:
    """Rows and columns that are drawn for a patch ``(1, 1, H, W)``: what it covers and some of what is around it."""
    found = []
    for dim in (-2, -1):
        length = weight.shape[dim]
        places = weight.amax(-1 if dim == -2 else -2).flatten().nonzero().flatten()
        first, last = int(places[0]) - AROUND, int(places[-1]) + 1 + AROUND
        side = min(length, max(last - first, SMALLEST_VIEW))
        first = min(max(0, (first + last - side) // 2), length - side)
        found.append(slice(first, first + side))
    return found[0], found[1]


def drawn_recolor(
    model: Diffusion, x: Tensor, weight: Tensor, color: Tensor, *, texture: str, number: int = 0
) -> Tensor:
    """Give a part of a picture another color, as color-conditioned inpainting.

    Args:
        model: with the encoder of ENCODERS for this texture.
        x: ``(1, 3, H, W)`` in [0, 1].
        weight: ``(1, 1, H, W)`` in [0, 1]: 1 where the new color is, 0 where nothing changes.
        color: ``(1, 3, 1, 1)`` in [0, 1].
        texture: of TEXTURES; "off": none inside the part.
        number: of the sample, 0 to ``model.sampling.samples`` - 1.

    Returns:
        ``(1, 3, H, W)`` in [0, 1], bit for bit ``x`` where the weight is 0.

    Raises:
        UsageError: the mask is empty.
    """
    check_picture(x)
    check_weight(weight)
    rows, columns = view_of(weight)
    part, share = x[..., rows, columns], weight[..., rows, columns]
    height, width = part.shape[-2:]
    inside = share > 0
    colors, fineness = torch.where(inside, color, part), torch.where(inside, 1 / FINEST, 1.0)
    known = (~inside).to(x.dtype) if texture == "off" else None
    planes = padded(planes_of(colors, fineness, texture_of(part, model.denoiser.texture), known), model)
    free = padded(inside.expand_as(part).to(x.dtype), model)  # there, and there alone, a picture may be anything
    cells = BoxCells(planes[:, COLORS], planes[:, COLORS] * (1 - free), torch.lerp(planes[:, COLORS], free, free))
    made = _drawn(model, planes, cells, 1.0, number)[..., :height, :width]
    if texture == "L-post":
        made = with_luma(made, luma_of(part))
    result = x.clone()
    result[..., rows, columns] = torch.where(inside, torch.lerp(part, made, share), part)
    return result
