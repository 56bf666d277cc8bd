"""Progressive growing (Karras et al. 2018): a GAN that learns small pictures first, then doubles their side.

share of the run   0 ────── 1/9 ── 2/9 ────── 3/9 ── ...  1
side                  4      4→8      8        8→16        64
                          fades in
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vdequant.models.prior import Critic, Generator, leaky


def stage_of(done: float, layers: int) -> tuple[int, float]:
    """The newest layer at a share of the run, and how far it has faded in: 0 to 1.

    Each layer after the first is faded in for one part of ``2 * layers - 1``, and learns at full strength for one.
    """
    part = min(done, 1.0) * (2 * layers - 1)
    newest = min(layers - 1, int((part + 1) // 2))
    return newest, 1.0 if newest == 0 else min(1.0, max(0.0, part - (2 * newest - 1)))


class GrowingGenerator(nn.Module):
    """A generator and the 1x1 kernels that make pictures of its smaller layers, which only training needs."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator
        self.ends = nn.ModuleList([nn.Conv2d(width, 3, 1) for width in generator.spec.channels[:-1]])

    def _picture(self, planes: Tensor, layer: int) -> Tensor:
        end = self.generator.last if layer == len(self.ends) else self.ends[layer]
        made: Tensor = end(planes) * 0.5 + 0.5
        return made

    def forward(self, z: Tensor, newest: int, share: float) -> Tensor:
        """Pictures of side ``4 << newest``."""
        made = self._picture(self.generator.planes(z, newest + 1), newest)
        if share >= 1:
            return made
        before = self._picture(self.generator.planes(z, newest), newest - 1)
        return torch.lerp(functional.interpolate(before, scale_factor=2.0), made, share)


class GrowingCritic(nn.Module):
    """A critic and the 1x1 kernels that read smaller pictures."""

    def __init__(self, critic: Critic) -> None:
        super().__init__()
        self.critic = critic
        widths = critic.body.first.out_channels, *(convs[1].out_channels for convs in critic.body.layers[:-1])  # type: ignore[index]
        self.starts = nn.ModuleList([nn.Conv2d(3, width, 1) for width in widths[1:]])

    def _read(self, x: Tensor, layer: int) -> Tensor:
        start = self.critic.body.first if layer == 0 else self.starts[layer - 1]
        return leaky(start(x * 2 - 1))

    def forward(self, x: Tensor, newest: int, share: float) -> Tensor:
        """Logits ``(N,)`` of pictures of side ``4 << newest``."""
        body = self.critic.body
        layer = len(body.layers) - 1 - newest
        planes = self._read(x, layer)
        if share < 1:
            for conv in body.layers[layer]:  # type: ignore[attr-defined]
                planes = leaky(conv(planes))
            planes = functional.avg_pool2d(planes, 2)
            planes = torch.lerp(self._read(functional.avg_pool2d(x, 2), layer + 1), planes, share)
            layer += 1
        found: Tensor = self.critic.verdict(body.below(planes, layer))
        return found.float().flatten()
