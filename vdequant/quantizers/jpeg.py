"""JPEG as a quantizer: what libjpeg's encoder and decoder make of a picture, and the boxes in DCT space it leaves."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.checks import check_choice, check_picture
from vdequant.quantizers import jpeg_planes
from vdequant.quantizers.base import soft_round
from vdequant.quantizers.jpeg_cells import JpegCells, reach
from vdequant.quantizers.jpeg_codec import (
    HALVED,
    Coefficients,
    Subsampling,
    Tables,
    check_tables,
    decode,
    encode,
    quality_of,
    steps,
    tables_of,
)
from vdequant.quantizers.jpeg_recover import EXACT, recover

NAMES = {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0"}


class JpegQuantizer:
    """Baseline JPEG with the tables of T.81 Annex K scaled by libjpeg's quality, or with any other tables.

    :meth:`quantize` gives exactly the 8-bit picture that libjpeg-turbo (Pillow, OpenCV, browsers) shows after
    encoding with the same settings. A second pass changes nothing where libjpeg's own would not: pictures of whole
    blocks, up to quality 75 or so, whose decoded colors were not cut at 0 or 255. Beyond that the decoder's rounding
    is as large as a step, and halved chroma is smoothed at each pass.

    Args:
        quality: 1..100 as libjpeg counts, or the two tables themselves.
        subsampling: of chroma.
        slack: codes by which stored pictures may differ from what libjpeg decodes, as those of video decoders do.

    Raises:
        UsageError: for other values.
    """

    def __init__(self, quality: int | Tables, subsampling: Subsampling = "420", *, slack: float = EXACT) -> None:
        self.tables = tables_of(quality) if isinstance(quality, int) else check_tables(quality)
        check_choice(subsampling, tuple(HALVED), "chroma subsampling")
        self.quality = quality if isinstance(quality, int) else quality_of(self.tables)
        self.subsampling = subsampling
        self.slack = slack

    @property
    def period(self) -> int:
        """Pixels after which blocks repeat: tiles of a picture have to begin at multiples of it."""
        return 8 if self.subsampling == "444" else 16

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        luma = self.tables[0]
        made = f"of quality {self.quality}" if self.quality else f"with steps of {int(luma[0, 0])} to {int(luma.max())}"
        return f"JPEG {made}, chroma {NAMES[self.subsampling]}"

    def encode(self, x: Tensor) -> Coefficients:
        """The coefficients that a file of ``x`` would hold, after rounding to 8 bits."""
        check_picture(x)
        return encode((x.clamp(0, 1) * 255).round(), self.tables, self.subsampling)

    def decode(self, coefficients: Coefficients, dtype: torch.dtype = torch.float32) -> Tensor:
        """The picture that is shown for them, ``(N, 3, H, W)``, a multiple of 1/255."""
        return (decode(coefficients, self.tables, self.subsampling) / 255).to(dtype)

    def quantize(self, x: Tensor) -> Tensor:
        """Encode and decode; no gradient. See the class for when a second pass changes nothing."""
        return self.decode(self.encode(x.detach()), x.dtype)

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """The codec with each coefficient rounded softly, see :func:`~vdequant.quantizers.base.soft_round`.

        Tends to :meth:`quantize` but for the roundings to 8-bit codes in between, which it leaves out: up to 3 codes.
        """
        check_picture(x)
        found = jpeg_planes.analyze(x, self.subsampling)
        rounded = [soft_round(c / step.to(x), k) for c, step in zip(found, steps(self.tables), strict=True)]
        height, width = x.shape[-2:]
        return jpeg_planes.synthesize(rounded, height, width, self.tables, self.subsampling).clamp(0, 1)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.quantize(x) + (x - x.detach())

    def cells(self, y: Tensor) -> JpegCells:
        """The boxes of a decoded picture; its coefficients are recovered from the samples.

        A picture that no file with these settings decodes to gets the boxes around its own coefficients.
        """
        check_picture(y, "y")
        coefficients, unsure = recover(y, self.tables, self.subsampling, self.slack)
        found = self._cells(y, coefficients, unsure, exact=False)
        if not bool(((y <= 0) | (y >= 1)).any()):
            return found
        # Of coefficients that all decode to the same cut samples, some belong to no picture with samples in [0, 1].
        across, down = HALVED[self.subsampling]
        outside = (~found.contains(found.project(y))[:, :1]).float()
        empty = functional.max_pool2d(outside, (8 * down, 8 * across), ceil_mode=True)[:, 0] > 0
        return replace(found, unsure=unsure | empty)

    def cells_of(self, coefficients: Coefficients) -> JpegCells:
        """The boxes of coefficients that are known exactly, from the file or from :meth:`encode`."""
        chroma = coefficients.planes[1]
        unsure = torch.zeros(chroma.shape[:3], dtype=torch.bool, device=chroma.device)
        return self._cells(self.decode(coefficients), coefficients, unsure, exact=True)

    def _cells(self, y: Tensor, coefficients: Coefficients, unsure: Tensor, *, exact: bool) -> JpegCells:
        low, high = reach(y, self.tables, self.subsampling)
        return JpegCells(y, low, high, coefficients, self.tables, self.quality, self.subsampling, unsure, exact)
