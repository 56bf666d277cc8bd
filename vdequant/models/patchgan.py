"""The PatchGAN discriminator of pix2pix (Isola et al. 2017): is each 70x70 patch of a pair real or made?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vdequant.models.pix2pix import LEAK, WIDEST, Norm, make_norm, start_weights


@dataclass(frozen=True)
class PatchSpec:
    """Size of a discriminator.

    Attributes:
        channels: of one picture; it sees two of them, source and target, one behind the other.
        width: channels of the first layer ("ndf").
        halvings: convolutions with stride 2; 3 make the published patch of 70x70 pixels.
        norm: behind every convolution but the first and the last.
    """

    channels: int
    width: int = 64
    halvings: int = 3
    norm: Norm = "batch"

    @property
    def patch(self) -> int:
        """Side in pixels of what one answer looks at."""
        side = 1 + 3 + 3  # the last two convolutions, 4x4 with stride 1
        for _ in range(self.halvings):
            side = 2 * side + 2
        return side


class PatchGan(nn.Module):
    """C64-C128-C256-C512 and one more convolution to one value a patch: the logit of "real"."""

    def __init__(self, spec: PatchSpec) -> None:
        super().__init__()
        self.spec = spec
        layers: list[nn.Module] = [nn.Conv2d(2 * spec.channels, spec.width, 4, 2, 1), nn.LeakyReLU(LEAK)]
        before = spec.width
        for number in range(1, spec.halvings + 1):
            after = spec.width * min(WIDEST, 1 << number)
            stride = 2 if number < spec.halvings else 1
            layers.append(nn.Conv2d(before, after, 4, stride, 1, bias=spec.norm != "batch"))
            layers += [make_norm(spec.norm, after), nn.LeakyReLU(LEAK)]
            before = after
        layers.append(nn.Conv2d(before, 1, 4, 1, 1))
        self.layers = nn.Sequential(*layers)
        start_weights(self, spec.norm)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Judge ``target`` as the translation of ``source``, both ``(N, channels, H, W)`` in [-1, 1], H, W >= 32.

        Returns:
            Logits ``(N, 1, h, w)`` float32, one a patch; the patches overlap.
        """
        pair = torch.cat([source, target], dim=1).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.layers(pair)
        return logits.float()
