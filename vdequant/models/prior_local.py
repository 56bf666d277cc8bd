"""Generators whose numbers have places: a small map of Gaussian numbers becomes a picture, for pictures of anything.

    z ~ N(0, I) as (depth, 16, 16) ─► 16x16 ─► 32x32 ─► 64x64 picture           LocalGenerator
    picture ─► 32x32 ─► 16x16 ─► mean and spread of each number                 LocalEncoder

Faces have parts that are always there, so numbers for the whole picture describe them. Cutouts of photos, paintings and
games have not: there a number does better that describes its surroundings alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from vdequant.models.prior import WIDEST, conv, leaky

FOLD = 2  # so many by so many pixels are computed as one
COLORS = 3 * FOLD**2


@dataclass(frozen=True)
class LocalSpec:
    """Size of a local generator and of its encoder.

    Attributes:
        grid: side of the map of numbers.
        depth: numbers at each place.
        channels: of each layer of the generator, from the map up; each layer but the first doubles the side.
        blocks: residual blocks in each layer.
    """

    grid: int
    depth: int
    channels: tuple[int, ...]
    blocks: int

    @property
    def latent(self) -> int:
        """How many numbers describe a picture."""
        return self.depth * self.grid**2

    @property
    def side(self) -> int:
        """Height and width of a picture."""
        return self.grid * FOLD << (len(self.channels) - 1)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one picture."""
        total, place = 9 * self.depth * self.channels[0] * self.grid**2, self.grid**2
        for number, width in enumerate(self.channels):
            if number:
                total += 4 * self.channels[number - 1] * width * place
                place *= 4
            total += 2 * self.blocks * 9 * width**2 * place
        return total + 9 * self.channels[-1] * COLORS * place


LOCAL = LocalSpec(16, 8, (96, 64), 2)  # a step of the search in about three milliseconds on one core


class Residual(nn.Module):
    """Two 3x3 convolutions whose answer, small at first, is added to what they saw."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.after = conv(width, width), conv(width, width)
        self.after.weight.data *= 0.1

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        added: Tensor = x + self.after(leaky(self.before(leaky(x))))
        return added


def _layers(spec: LocalSpec) -> nn.ModuleList:
    return nn.ModuleList([nn.Sequential(*(Residual(width) for _ in range(spec.blocks))) for width in spec.channels])


class LocalGenerator(nn.Module):
    """G of *map* for pictures without a common plan."""

    def __init__(self, spec: LocalSpec) -> None:
        super().__init__()
        self.spec = spec
        self.first = conv(spec.depth, spec.channels[0])
        self.layers = _layers(spec)
        self.enlarging = nn.ModuleList([conv(a, 4 * b, 1) for a, b in pairwise(spec.channels)])
        self.last = conv(spec.channels[-1], COLORS)
        self.last.weight.data *= 0.1  # gray at first, not noise

    def forward(self, z: Tensor) -> Tensor:
        """Pictures of ``z`` ``(N, latent)``: ``(N, 3, side, side)`` float32; a good one lies within [0, 1]."""
        spec = self.spec
        placed = z.to(self.first.weight.dtype).view(-1, spec.depth, spec.grid, spec.grid)
        x = self.first(placed.contiguous(memory_format=torch.channels_last))
        for number, blocks in enumerate(self.layers):
            x = functional.pixel_shuffle(self.enlarging[number - 1](x), 2) if number else x
            x = blocks(x)
        return functional.pixel_shuffle(self.last(leaky(x)), FOLD).float() * 0.5 + 0.5


class LocalEncoder(nn.Module):
    """The half of a VAE that guesses which numbers a picture comes from."""

    def __init__(self, spec: LocalSpec) -> None:
        super().__init__()
        self.first = conv(COLORS, spec.channels[-1])
        self.layers = _layers(spec)
        self.reducing = nn.ModuleList([conv(4 * b, a, 1) for a, b in pairwise(spec.channels)])
        self.last = conv(spec.channels[0], 2 * spec.depth)
        self.last.weight.data *= 0.3

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance, float32 ``(N, latent)`` each, for pictures in [0, 1]."""
        x = self.first(functional.pixel_unshuffle(x.to(self.first.weight.dtype) * 2 - 1, FOLD))
        for number in reversed(range(len(self.layers))):
            x = self.layers[number](x)
            x = self.reducing[number - 1](functional.pixel_unshuffle(x, 2)) if number else x
        mean, spread = self.last(leaky(x)).float().chunk(2, dim=1)
        return mean.flatten(1), WIDEST * torch.tanh(spread.flatten(1) / WIDEST)
