"""A batch in which every picture was quantized in its own way: one quantizer each, and their cells side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.quantizers.base import MARGIN, Cells, Quantizer, per_picture, room_of


class JoinedCells:
    """The cells of several pictures as those of one batch.

    Args:
        parts: cells of batches of the same height and width, in order.
    """

    def __init__(self, parts: Sequence[Cells]) -> None:
        self.parts = list(parts)
        self.stored = torch.cat([part.stored for part in parts])
        self.low = torch.cat([part.low for part in parts])
        self.high = torch.cat([part.high for part in parts])
        self.room = torch.cat([room_of(part) for part in parts])
        self.spread = max(part.spread for part in parts)
        self.dithered = any(part.dithered for part in parts)
        self.lossy = any(part.lossy for part in parts)

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        return torch.split(x, [len(part.stored) for part in self.parts])

    def contains(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return torch.cat([part.contains(own) for part, own in zip(self.parts, self._split(x), strict=True)])

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return torch.cat([part.project(own, margin) for part, own in zip(self.parts, self._split(x), strict=True)])


class PerPicture:
    """Applies the i-th quantizer to the i-th picture of a batch.

    Args:
        quantizers: as many as there are pictures in every batch that is given.
    """

    def __init__(self, quantizers: Sequence[Quantizer]) -> None:
        if not quantizers:
            raise ValueError("expected at least one quantizer, got none")
        self.quantizers = list(quantizers)

    @property
    def period(self) -> int:
        """One that suits all of them."""
        return math.lcm(*(quantizer.period for quantizer in self.quantizers))

    def _pictures(self, x: Tensor, name: str = "x") -> list[tuple[Quantizer, Tensor]]:
        check_picture(x, name)
        if len(x) != len(self.quantizers):
            raise ValueError(f"expected {len(self.quantizers)} pictures, one for each quantizer, got {len(x)}")
        return list(zip(self.quantizers, torch.split(x, 1), strict=True))

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return f"{self.quantizers[0].describe()}, and so on, one quantizer for each of {len(self.quantizers)} pictures"

    def quantize(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return torch.cat([quantizer.quantize(own) for quantizer, own in self._pictures(x)])

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        pictures = self._pictures(x)
        sharpness = per_picture(k, x, 1).expand(len(x))
        return torch.cat([quantizer.soft(own, sharpness[i]) for i, (quantizer, own) in enumerate(pictures)])

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return torch.cat([quantizer.straight_through(own) for quantizer, own in self._pictures(x)])

    def cells(self, y: Tensor) -> JoinedCells:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return JoinedCells([quantizer.cells(own) for quantizer, own in self._pictures(y, "y")])
