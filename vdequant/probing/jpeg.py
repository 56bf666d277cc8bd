"""JPEG's traces in words: the quality of a JPEG file from its own tables, and grid and quality of a decoded picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vdequant.frames import JpegCoding
from vdequant.quantizers.finding import Finding
from vdequant.quantizers.jpeg import NAMES, JpegQuantizer
from vdequant.quantizers.jpeg_codec import nearest_quality, tables_of
from vdequant.quantizers.jpeg_traces import find_grid, fitting_qualities, luma_coefficients


@dataclass(frozen=True)
class Jpeg:
    """What is known of a JPEG past.

    Attributes:
        quality: of the Independent JPEG Group's scale, 0 when it cannot be told; of tables of another make the one
            whose luma steps have the nearest sum.
        offset: of the 8x8 grid, across and down.
        sampling: chroma as "4:2:0" and such, "" when unknown.
        blind: found in the samples and not in the file.
        standard: the tables are those of T.81 Annex K at this quality.
        certain: every sample is explained; always so for files.
    """

    quality: int
    offset: tuple[int, int] = (0, 0)
    sampling: str = ""
    blind: bool = False
    standard: bool = True
    certain: bool = True


def of_coding(coding: JpegCoding) -> Jpeg:
    """What a file's header says."""
    luma = torch.tensor(coding.luma, dtype=torch.float64).reshape(8, 8)
    chroma = torch.tensor(coding.chroma, dtype=torch.float64).reshape(8, 8)
    quality = nearest_quality(luma)
    own = tables_of(quality)
    standard = torch.equal(own[0], luma) and (coding.gray or torch.equal(own[1], chroma))
    sampling = "" if coding.gray or coding.trouble else NAMES[coding.subsampling]
    return Jpeg(quality, sampling=sampling, standard=standard)


def blind(lumas: Sequence[Tensor]) -> Jpeg | None:
    """Grid and quality of pictures ``(H, W)`` in 8-bit codes that were once a JPEG; None when no grid shows."""
    grid = find_grid(lumas)
    if grid is None:
        return None
    qualities = fitting_qualities(luma_coefficients(lumas[len(lumas) // 2], *grid))
    return Jpeg(qualities[0] if qualities else 0, grid, blind=True, certain=False)


def of_finding(finding: Finding) -> Jpeg | None:
    """What is proven of a picture whose finding is of kind "jpeg"; None for others."""
    quantizer = finding.quantizer
    if finding.kind != "jpeg" or not isinstance(quantizer, JpegQuantizer) or quantizer.quality is None:
        return None
    left, top = (0, 0) if finding.placing is None else (finding.placing.left, finding.placing.top)
    return Jpeg(quantizer.quality, (-left % 8, -top % 8), NAMES[quantizer.subsampling], blind=True)
