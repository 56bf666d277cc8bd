"""DequantizerNet: an adversarially trained residual network that takes JPEG's artifacts out of pictures.

    x ──► conv 9x9 ─► PReLU ─┬─► R residual blocks ─► conv, norm ─ + ─► U sub-pixel blocks ─► conv 9x9 ─► tanh ─ (+) ─►
    │                        └─────────────────────────────────────┘                                           ▲
    └───────────────────────────────────────────────────────────── only with ``long_skip`` ────────────────────┘

Pictures are in [-1, 1] inside, since the answer is a hyperbolic tangent. M. Geleta and P. Martin Redondo,
"DequantizerNet: generative adversarial network for image quality restoration", section 3.2 and figures 8 to 11. What
the paper leaves open is as in SRGAN, which it starts from: 64 channels, 9x9 kernels at both ends, 3x3 elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Transfer = Literal["prelu", "relu", "leaky-relu", "gelu"]
Output = Literal["tanh", "identity"]
Norm = Literal["batch", "none"]

LEAK = 0.2  # slope of a leaky ReLU, the usual one of discriminators

TRANSFERS: dict[str, type[nn.Module]] = {
    "prelu": nn.PReLU,
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "gelu": nn.GELU,
}


@dataclass(frozen=True)
class GeneratorSpec:
    """Size and form of a generator; the defaults are the published ones.

    Attributes:
        channels: of every hidden layer.
        blocks: R, residual blocks; 5 and 10 in the paper.
        upsampling: U, sub-pixel blocks that double the size; 0 in all published experiments.
        ends: side of the first and the last kernel.
        norm: batch normalization behind the convolutions of the residual part, or none. Without it the network is
            better in PSNR and its answer depends on nothing but the picture.
        transfer: between layers.
        output: at the end.
        long_skip: the answer is added to the input, so that an untrained network changes nothing. Not in the paper;
            a few thousand steps are otherwise spent on learning to copy.
        shrink: the first convolution has stride 2**U, so that the answer has the size of the input.
    """

    channels: int = 64
    blocks: int = 5
    upsampling: int = 0
    ends: int = 9
    norm: Norm = "batch"
    transfer: Transfer = "prelu"
    output: Output = "tanh"
    long_skip: bool = False
    shrink: bool = False

    @property
    def step(self) -> int:
        """Height and width must be multiples of this; tiles begin at multiples of it."""
        return 1 << self.upsampling if self.shrink else 1

    @property
    def radius(self) -> int:
        """Receptive radius in pixels of the input, an upper bound."""
        inner = self.step * (2 * self.blocks + 1)
        enlarging = sum(max(1, self.step >> i) for i in range(self.upsampling))
        return 2 * (self.ends // 2) + inner + enlarging + 2 * (self.step - 1)

    @property
    def macs(self) -> int:
        """Multiply-accumulates a pixel of the input."""
        kernel, small = 9 * self.channels * self.channels, self.step * self.step
        inner = kernel * (2 * self.blocks + 1) / small
        enlarging = sum(4 * kernel * (1 << 2 * i) / small for i in range(self.upsampling))
        large = 1 if self.shrink else 1 << 2 * self.upsampling
        return round(inner + enlarging + 3 * self.channels * self.ends * self.ends * (1 / small + large))


@dataclass(frozen=True)
class DiscriminatorSpec:
    """Size of a discriminator.

    Attributes:
        widths: channels of each level of the pyramid; each halves height and width.
        transfer: between layers.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    transfer: Transfer = "leaky-relu"


def _transfer(name: str) -> nn.Module:
    return nn.LeakyReLU(LEAK) if name == "leaky-relu" else TRANSFERS[name]()


def _conv(before: int, after: int, side: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, side, stride=stride, padding=side // 2)


def _norm(kind: str, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.Identity()


class ResidualBlock(nn.Module):
    """x + norm(conv(transfer(norm(conv(x))))), figure 9; same shape out as in."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        self.first = _conv(spec.channels, spec.channels)
        self.first_norm = _norm(spec.norm, spec.channels)
        self.transfer = _transfer(spec.transfer)
        self.second = _conv(spec.channels, spec.channels)
        self.second_norm = _norm(spec.norm, spec.channels)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out as in."""
        hidden = self.transfer(self.first_norm(self.first(x)))
        answer: Tensor = x + self.second_norm(self.second(hidden))
        return answer


class UpsamplingBlock(nn.Module):
    """Twice the height and width: four times the channels, then depth to space (Shi et al. 2016), figure 8."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        self.conv = _conv(spec.channels, 4 * spec.channels)
        self.transfer = _transfer(spec.transfer)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, 2 * H, 2 * W)``."""
        answer: Tensor = self.transfer(functional.pixel_shuffle(self.conv(x), 2))
        return answer


class Generator(nn.Module):
    """See the module docstring; ``forward`` returns float32 whatever the dtype of the weights."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        self.spec = spec
        self.head = _conv(3, spec.channels, spec.ends, stride=spec.step)
        self.head_transfer = _transfer(spec.transfer)
        self.blocks = nn.Sequential(*(ResidualBlock(spec) for _ in range(spec.blocks)))
        self.middle = _conv(spec.channels, spec.channels)
        self.middle_norm = _norm(spec.norm, spec.channels)
        self.enlarge = nn.Sequential(*(UpsamplingBlock(spec) for _ in range(spec.upsampling)))
        self.tail = _conv(spec.channels, 3, spec.ends)
        if spec.long_skip:
            nn.init.zeros_(self.tail.weight)
            nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Restore pictures.

        Args:
            x: ``(N, 3, H, W)`` in [-1, 1]; height and width multiples of ``spec.step``.

        Returns:
            ``(N, 3, H, W)`` float32, with upsampling and without ``shrink`` 2**U times as high and wide; in [-1, 1]
            as published, unbounded with ``long_skip`` or the output "identity".
        """
        first = self.head_transfer(self.head(x.to(self.head.weight.dtype)))
        hidden = first + self.middle_norm(self.middle(self.blocks(first)))
        answer: Tensor = self.tail(self.enlarge(hidden)).float()
        if self.spec.output == "tanh":
            answer = answer.tanh()
        return answer + self._carried(x, answer) if self.spec.long_skip else answer

    def _carried(self, x: Tensor, answer: Tensor) -> Tensor:
        """What the long skip adds: the input, enlarged where the answer is larger."""
        if x.shape == answer.shape:
            return x.float()
        return functional.interpolate(x.float(), answer.shape[-2:], mode="bilinear", align_corners=False)


class Discriminator(nn.Module):
    """Convolutions and batch normalizations that shrink pictures to one number, figure 11; for training only."""

    def __init__(self, spec: DiscriminatorSpec) -> None:
        super().__init__()
        self.spec = spec
        layers: list[nn.Module] = []
        before = 3
        for width in spec.widths:
            for stride in (1, 2):
                layers += [_conv(before, width, stride=stride), nn.BatchNorm2d(width), _transfer(spec.transfer)]
                before = width
        self.pyramid = nn.Sequential(*layers)
        self.last = nn.Linear(before, 1)

    def logit(self, x: Tensor) -> Tensor:
        """``(N, 3, H, W)`` in [-1, 1] to ``(N,)``: what the sigmoid is taken of."""
        answer: Tensor = self.last(self.pyramid(x).mean(dim=(2, 3)))[:, 0]
        return answer.float()

    def forward(self, x: Tensor) -> Tensor:
        """``(N,)``: the probability that each picture is a true one."""
        return torch.sigmoid(self.logit(x))
