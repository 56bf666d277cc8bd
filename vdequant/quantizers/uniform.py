"""Per-channel quantization: levels and the edges between them, for any lattice that a console or a file uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.errors import UsageError
from vdequant.quantizers.base import MARGIN

Expansion = Literal["replicate", "shift", "floor", "center"]


@dataclass(frozen=True)
class BoxCells:
    """One interval per sample, half open: ``low <= x < high``; the interval that ends at 1 holds 1 too."""

    stored: Tensor
    low: Tensor
    high: Tensor
    spread: float = 1.0
    dithered: bool = False
    lossy: bool = False

    def contains(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        below_top = (x < self.high) | ((self.high >= 1) & (x <= 1))
        return (x >= self.low) & below_top

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """Clamp into the box; borders at 0 and 1 are the end of the domain and need no margin."""
        half = (self.high - self.low) / 2
        inset = half.clamp(max=margin)
        low = torch.where(self.low <= 0, self.low, self.low + inset)
        high = torch.where(self.high >= 1, self.high, self.high - inset)
        return torch.minimum(torch.maximum(x, low), high)


class UniformQuantizer:
    """Scalar quantization of each channel with its own ascending levels.

    Args:
        levels: three ascending sequences of stored values in [0, 1], for R, G and B.
        edges: three sequences of the inner borders between levels (one fewer than levels); None puts every border
            half way, which is what "the nearest level was stored" means.
    """

    def __init__(self, levels: Sequence[Sequence[float]], edges: Sequence[Sequence[float]] | None = None) -> None:
        if len(levels) != 3 or any(len(channel) < 2 for channel in levels):
            raise UsageError(f"expected two or more levels for each of 3 channels, got {[len(c) for c in levels]}")
        self.levels = [torch.tensor(list(channel), dtype=torch.float32) for channel in levels]
        if any((channel.diff() <= 0).any() for channel in self.levels):
            raise UsageError("expected the levels of a channel in ascending order")
        if edges is None:
            self.inner = [(channel[1:] + channel[:-1]) / 2 for channel in self.levels]
        else:
            self.inner = [torch.tensor(list(channel), dtype=torch.float32) for channel in edges]
        ends = torch.tensor([0.0]), torch.tensor([1.0])
        self.edges = [torch.cat([ends[0], inner, ends[1]]) for inner in self.inner]

    @classmethod
    def of_levels(cls, m: int) -> UniformQuantizer:
        """``m`` equal cells a channel, reconstructed at their centres ``(i - 0.5) / m`` (*map*, eq. 9)."""
        if not 2 <= m <= 256:
            raise UsageError(f"expected m between 2 and 256 levels a channel, got {m}")
        return cls([[(i + 0.5) / m for i in range(m)]] * 3, [[i / m for i in range(1, m)]] * 3)

    @classmethod
    def of_bits(cls, bits: Sequence[int], expansion: Expansion = "replicate") -> UniformQuantizer:
        """A bit depth per channel, such as (5, 6, 5), in one of the ways that machines expand it to 8 bits.

        "replicate": value ``k / (2**b - 1)`` and the nearest level was stored; "shift": ``k * 2**(8 - b) / 255``
        (white stays grey); "floor": replicated values of truncated samples; "center": like :meth:`of_levels`.
        """
        if len(bits) != 3 or any(not 1 <= b <= 8 for b in bits):
            raise UsageError(f"expected three bit depths between 1 and 8, got {tuple(bits)}")
        levels, edges = [], []
        for b in bits:
            count = 1 << b
            floor = [i / count for i in range(1, count)]
            if expansion == "shift":
                levels.append([k * (256 // count) / 255 for k in range(count)])
            elif expansion == "center":
                levels.append([(k + 0.5) / count for k in range(count)])
            else:
                levels.append([k / (count - 1) for k in range(count)])
            edges.append([(k - 0.5) / (count - 1) for k in range(1, count)] if expansion == "replicate" else floor)
        return cls(levels, edges)

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        counts = [len(channel) for channel in self.levels]
        if len(set(counts)) == 1:
            return f"{counts[0]} levels per channel"
        return f"{'-'.join(str(c) for c in counts)} levels in R, G, B"

    def _indices(self, x: Tensor, channel: int) -> Tensor:
        return torch.bucketize(x[:, channel].contiguous(), self.inner[channel].to(x), right=True)

    def quantize(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        check_picture(x)
        return torch.stack([self.levels[c].to(x)[self._indices(x, c)] for c in range(3)], dim=1)

    def soft(self, x: Tensor, k: float) -> Tensor:
        """Softmax over the levels by squared distance times ``k`` (*map*, eq. 10); memory levels times pixels."""
        check_picture(x)
        planes = []
        for channel in range(3):
            levels = self.levels[channel].to(x)
            weights = torch.softmax(-k * (x[:, channel, ..., None] - levels) ** 2, dim=-1)
            planes.append((weights * levels).sum(-1))
        return torch.stack(planes, dim=1)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return x + (self.quantize(x) - x).detach()

    def cells(self, y: Tensor) -> BoxCells:
        """The interval of each stored sample."""
        check_picture(y, "y")
        low, high = [], []
        for channel in range(3):
            index = self._nearest(y[:, channel], channel)
            edges = self.edges[channel].to(y)
            low.append(edges[index])
            high.append(edges[index + 1])
        return BoxCells(y, torch.stack(low, dim=1), torch.stack(high, dim=1))

    def _nearest(self, y: Tensor, channel: int) -> Tensor:
        """Index of the level nearest to each stored value (a level may sit on the edge of its own cell)."""
        levels = self.levels[channel].to(y)
        return torch.bucketize(y.contiguous(), (levels[1:] + levels[:-1]) / 2)
