"""The U-Net generator of pix2pix (Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Nets").

    x ─► down 1/2 ─► down 1/4 ─► ... ─► bottleneck          each down: leaky ReLU, 4x4 convolution, stride 2, norm
          │            │                   │                each up: ReLU, 4x4 transposed convolution, norm, dropout
          └─► skip     └─► skip            ▼
    y ◄─ up 1/1 ◄─── up 1/2 ◄─── ... ◄─── up                the skip is concatenated before the next up

With two channels it maps the colors of a picture (Pix2Pix-FQ), with three the picture itself (its baseline).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["batch", "instance", "none"]

LEAK = 0.2
SPREAD = 0.02  # standard deviation of the first weights, as published
WIDEST = 8  # times the width: no layer has more channels
DEEP = 5  # downs that never have dropout on their way up; the published 8 leave three that have


@dataclass(frozen=True)
class UnetSpec:
    """Size of a U-Net.

    Attributes:
        channels: of input and output: 2 for AB, 3 for RGB.
        width: channels of the first layer ("ngf"); doubled by each down, up to eight times.
        downs: halvings; the published network for 256x256 has 8, down to one pixel.
        norm: behind every convolution but the first, the innermost and the last.
        dropout: share of the values dropped in the innermost ups while training.
        residual: the answer is a correction of up to this size, in units of the input, which goes from -1 to 1, and is
            added to the input. Published: 0, the answer is the picture itself.
    """

    channels: int
    width: int = 64
    downs: int = 8
    norm: Norm = "batch"
    dropout: float = 0.5
    residual: float = 0.0

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this."""
        return 1 << self.downs

    def planes(self, level: int) -> int:
        """Channels after ``level`` downs, from 1 on."""
        return self.width * min(WIDEST, 1 << (level - 1))

    @property
    def radius(self) -> int:
        """Receptive radius in pixels, by following the outermost pixels of one period in and out again.

        Output o of an up (kernel 4, stride 2, padding 1) sees inputs (o - 1) // 2 to (o + 1) // 2; output o of a down
        sees inputs 2 o - 1 to 2 o + 2.
        """
        farthest = 0
        for pixel in range(self.multiple):
            low = high = pixel
            for _ in range(self.downs):
                low, high = (low - 1) // 2, (high + 1) // 2
            for _ in range(self.downs):
                low, high = 2 * low - 1, 2 * high + 2
            farthest = max(farthest, pixel - low, high - pixel)
        return farthest


PUBLISHED = UnetSpec(channels=2)  # of Pix2Pix-FQ; the baseline's has 3 channels


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """A norm layer; "instance" and "none" do not depend on the rest of a batch even while training."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=True) if kind == "instance" else nn.Identity()


def start_weights(net: nn.Module, norm: Norm) -> None:
    """The published first weights: normal with 0.02, norms around 1, no biases.

    Without norms such weights would let the signal fade away from layer to layer: then they keep its size.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            if norm == "none":
                # Of a transposed convolution with stride 2 each output sees a quarter of the kernel.
                grown = 2.0 if isinstance(layer, nn.ConvTranspose2d) else 1.0
                fan = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
                nn.init.normal_(layer.weight, 0.0, grown * (2 / fan) ** 0.5)
            else:
                nn.init.normal_(layer.weight, 0.0, SPREAD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d | nn.InstanceNorm2d):
            nn.init.normal_(layer.weight, 1.0, SPREAD)
            nn.init.zeros_(layer.bias)


class Unet(nn.Module):
    """See the module docstring. Without training mode the answer has no chance in it and is each picture's own."""

    def __init__(self, spec: UnetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.downs = nn.ModuleList(self._down(level) for level in range(1, spec.downs + 1))
        self.ups = nn.ModuleList(self._up(level) for level in range(spec.downs, 0, -1))
        start_weights(self, spec.norm)
        if spec.residual:
            nn.init.zeros_(self.ups[-1][1].weight)  # type: ignore[index]

    def _down(self, level: int) -> nn.Sequential:
        spec = self.spec
        before = spec.channels if level == 1 else spec.planes(level - 1)
        bare = level in (1, spec.downs)
        conv = nn.Conv2d(before, spec.planes(level), 4, 2, 1, bias=spec.norm != "batch")
        first: list[nn.Module] = [] if level == 1 else [nn.LeakyReLU(LEAK)]
        return nn.Sequential(*first, conv, *([] if bare else [make_norm(spec.norm, spec.planes(level))]))

    def _up(self, level: int) -> nn.Sequential:
        spec = self.spec
        # All but the innermost get the skip beside what comes from below.
        before = spec.planes(level) * (1 if level == spec.downs else 2)
        if level == 1:
            return nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(before, spec.channels, 4, 2, 1))
        after = spec.planes(level - 1)
        conv = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=spec.norm != "batch")
        last = [nn.Dropout(spec.dropout)] if DEEP < level < spec.downs and spec.dropout else []
        return nn.Sequential(nn.ReLU(), conv, make_norm(spec.norm, after), *last)

    def forward(self, x: Tensor) -> Tensor:
        """Translate pictures.

        Args:
            x: ``(N, channels, H, W)`` float32 in [-1, 1]; H and W multiples of ``spec.multiple``.

        Returns:
            The same shape, float32 in [-1, 1], whatever the dtype of the weights.
        """
        hidden = x.to(self.ups[-1][1].weight.dtype).contiguous(memory_format=torch.channels_last)  # type: ignore[index]
        skips = []
        for down in self.downs:
            hidden = down(hidden)
            skips.append(hidden)
        hidden = self.ups[0](skips.pop())
        for up in list(self.ups)[1:]:
            hidden = up(torch.cat([skips.pop(), hidden], dim=1))
        answer = torch.tanh(hidden.float())
        return (x + self.spec.residual * answer).clamp(-1, 1) if self.spec.residual else answer
