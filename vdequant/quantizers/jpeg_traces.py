"""JPEG's traces in decoded pictures: where the grid of blocks lies, and which tables explain every sample.

Two answers, which differ in what they prove. :func:`find_grid` looks at steps along block borders, and sees a grid in
coarse JPEGs only. :func:`find_jpeg` tries tables and subsamplings until decoding the coefficients gives the very
samples back; that does not happen by chance, so what it finds is certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vdequant.quantizers import jpeg_planes
from vdequant.quantizers.finding import Finding
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.quantizers.jpeg_codec import HALVED, Subsampling, Tables, tables_of
from vdequant.quantizers.jpeg_placing import Placing
from vdequant.quantizers.jpeg_recover import recover

BLOCK = 8
VISIBLE = 1.25  # step at the block borders over that elsewhere
SEARCHED = 256  # pixels a side of the middle, where the grid is looked for
HIGH = 5  # row plus column from which frequencies are often quantized to zero
NOISE = 0.9  # codes: three deviations of what the samples' rounding makes of a zero
LARGEST = 1024  # pixels a side of the middle, where tables are looked for
PROOF = 192  # pixels a side of the middle, which is decoded again
MANY = 6  # blocks on a side
PROVEN = 0.75  # share of blocks that must be met to the last sample
BEST_QUALITY = 95  # beyond, steps of one code leave nothing to be seen
FINEST = 2  # steps up to this drown in the rounding of the samples
FEWEST = 64  # coefficients that must tell
FITS, CLOSE = 0.5, 0.12  # largest miss of tables that are tried, and how much larger than the least one
SUBSAMPLINGS: tuple[Subsampling, ...] = ("420", "444", "422")


@dataclass(frozen=True, slots=True)
class Found:
    """What a picture was saved as."""

    quality: int
    subsampling: Subsampling
    placing: Placing

    @property
    def offset(self) -> tuple[int, int]:
        """Of the first block border from the left and from the top, 0 to 15."""
        across, down = HALVED[self.subsampling]
        return -self.placing.left % (BLOCK * across), -self.placing.top % (BLOCK * down)


def _phase(steps: Tensor) -> int:
    """The phase of block borders along one axis, -1 when none stands out."""
    if len(steps) < 4 * BLOCK:
        return -1
    means = torch.stack([steps[phase::BLOCK].mean() for phase in range(BLOCK)])
    best = int(means.argmax())
    others = float(torch.cat([means[:best], means[best + 1 :]]).max())
    return (best + 1) % BLOCK if float(means[best]) > VISIBLE * others else -1


def _bends(luma: Tensor) -> Tensor:
    """``(H, W - 3)`` how much more a step is than its neighbors: smooth shades do not count."""
    steps = luma.diff(dim=1)
    return (steps[:, 1:-1].abs() - (steps[:, :-2] + steps[:, 2:]).abs() / 2).clamp(min=0)


def find_grid(lumas: Sequence[Tensor]) -> tuple[int, int] | None:
    """First block borders from the left and the top of pictures ``(H, W)`` in codes; None when no grid shows."""
    across = torch.stack([_bends(luma.double()).mean(dim=0) for luma in lumas]).mean(dim=0)
    down = torch.stack([_bends(luma.double().T).mean(dim=0) for luma in lumas]).mean(dim=0)
    left, top = _phase(across), _phase(down)
    if left < 0 or top < 0:
        return None
    return (left + 1) % BLOCK, (top + 1) % BLOCK  # the first bend lies between the second and third sample


def _emptiest_grid(luma: Tensor) -> tuple[int, int]:
    """The grid on which most high frequencies are zero, which shows JPEGs finer than borders do."""
    part = _middle(luma[None], SEARCHED, BLOCK)[0]
    high = torch.arange(BLOCK) + torch.arange(BLOCK)[:, None] >= HIGH
    shares = {}
    for top in range(BLOCK):
        for left in range(BLOCK):
            found = luma_coefficients(part, left, top)[:, high]
            shares[left, top] = float((found.abs() < NOISE).float().mean()) if found.numel() else 0.0
    return max(shares, key=lambda place: shares[place])


def luma_coefficients(luma: Tensor, left: int, top: int) -> Tensor:
    """Of the whole blocks of ``(H, W)`` in codes whose borders begin at ``left``, ``top``: ``(N, 8, 8)``."""
    part = luma[top:, left:].float()
    part = part[: part.shape[0] // BLOCK * BLOCK, : part.shape[1] // BLOCK * BLOCK]
    return jpeg_planes.to_coefficients(part[None] - 128).reshape(-1, BLOCK, BLOCK)


def miss(luma: Tensor, tables: Tables) -> float:
    """How badly luma coefficients ``(..., 8, 8)`` fit whole steps: about 1 by chance, near 0 if they do.

    That is the mean of 1 - cos of the phase between two multiples, over coefficients that are not quantized to zero.
    """
    step = tables[0].to(luma)
    share = luma / step
    told = (share.abs() > 0.5) & (step > FINEST)
    told[..., 0, 0] = False  # the mean of a block is a whole number of codes anyway when it is flat
    count = int(told.sum())
    return float((1 - torch.cos(2 * torch.pi * share[told])).mean()) if count >= FEWEST else 1.0


def fitting_qualities(coefficients: Tensor) -> list[int]:
    """Qualities whose steps the luma coefficients are multiples of, coarsest first: half of a step fits, too."""
    misses = {quality: miss(coefficients, tables_of(quality)) for quality in range(1, BEST_QUALITY + 1)}
    limit = min(FITS, min(misses.values()) + CLOSE)
    return [quality for quality, missed in misses.items() if missed <= limit]


def _middle(picture: Tensor, side: int, unit: int) -> Tensor:
    """The middle of ``(C, H, W)``, from a multiple of ``unit``."""
    top, left = (max(0, size - side) // 2 // unit * unit for size in picture.shape[-2:])
    return picture[..., top : top + side, left : left + side]


def _proven(part: Tensor, quality: int, subsampling: Subsampling) -> float:
    """Share of blocks of ``(1, 3, h, w)`` whose samples come back, of those that the cut does not touch.

    Those are two rings, where there are as many: chroma is interpolated between blocks.
    """
    _, unsure = recover(part, tables_of(quality), subsampling)
    ring = 2 if min(unsure.shape[1:]) > MANY else 1
    inner = unsure[:, ring:-ring, ring:-ring]
    return 1 - float(inner.float().mean()) if inner.numel() else 0.0


def _proof(picture: Tensor, qualities: Sequence[int], left: int, top: int) -> Found | None:
    """What explains the picture ``(3, H, W)``; borders of luma blocks begin at ``left``, ``top``."""
    for subsampling in SUBSAMPLINGS:
        across, down = HALVED[subsampling]
        for row in range(down):
            for column in range(across):
                placing = Placing(
                    left=(-left % BLOCK + BLOCK * column) % (BLOCK * across),
                    top=(-top % BLOCK + BLOCK * row) % (BLOCK * down),
                )
                part = _middle(placing.onto_blocks(picture[None])[0], PROOF, BLOCK * 2)[None]
                for quality in qualities:
                    if _proven(part, quality, subsampling) >= PROVEN:
                        return Found(quality, subsampling, placing)
    return None


def find_jpeg(picture: Tensor) -> Found | None:
    """What a picture ``(3, H, W)`` in [0, 1] was saved as; None when nothing explains it.

    Looked for are the tables of T.81 Annex K at qualities up to ``BEST_QUALITY``.
    """
    if min(picture.shape[-2:]) < 4 * BLOCK:
        return None
    codes = (_middle(picture, LARGEST, 2 * BLOCK) * 255).round()
    luma = jpeg_planes.to_ycc(codes[None] / 255, offset=0.0)[0, 0]
    for left, top in dict.fromkeys(((0, 0), _emptiest_grid(luma))):
        qualities = fitting_qualities(luma_coefficients(luma, left, top))
        found = _proof(codes / 255, qualities, left, top) if qualities else None
        if found is not None:
            return found
    return None


def with_traces(finding: Finding, picture: Tensor) -> Finding:
    """The finding about a picture ``(3, H, W)`` with JPEG's cells, where it is the decoded picture of a JPEG."""
    if finding.kind != "fine" or finding.grid is not None:
        return finding
    found = find_jpeg(picture)
    if found is None:
        return finding
    quantizer = JpegQuantizer(found.quality, found.subsampling)
    left, top = found.offset
    where = f", blocks from {left},{top}" if found.placing else ""
    return replace(
        finding,
        quantizer=quantizer,
        kind="jpeg",
        placing=found.placing or None,
        description=f"what a {quantizer.describe()} was decoded to{where}",
    )
