"""Per-channel quantization: levels and the edges between them, for any lattice that a console or a file uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.errors import UsageError
from vdequant.quantizers.base import MARGIN, per_picture
from vdequant.quantizers.softmax import soft_nearest, soft_steps

GRID = 65535  # stored values are looked up by their nearest 16-bit code, which every 8-bit code is one of

MOST_CUT = 87  # percent: one bit a channel is left

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


def bits_after_cut(percent: int) -> tuple[int, int, int]:
    """Bits of red, green and blue when ``percent`` of 24 are cut: a level of *pix2pix-fq*, section 4.1, spread evenly.

    24 * (1 - percent / 100), rounded, are kept: 22 bits at 10 %, 19 at 20 %, 17 at 30 %, 14 at 40 %, 12 at 50 %. Bits
    that three channels cannot share go to green, then to red, as in the usual 5-6-5: 7-8-7, 6-7-6, 6-6-5, 5-5-4, 4-4-4.
    """
    if not 1 <= percent <= MOST_CUT:
        raise UsageError(f"expected 1 to {MOST_CUT} percent of the bits to be cut, got {percent}")
    each, over = divmod(round(24 * (1 - percent / 100)), 3)
    return each + (over > 1), each + (over > 0), each


class UniformQuantizer:
    """Scalar quantization of each channel with its own ascending levels.

    Args:
        levels: three ascending sequences of stored values in [0, 1], for R, G and B.
        edges: three sequences of the inner borders between levels (one fewer than levels); None puts every border
            half way, which is what "the nearest level was stored" means.
    """

    period = 1

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
        halves = [(channel[1:] + channel[:-1]) / 2 for channel in self.levels]
        self._nearest = [bool(torch.allclose(a, b, atol=1e-6)) for a, b in zip(halves, self.inner, strict=True)]
        self._tables: dict[torch.device, tuple[Tensor, Tensor]] = {}

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

    @classmethod
    def random_bits(cls, generator: torch.Generator, expansion: Expansion = "replicate") -> UniformQuantizer:
        """10 to 50 % of a pixel's 24 bits cut off, which leaves 12 to 22 (*pix2pix-fq*, section 4.1).

        The paper does not say how the cut bits fall on the channels: here each is taken from a random channel that
        has more than one left. For a batch, make one for each picture and join them with ``PerPicture``.
        """
        bits = [8, 8, 8]
        cut = 24 - int(torch.randint(12, 23, (), generator=generator))
        while cut:
            channel = int(torch.randint(3, (), generator=generator))
            if bits[channel] > 1:
                bits[channel] -= 1
                cut -= 1
        return cls.of_bits(bits, expansion)

    @classmethod
    def of_cut(cls, percent: int, expansion: Expansion = "floor") -> UniformQuantizer:
        """``percent`` of a pixel's 24 bits dropped, evenly; see :func:`bits_after_cut`.

        The paper does not say how samples lose bits; here, as truncation in a program does, the lowest bits are
        dropped and the others repeated behind them ("floor").
        """
        return cls.of_bits(bits_after_cut(percent), expansion)

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

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """Softmax over the levels by squared distance times ``k`` (*map*, eq. 10); memory linear in pixels.

        Distances are counted in levels, as the paper's ``r - i + 0.5`` is, so that one ``k`` is as sharp for 256
        levels as for 2. Where the borders are not half way (floor, shift), the nearest level is not the stored one:
        there, a sigmoid at each border takes the place of the softmax, as steep as the softmax is between two levels.
        """
        check_picture(x)
        sharpness = per_picture(k, x, 3)
        planes = []
        for channel, nearest in enumerate(self._nearest):
            levels, inner = self.levels[channel].to(x), self.inner[channel].to(x)
            step = (levels[-1] - levels[0]) / (len(levels) - 1)
            values = x[:, channel].flatten(1)[..., None]
            if nearest:
                mean = soft_nearest(values / step, (levels / step)[None, :, None], sharpness) * step
            else:
                mean = soft_steps(values, levels, inner, 2 * sharpness / step)
            planes.append(mean.reshape(len(x), *x.shape[-2:]))
        return torch.stack(planes, dim=1)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.quantize(x) + (x - x.detach())

    def cells(self, y: Tensor) -> BoxCells:
        """The interval of each stored sample, that of the level nearest to it."""
        check_picture(y, "y")
        if y.numel() < GRID and y.device not in self._tables:
            return self._searched_cells(y)
        low, high = self._lookup(y.device)
        codes = (y.clamp(0, 1) * GRID).round_().to(torch.int32)
        codes += torch.arange(3, dtype=torch.int32, device=y.device)[:, None, None] * (GRID + 1)
        flat = codes.flatten()
        return BoxCells(y, low.index_select(0, flat).view_as(y), high.index_select(0, flat).view_as(y))

    def _searched_cells(self, y: Tensor) -> BoxCells:
        """The same by binary search: quicker than making the tables for one small picture."""
        low, high = [], []
        for channel, (levels, edges) in enumerate(zip(self.levels, self.edges, strict=True)):
            index = torch.bucketize(y[:, channel].contiguous(), ((levels[1:] + levels[:-1]) / 2).to(y))
            low.append(edges.to(y)[index])
            high.append(edges.to(y)[index + 1])
        return BoxCells(y, torch.stack(low, dim=1), torch.stack(high, dim=1))

    def _lookup(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Low and high edge for every 16-bit code of the three channels, one after the other."""
        if device not in self._tables:
            grid = torch.arange(GRID + 1) / GRID
            low, high = [], []
            for levels, edges in zip(self.levels, self.edges, strict=True):
                # Nearest level, not the interval that holds the value: a level may sit on the edge of its own cell.
                index = torch.bucketize(grid, (levels[1:] + levels[:-1]) / 2)
                low.append(edges[index])
                high.append(edges[index + 1])
            self._tables[device] = torch.cat(low).to(device), torch.cat(high).to(device)
        return self._tables[device]
