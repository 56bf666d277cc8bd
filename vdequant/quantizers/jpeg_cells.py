"""What a JPEG picture tells: each DCT coefficient lies within half a step of the stored one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vdequant.quantizers import jpeg_planes
from vdequant.quantizers.base import MARGIN
from vdequant.quantizers.jpeg_codec import (
    HALVED,
    Coefficients,
    Subsampling,
    Tables,
    steps,
    transform,
)
from vdequant.quantizers.jpeg_project import move_into

# The encoder sees 8-bit samples: rounding moves a coefficient by 0.4 (standard deviation), so 2 is five of those.
TOLERANCE = 2.0  # codes by which a coefficient may lie beyond its box and still count as inside
HIDDEN = 4.0  # codes: steps up to this may be mistaken by one when they are recovered from a decoded picture
INSET = 1.5  # codes by which project stays inside, for the same reason; at most a quarter of the step
SPREAD = 1.5  # errors of the 64 coefficients add up: a sample may be further off than one coefficient alone allows


def _map_to_samples(blocks: Tensor, across: int, down: int, height: int, width: int) -> Tensor:
    """A value per block, ``(N, rows, columns)``, as one per sample ``(N, 1, height, width)``."""
    return blocks.repeat_interleave(8 * down, 1).repeat_interleave(8 * across, 2)[:, None, :height, :width]


@dataclass(frozen=True)
class JpegCells:
    """Boxes in DCT space: ``(q - 1/2) step <= c <= (q + 1/2) step`` for each coefficient.

    Attributes:
        low, high: how far one sample alone may move; the same pattern in every block.
        coefficients: the stored ones.
        tables: steps of luma and of chroma, ``(8, 8)`` float64 each, in the order of the coefficients (not zigzag).
        quality: of libjpeg's scale, None for tables of another make.
        subsampling: of chroma.
        unsure: ``(N, rows, columns)`` per 8x8, 16x8 or 16x16 pixels: the coefficients could not be recovered exactly
            from the decoded picture, because its samples were cut at 0 or 255, lie beyond the picture's edge or
            were rounded to more than a step; boxes there are one step wider to each side, and as wide as it takes
            to hold the stored picture.
        exact: the coefficients are those of the file, and not recovered from the decoded picture.
    """

    stored: Tensor
    low: Tensor
    high: Tensor
    coefficients: Coefficients
    tables: Tables
    quality: int | None
    subsampling: Subsampling
    unsure: Tensor
    exact: bool
    spread: float = SPREAD
    dithered: bool = False
    lossy: bool = True

    def _boxes(self, dtype: torch.dtype) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Center, half width and step for each of Y, Cb and Cr."""
        across, down = HALVED[self.subsampling]
        unsure = self.unsure.to(dtype)
        luma = unsure.repeat_interleave(down, 1).repeat_interleave(across, 2)
        shown = jpeg_planes.analyze(self.stored, self.subsampling) if bool(self.unsure.any()) else None
        boxes = []
        for i, (stored, step) in enumerate(zip(self.coefficients.planes, steps(self.tables), strict=True)):
            step = step.to(stored.device, dtype)
            center, half = stored.to(dtype) * step, step / 2
            if shown is not None:
                wider = torch.maximum(3 * half, (shown[i].to(dtype) - center).abs() + INSET)
                half = half.lerp(wider, (unsure if i else luma)[..., None, None])
            boxes.append((center, half.expand_as(center), step))
        return boxes

    def contains(self, x: Tensor) -> Tensor:
        """Whether an encoder would see each block of ``x`` in its box, to within ``TOLERANCE``.

        It is asked twice, libjpeg of ``x`` rounded to 8 bits, and one that computes with fractions, and either will
        do: over a flat block libjpeg's roundings all go one way and add up to 4 codes. All samples of a block share
        the answer, and a sample is inside when its blocks of Y, Cb and Cr all are. Steps of up to ``HIDDEN`` codes
        (quality 85 and more) count as one wider, unless the file gave them.
        """
        height, width = x.shape[-2:]
        inside = ((x >= 0) & (x <= 1)).all(1, keepdim=True)
        rounded = transform((x.clamp(0, 1) * 255).round(), self.subsampling)
        exact = jpeg_planes.analyze(x, self.subsampling)
        for i, (center, half, step) in enumerate(self._boxes(torch.float64)):
            limit = half + TOLERANCE + (0 if self.exact else step * (step <= HIDDEN))
            good = torch.zeros(center.shape[:3], dtype=torch.bool, device=x.device)
            for found in (rounded[i] / 8, exact[i].to(center)):
                good |= ((found - center).abs() <= limit).flatten(-2).all(-1)
            across, down = HALVED[self.subsampling] if i else (1, 1)
            inside = inside & _map_to_samples(good, across, down, height, width)
        return inside.expand_as(x)

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """Clamp the coefficients of blocks that are outside, then cut the samples to [0, 1], until both hold.

        The boxes are made smaller by the larger of ``margin`` and ``INSET``, so that rounding the result to 8 bits
        stays inside. Blocks that are inside are returned as they are; hence a second call changes nothing, except
        in blocks that hold saturated colors and have not come to rest after ``jpeg_project.ROUNDS``.
        """
        smaller = []
        for center, half, step in self._boxes(x.dtype):
            inset = (step / 4).clamp(max=max(INSET, margin * 255))
            smaller.append((center, half - inset, inset))
        return move_into(x, smaller, self.subsampling)


def reach(y: Tensor, tables: Tables, subsampling: Subsampling) -> tuple[Tensor, Tensor]:
    """``low`` and ``high`` of :class:`JpegCells`: the first coefficient to leave its box ends a sample's way."""
    across, down = HALVED[subsampling]
    height, width = y.shape[-2:]
    basis = jpeg_planes.dct_basis(torch.device("cpu"), torch.float64).abs()
    farthest = torch.full((3, 8 * down, 8 * across), torch.inf, dtype=torch.float64)
    for i, (step, weights) in enumerate(zip(steps(tables), jpeg_planes.RGB_TO_YCC, strict=True)):
        share = basis[:, None, :, None] * basis[None, :, None, :]  # (u, v, row, column)
        alone = (step[:, :, None, None] / 2 / share).amin((0, 1)) / 255
        if i:
            alone = (alone * (across * down)).repeat_interleave(down, 0).repeat_interleave(across, 1)
        else:
            alone = alone.repeat(down, across)
        for channel, weight in enumerate(weights):
            farthest[channel] = torch.minimum(farthest[channel], alone / abs(weight))
    tiled = farthest.repeat(1, -(-height // (8 * down)), -(-width // (8 * across)))[None, :, :height, :width].to(y)
    return (y - tiled).clamp_(0, 1), (y + tiled).clamp_(0, 1)
