"""What a JPEG's own header adds to the finding about its pictures: the true cells, and where the blocks lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from vdequant.frames import JpegCoding
from vdequant.quantizers.finding import Finding
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.quantizers.jpeg_codec import Tables, nearest_quality, tables_of
from vdequant.quantizers.jpeg_placing import Placing
from vdequant.quantizers.jpeg_recover import EXACT
from vdequant.quantizers.jpeg_varying import VaryingJpeg
from vdequant.quantizers.snapping import NEARLY_ALL

# FFmpeg's samples differ from libjpeg's by up to 3.4 codes (its inverse transform, and chroma without rounding); with
# this much allowed, 99.7 % of blocks had the file's own coefficients at q:v 5 to 15.
VIDEO_SLACK = 3.5
# Quality below which flat blocks of photographs look like a palette, and rows of them like enlarged pixels: seen in
# five of six pictures of LIVE1 at 1, in two at 5, in one at 10.
ART = 30


def _tables(coding: JpegCoding) -> Tables:
    """Gray pictures get the chroma table that goes with their luma, which says that there is no color."""
    luma, chroma = (torch.tensor(steps, dtype=torch.float64).reshape(8, 8) for steps in (coding.luma, coding.chroma))
    return luma, tables_of(nearest_quality(luma))[1] if coding.gray else chroma


def quantizer_of(codings: Sequence[JpegCoding], *, still: bool) -> JpegQuantizer | VaryingJpeg:
    """The quantizer of pictures that were coded in these ways; none of them may have ``trouble``."""
    slack = EXACT if still else VIDEO_SLACK
    each = [JpegQuantizer(_tables(coding), coding.subsampling, slack=slack) for coding in codings]
    return each[0] if len(each) == 1 else VaryingJpeg(each)


def _is_coarse(coding: JpegCoding) -> bool:
    """Whether few colors and large pixels may well be the JPEG's own doing."""
    return nearest_quality(_tables(coding)[0]) < ART


def _is_art(finding: Finding) -> bool:
    """Whether it is surely drawn: where it is not, JPEG's cells and the network for them are worth more than colors."""
    snapped = finding.recovery is not None and finding.recovery.sure >= NEARLY_ALL
    return finding.kind != "lossy" and (snapped or max(finding.native_scale) > 1)


def _trouble(finding: Finding, codings: Sequence[JpegCoding]) -> str:
    if min(finding.native_scale) >= 2 and not _is_coarse(codings[0]):
        return "its blocks are not those of the native pixels"
    if len({coding.subsampling for coding in codings}) > 1:
        return "chroma is coded in several ways"
    if len({coding.turn for coding in codings}) > 1:
        return "some pictures are turned upright"
    return next((coding.trouble for coding in codings if coding.trouble), "")


def with_header(finding: Finding, codings: Sequence[JpegCoding], *, still: bool) -> Finding:
    """The finding with JPEG's cells, where the codec hides what was there before and nothing more is known.

    Native pixels that were found, and clean colors of nearly all pixels, count for more than JPEG's cells only above
    quality ``ART``. Where
    the cells cannot be used, the pictures stay what any lossy codec leaves, and the description says why.

    Args:
        finding: about decoded pictures.
        codings: from the file's header; none when it is no JPEG.
        still: decoded as :class:`JpegQuantizer` does to the last bit, and not as video is.
    """
    if not codings or (_is_art(finding) and not _is_coarse(codings[0])):
        return finding
    trouble = _trouble(finding, codings)
    if trouble:
        return replace(finding, description=f"{finding.description}; JPEG, but {trouble}")
    quantizer, placing = quantizer_of(codings, still=still), Placing(codings[0].turn)
    words = f"a {quantizer.describe()}{', gray' if codings[0].gray else ''}{', turned upright' if placing else ''}"
    return Finding(
        quantizer=quantizer,
        kind="jpeg",
        lossless=still,
        placing=placing or None,
        colors=finding.colors,
        levels=(0, 0, 0),
        description=words,
    )
