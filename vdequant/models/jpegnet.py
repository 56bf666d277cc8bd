"""The network behind "dequantizernet+": a small U-Net that is told the JPEG's quantization tables and block grid.

    picture, tables ──► planes at half size ──► level 0 ───────── + ──► level 0 ──► conv ──► full size ──► + picture
                                                  └─► level 1 ─── + ─► level 1 ─┘
                                                        └─► level 2 ─┘     (half the size, more channels each)
    tables ──► MLP ──► a bias for each residual block

At half size a luma block is 4x4 and, with halved chroma, a chroma block 8x8; at the lowest level one value stands for
one luma block. Steps are given twice: tiled over the picture, so that each place knows its frequencies' steps and where
in the block it is, and as a vector. Zeros stand for "unknown": the same network then works blind.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

MULTIPLE = 16  # height and width; also the period of halved chroma
TABLE = 128  # steps of luma and chroma
PLANES = 12 + 8 + 4  # picture, steps, place in the block, all at half size
HIDDEN = 64
SIGNAL = 0.25  # about the deviation of pictures, so that planes start alike


@dataclass(frozen=True)
class JpegnetSpec:
    """Size of a jpegnet.

    Attributes:
        channels: feature channels of each level, finest first.
        blocks: residual blocks of each level, on the way down (and the same number on the way up but for the last).
    """

    channels: tuple[int, ...] = (96, 128, 128)
    blocks: tuple[int, ...] = (3, 2, 4)

    @property
    def radius(self) -> int:
        """Receptive radius in pixels, an upper bound."""
        reach = 2 * 2  # head and tail at half size
        for level, count in enumerate(self.blocks):
            ways = 1 if level == len(self.blocks) - 1 else 2
            reach += 2 ** (level + 1) * (2 * count * ways + 2)
        return reach

    @property
    def macs(self) -> int:
        """Multiply-accumulates a pixel."""
        total = 9 * self.channels[0] * (PLANES + 12) / 4
        for level, (width, count) in enumerate(zip(self.channels, self.blocks, strict=True)):
            ways = 1 if level == len(self.blocks) - 1 else 2
            total += 2 * 9 * width * width * count * ways / 4 ** (level + 1)
        for level, (fine, coarse) in enumerate(pairwise(self.channels)):
            total += 2 * 4 * fine * coarse / 4 ** (level + 2)
        return round(total)


SHIPPED = JpegnetSpec()


class Block(nn.Module):
    """x + conv(relu(conv(relu(x)) + bias of the tables)); the last convolution starts at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.told = nn.Linear(HIDDEN, channels, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, facts: Tensor) -> Tensor:
        """Same shape out as in; ``facts`` ``(N, HIDDEN)``."""
        hidden = self.first(torch.relu(x)) + self.told(facts)[:, :, None, None]
        answer: Tensor = x + self.second(torch.relu(hidden))
        return answer


class Level(nn.Module):
    """Blocks of one size."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(channels) for _ in range(count))

    def forward(self, x: Tensor, facts: Tensor) -> Tensor:
        """Same shape out as in; ``facts`` ``(N, HIDDEN)``."""
        for block in self.blocks:
            x = block(x, facts)
        return x


def step_planes(luma: Tensor, chroma: Tensor, across: int, down: int) -> Tensor:
    """The tables tiled over one period of the grid.

    Args:
        luma, chroma: steps, ``(N, 8, 8)``; all zero when unknown.
        across, down: how many pixels share a chroma sample.

    Returns:
        ``(N, 12, 8, 8)``: at half size the logarithm of luma's steps (4) and of chroma's (4), and the place in the
        16x16 pixels that chroma's grid repeats after (4); all zero when unknown.
    """
    known = (luma.amax((1, 2), keepdim=True) > 0).to(luma.dtype)
    luma, chroma = (known * (table.clamp(min=1).log2() / 4 - 1) for table in (luma, chroma))
    fine = luma.repeat(1, 2, 2)
    coarse = chroma.repeat_interleave(down, 1).repeat_interleave(across, 2)
    coarse = coarse.repeat(1, 2 // down, 2 // across)
    steps = functional.pixel_unshuffle(torch.stack([fine, coarse], dim=1), 2)
    ramp = (torch.arange(8, dtype=luma.dtype, device=luma.device) - 3.5) / 4
    short = (torch.arange(8, dtype=luma.dtype, device=luma.device) % 4 - 1.5) / 2
    place = [short[:, None].expand(8, 8), short[None].expand(8, 8), ramp[:, None].expand(8, 8), ramp[None].expand(8, 8)]
    return torch.cat([steps, torch.stack(place)[None] * known[..., None]], dim=1)


class Jpegnet(nn.Module):
    """See the module docstring; ``forward`` returns float32 whatever the dtype of the weights."""

    def __init__(self, spec: JpegnetSpec = SHIPPED) -> None:
        super().__init__()
        self.spec = spec
        widths, counts = spec.channels, spec.blocks
        self.facts = nn.Sequential(nn.Linear(TABLE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
        self.head = nn.Conv2d(PLANES, widths[0], 3, padding=1)
        self.down_levels = nn.ModuleList(Level(*pair) for pair in zip(widths, counts, strict=True))
        self.up_levels = nn.ModuleList(Level(*pair) for pair in zip(widths[:-1], counts, strict=False))
        pairs = list(pairwise(widths))
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in pairs)
        self.tail = nn.Conv2d(widths[0], 12, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def _inner(self, planes: Tensor, facts: Tensor) -> Tensor:
        """From the planes at half size to the twelve planes of the answer."""
        x = self.head(planes)
        passed: list[Tensor] = []
        last = len(self.shrink)
        for level, blocks in enumerate(self.down_levels):
            x = blocks(x, facts)
            if level < last:
                passed.append(x)
                x = self.shrink[level](x)
        for level in reversed(range(last)):
            x = self.enlarge[level](x) + passed[level]
            x = self.up_levels[level](x, facts)
        answer: Tensor = self.tail(torch.relu(x))
        return answer

    def forward(self, y: Tensor, luma: Tensor, chroma: Tensor, across: int = 2, down: int = 2) -> Tensor:
        """Propose what the picture was before JPEG.

        Args:
            y: ``(N, 3, H, W)`` float32 in [0, 1], height and width multiples of 16, the grid beginning at its corner.
            luma, chroma: ``(N, 8, 8)`` float32 quantization steps in natural order, all zero when unknown.
            across, down: how many pixels share a chroma sample.

        Returns:
            ``(N, 3, H, W)`` float32, not clamped.
        """
        dtype = self.head.weight.dtype
        height, width = y.shape[-2:]
        tiled = step_planes(luma, chroma, across, down).repeat(1, 1, height // 16, width // 16)
        picture = functional.pixel_unshuffle((y - 0.5) / SIGNAL, 2)
        planes = torch.cat([picture, tiled], dim=1).to(dtype).contiguous(memory_format=torch.channels_last)
        known = (luma.amax((1, 2)) > 0).to(y.dtype)[:, None]
        steps = torch.cat([luma.flatten(1), chroma.flatten(1)], dim=1).clamp(min=1).log2() / 4 - 1
        answer = self._inner(planes, self.facts((steps * known).to(dtype)))
        change = functional.pixel_shuffle(answer.float(), 2)
        return y + change * SIGNAL
