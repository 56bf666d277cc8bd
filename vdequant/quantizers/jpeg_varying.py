"""JPEG pictures in a row whose tables change, as those of Motion JPEG do: each picture tells which ones are its own."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from vdequant.checks import check_picture
from vdequant.quantizers import jpeg_planes
from vdequant.quantizers.jpeg import NAMES, JpegQuantizer
from vdequant.quantizers.jpeg_cells import JpegCells
from vdequant.quantizers.jpeg_traces import miss

LOOKED_AT = 256  # pixels a side of the middle of a picture, where its tables are looked for


class VaryingJpeg:
    """One of several :class:`JpegQuantizer` of one subsampling, chosen for each picture by its coefficients.

    Where nothing but the quantizing counts (:meth:`quantize` and such) it is the first one.

    Args:
        each: at least one, of one subsampling, the likeliest first.

    Raises:
        ValueError: for others.
    """

    def __init__(self, each: Sequence[JpegQuantizer]) -> None:
        if not each or len({quantizer.subsampling for quantizer in each}) != 1:
            raise ValueError(f"expected JPEG quantizers of one subsampling, got {[q.describe() for q in each]}")
        self.each = tuple(each)

    @property
    def period(self) -> int:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.each[0].period

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        coarsest = [int(quantizer.tables[0][0, 1]) for quantizer in self.each]
        chroma = NAMES[self.each[0].subsampling]
        return f"JPEG with {len(self.each)} tables, steps from {min(coarsest)} to {max(coarsest)}, chroma {chroma}"

    def quantize(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.each[0].quantize(x)

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.each[0].soft(x, k)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.each[0].straight_through(x)

    def chosen(self, y: Tensor) -> JpegQuantizer:
        """The one whose tables the luma of ``y`` ``(N, 3, H, W)``, all of one frame, was quantized with."""
        check_picture(y, "y")
        height, width = y.shape[-2:]
        top, left = ((max(0, size - LOOKED_AT) // 2) // 16 * 16 for size in (height, width))
        part = y[..., top : top + LOOKED_AT, left : left + LOOKED_AT]
        luma = jpeg_planes.analyze(part, self.each[0].subsampling)[0]
        misses = [miss(luma, quantizer.tables) for quantizer in self.each]
        return self.each[misses.index(min(misses))]

    def cells(self, y: Tensor) -> JpegCells:
        """Those of the quantizer that was :meth:`chosen`."""
        return self.chosen(y).cells(y)
