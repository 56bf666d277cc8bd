"""cellnet: a small residual network at full resolution that is told each sample's cell and answers inside it.

    stored, low, high ──► features (15 planes) ──► conv ─► blocks ─► conv ─► tanh ──► center + reach * tanh
                                                    ▲
                          picture facts (dithered, lossy, palette) as a bias

One network serves every quantizer because it sees cells instead of a bit depth. Stride 1 everywhere: measured 1 to
2 dB better than pixel-unshuffle at equal cost, and what exact reuse of shifted content needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURES = 15
FACTS = 3
STEP_LIMIT = 3.0  # differences between neighbours, in cells, are clipped here: beyond, an edge is just an edge
SMALLEST = 2.0**-11  # floor of the reach inside the logarithm: half of the step of a 10-bit sample


@dataclass(frozen=True)
class CellnetSpec:
    """Size of a cellnet.

    Attributes:
        channels: feature channels of every hidden layer.
        dilations: one entry a residual block: the dilation of its two 3x3 convolutions.
    """

    channels: int
    dilations: tuple[int, ...]

    @property
    def radius(self) -> int:
        """Receptive radius in pixels: first and last convolution, one pixel of differences, the blocks."""
        return 3 + 2 * sum(self.dilations)

    @property
    def macs(self) -> int:
        """Multiply-accumulates a pixel."""
        return 9 * self.channels * (FEATURES + 3 + 2 * self.channels * len(self.dilations))


SMALL = CellnetSpec(channels=16, dilations=(1, 1, 2, 1))
MEDIUM = CellnetSpec(channels=32, dilations=(1, 2))


def cell_features(stored: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """What the network sees of each pixel.

    Args:
        stored, low, high: ``(N, 3, H, W)`` float32 in [0, 1].

    Returns:
        ``(N, 15, H, W)``: the value (3), the logarithm of the reach down and up (6), and the differences to the
        right and lower neighbour in units of the cell (6), which make a step of one level look alike at any depth.
    """
    down, up = stored - low, high - stored
    inverse = (down + up).clamp(min=SMALLEST).reciprocal_()
    right = torch.zeros_like(stored)
    right[..., :, :-1] = stored[..., :, 1:] - stored[..., :, :-1]
    below = torch.zeros_like(stored)
    below[..., :-1, :] = stored[..., 1:, :] - stored[..., :-1, :]
    steps = torch.cat([right * inverse, below * inverse], dim=1).clamp_(-STEP_LIMIT, STEP_LIMIT)
    reach = torch.cat([down, up], dim=1).clamp_(min=SMALLEST).log2_().add_(5.0).mul_(0.25)
    return torch.cat([stored - 0.5, reach, steps], dim=1)


class Block(nn.Module):
    """x + conv(relu(conv(relu(x)))), both 3x3 with one dilation; the last convolution starts at zero."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out as in."""
        hidden: Tensor = self.first(torch.relu(x))
        answer: Tensor = x + self.second(hidden.relu_())
        return answer


class Cellnet(nn.Module):
    """See the module docstring.

    ``forward`` returns the bounded proposal in float32 whatever the dtype of the weights: bf16 cannot even hold
    8-bit pixels, so only the residual is computed in it.
    """

    def __init__(self, spec: CellnetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.head = nn.Conv2d(FEATURES, spec.channels, 3, padding=1)
        self.facts = nn.Linear(FACTS, spec.channels, bias=False)
        self.blocks = nn.ModuleList([Block(spec.channels, dilation) for dilation in spec.dilations])
        self.tail = nn.Conv2d(spec.channels, 3, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def residual(self, features: Tensor, facts: Tensor) -> Tensor:
        """The answer before tanh: ``(N, 3, H, W)`` from ``(N, 15, H, W)`` and ``(N, 3)`` or, shared, ``(1, 3)``."""
        offset: Tensor = self.facts(facts)
        if len(facts) == 1:
            # One bias for all pictures belongs into the convolution: a pass over the feature planes less.
            bias = offset[0] if self.head.bias is None else self.head.bias + offset[0]
            hidden = functional.conv2d(features, self.head.weight, bias, padding=1)
        else:
            hidden = self.head(features) + offset[:, :, None, None]
        for block in self.blocks:
            hidden = block(hidden)
        answer: Tensor = self.tail(torch.relu(hidden))
        return answer

    def forward(self, stored: Tensor, low: Tensor, high: Tensor, spread: Tensor, facts: Tensor) -> Tensor:
        """Propose the true picture.

        Args:
            stored, low, high: ``(N, 3, H, W)`` float32.
            spread: ``(N,)`` factor on the reach (see Cells.spread).
            facts: ``(N, 3)`` in {0, 1}, or ``(1, 3)`` for all pictures alike: dithered, lossy, palette.

        Returns:
            ``(N, 3, H, W)`` float32, within ``spread`` times the reach of each cell; not clamped to [0, 1].
        """
        dtype = self.head.weight.dtype
        # Narrow first: reordering half the bytes is nearly twice as fast.
        features = cell_features(stored, low, high).to(dtype).to(memory_format=torch.channels_last)
        share = torch.tanh(self.residual(features, facts.to(dtype)).float())
        half = (high - low) * (0.5 * spread[:, None, None, None])
        return (low + high).mul_(0.5).addcmul_(half, share)
