"""Generators of small pictures, the belief of *map*: from Gaussian numbers to a plausible picture.

    z ~ N(0, I) ─► 4x4 ─► 8x8 ─► 16x16 ─► 32x32 ─► 64x64 ─► picture        Generator
    picture ─► 64x64 ─► 32x32 ─► 16x16 ─► 8x8 ─► 4x4 ─► 4x4 kernel ─► numbers     Funnel: Encoder, Critic

The layers are those of *map*, section IV, after the progressive GAN of Karras et al. 2018. How many channels they have
is the spec's; the published size and the one that ships are the same code. How a generator was trained, as half of a
VAE or against a critic, makes no difference to those who use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2  # of the leaky ReLU for negative values, as in Karras et al.
FIRST = 4  # side of the first layer
WIDEST = 8.0  # the encoder's logarithm of the variance stays within this


@dataclass(frozen=True)
class PriorSpec:
    """Size of a generator and of what belongs to it.

    Attributes:
        latent: how many numbers describe a picture.
        channels: of each layer of the generator, from 4x4 up; each layer doubles the side.
    """

    latent: int
    channels: tuple[int, ...]

    @property
    def side(self) -> int:
        """Height and width of a picture."""
        return FIRST << (len(self.channels) - 1)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one picture."""
        total = self.latent * self.channels[0] * FIRST**2
        before = 0
        for number, width in enumerate(self.channels):
            total += 9 * width * (before + width) * (FIRST << number) ** 2
            before = width
        return total + 3 * before * self.side**2


PUBLISHED = PriorSpec(512, (512, 512, 512, 512, 256))  # 512 inputs as in *map*; the channels of Karras et al., table 2
SMALL = PriorSpec(256, (128, 96, 64, 32, 16))  # a step of the search in about a millisecond on one core


def conv(before: int, after: int, side: int = 3) -> nn.Conv2d:
    """A convolution that keeps the size, with the weights that suit a leaky ReLU."""
    layer = nn.Conv2d(before, after, side, padding=side // 2)
    nn.init.kaiming_normal_(layer.weight, SLOPE)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def leaky(x: Tensor) -> Tensor:
    """The nonlinear function of all layers."""
    return functional.leaky_relu(x, SLOPE)


class Generator(nn.Module):
    """G of *map*: five layers of two 3x3 convolutions, each followed by a leaky ReLU, with an enlargement in between.

    The first layer has one 4x4 kernel, over the input as a picture of one pixel, and one 3x3 kernel; a 1x1 kernel
    without a nonlinear function ends the last.
    """

    def __init__(self, spec: PriorSpec) -> None:
        super().__init__()
        self.spec = spec
        wide = spec.channels[0]
        self.first = nn.Linear(spec.latent, wide * FIRST**2)
        nn.init.kaiming_normal_(self.first.weight, SLOPE)
        nn.init.zeros_(self.first.bias)
        pairs = pairwise(spec.channels)
        wider = [nn.ModuleList([conv(a, b), conv(b, b)]) for a, b in pairs]
        # In the first layer the 4x4 kernel is one of the two.
        self.layers = nn.ModuleList([nn.ModuleList([conv(wide, wide)]), *wider])
        self.last = conv(spec.channels[-1], 3, 1)
        nn.init.normal_(self.last.weight, std=0.2 / spec.channels[-1] ** 0.5)  # gray at first, not noise

    def planes(self, z: Tensor, layers: int) -> Tensor:
        """What the first ``layers`` layers make of ``z``: ``(N, C, S, S)``."""
        x = leaky(self.first(z).view(len(z), -1, FIRST, FIRST))
        for number, convs in enumerate(self.layers[:layers]):
            x = functional.interpolate(x, scale_factor=2.0) if number else x
            for layer in convs:  # type: ignore[attr-defined]
                x = leaky(layer(x))
        return x

    def forward(self, z: Tensor) -> Tensor:
        """Pictures of ``z`` ``(N, latent)``: ``(N, 3, side, side)`` float32; a good one lies within [0, 1]."""
        x = self.planes(z.to(self.first.weight.dtype), len(self.layers))
        picture: Tensor = self.last(x).float() * 0.5 + 0.5
        return picture


class Funnel(nn.Module):
    """The other way round, as *map* describes its discriminator: six layers from a picture to numbers.

    A 1x1 kernel and two 3x3, then four times two 3x3, the size halved after each of the first four, then a 3x3 and a
    4x4 kernel; a leaky ReLU after all but the last.
    """

    def __init__(self, spec: PriorSpec, outputs: int) -> None:
        super().__init__()
        widths = spec.channels[::-1]
        self.first = conv(3, widths[0], 1)
        pairs = zip(widths, (*widths[1:], widths[-1]), strict=True)
        self.layers = nn.ModuleList([nn.ModuleList([conv(a, a), conv(a, b)]) for a, b in pairs])
        self.deep = conv(widths[-1], widths[-1])
        self.last = nn.Linear(widths[-1] * FIRST**2, outputs)  # a 4x4 kernel on a picture of 4x4

    def forward(self, x: Tensor) -> Tensor:
        """``(N, outputs)`` for pictures ``(N, 3, side, side)`` in [0, 1]."""
        return self.below(leaky(self.first(x * 2 - 1)), 0)

    def below(self, x: Tensor, start: int) -> Tensor:
        """The layers from ``start`` on."""
        count = len(self.layers)
        for number in range(start, count):
            for layer in self.layers[number]:  # type: ignore[attr-defined]
                x = leaky(layer(x))
            x = functional.avg_pool2d(x, 2) if number < count - 1 else x
        found: Tensor = self.last(leaky(self.deep(x)).flatten(1))
        return found


class Encoder(nn.Module):
    """The half of a VAE that guesses which input a picture comes from."""

    def __init__(self, spec: PriorSpec) -> None:
        super().__init__()
        self.body = Funnel(spec, 2 * spec.latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance, float32 ``(N, latent)`` each, for pictures in [0, 1]."""
        mean, spread = self.body(x.to(self.body.last.weight.dtype)).float().chunk(2, dim=1)
        return mean, WIDEST * torch.tanh(spread / WIDEST)


class Critic(nn.Module):
    """The discriminator of *map*: a funnel and a fully connected part; used in training, and by the method of Yeh."""

    def __init__(self, spec: PriorSpec) -> None:
        super().__init__()
        self.body = Funnel(spec, spec.channels[0])
        self.verdict = nn.Linear(spec.channels[0], 1)

    def forward(self, x: Tensor) -> Tensor:
        """The logit that each picture is real, float32 ``(N,)``."""
        found: Tensor = self.verdict(self.body(x.to(self.verdict.weight.dtype)))
        return found.float().flatten()
