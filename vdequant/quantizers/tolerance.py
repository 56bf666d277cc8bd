"""Cells for lossy sources: the codec blurred the true cells, so each value is only known to within a tolerance."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from vdequant.checks import check_picture
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.uniform import BoxCells


class ToleranceQuantizer:
    """Widens the cells of ``inner`` by ``tolerance``, or stands alone with a cell of that radius around each value.

    Args:
        tolerance: radius in [0, 1] units, such as 4 / 255.
        inner: the quantizer that came before the codec, when it is known.
    """

    def __init__(self, tolerance: float, inner: Quantizer | None = None) -> None:
        self.tolerance = tolerance
        self.inner = inner

    @property
    def period(self) -> int:
        """That of the quantizer before the codec."""
        return self.inner.period if self.inner else 1

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        before = f"{self.inner.describe()}, then " if self.inner else ""
        return f"{before}a lossy codec (±{self.tolerance * 255:.1f}/255)"

    def quantize(self, x: Tensor) -> Tensor:
        """What was stored before the codec; the codec itself is unknown."""
        return self.inner.quantize(x) if self.inner else x

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.inner.soft(x, k) if self.inner else x

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.inner.straight_through(x) if self.inner else x

    def cells(self, y: Tensor) -> BoxCells:
        """A box around each stored value: the inner cell of what it most likely was, widened."""
        check_picture(y, "y")
        radius = self.tolerance
        if self.inner is None:
            return BoxCells(y, (y - radius).clamp_(0, 1), (y + radius).clamp_(0, 1), lossy=True)
        inner = self.inner.cells(y)
        box = BoxCells(y, (inner.low - radius).clamp(0, 1), (inner.high + radius).clamp(0, 1))
        return replace(box, lossy=True)
