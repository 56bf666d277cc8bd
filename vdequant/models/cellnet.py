"""cellnet: a small residual network at full resolution that is told each sample's cell and answers inside it.

    stored, low, high ──► features (16 planes) ──► conv ─► blocks ─► conv ─► tanh ──► center + reach * tanh ─┐
                               │                    ▲  ▲                  └──► gate ─► stored ◄── or ──► proposal
                               │        picture facts  │  (dithered, lossy, palette) as a bias
                               └─► mean of 8x8 ─► convs ─► smooth guess, enlarged     (only with a context branch)

The gate is the network's own confidence that a pixel stands for more than its stored value: near 0 on text, outlines
and flat art, which stay as they are, near 1 on shades. One network serves every quantizer because it sees cells
instead of a bit depth. Stride 1 everywhere: measured 1 to 2 dB better than pixel-unshuffle at equal cost, and what
exact reuse of shifted content needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURES = 16
FACTS = 3
STRIDE = 8  # of the context branch
GUESSES = 6  # planes that it adds to the features: a smooth guess of R, G, B in cells, and three more of its choice
STEP_LIMIT = 6.0  # differences between neighbours, in cells, are clipped here: beyond, an edge is just an edge
OPEN = 4.0  # added to the gate's logit, so that an untrained network's gate is open
GUESS_LIMIT = 3.0  # the same for the context's guess
SMALLEST = 2.0**-11  # floor of the reach inside the logarithm: half of the step of a 10-bit sample


@dataclass(frozen=True)
class CellnetSpec:
    """Size of a cellnet.

    Attributes:
        channels: feature channels of every hidden layer.
        dilations: one entry a residual block: the dilation of its two 3x3 convolutions.
        context: channels of the branch at 1/8 resolution that sees wide bands; 0 for none.
        evened: of dithered cells it is told means of their reaches; networks of before were told each color's own.
        video: it learned what video codecs leave: behind one, it is told cells of one size and finds out by itself.
    """

    channels: int
    dilations: tuple[int, ...]
    context: int = 0
    evened: bool = True
    video: bool = False

    @property
    def radius(self) -> int:
        """Receptive radius in pixels: first and last convolution, one pixel of differences, the blocks, the context.

        The context's four convolutions, its mean and its enlargement reach one of its own pixels each.
        """
        return 3 + 2 * sum(self.dilations) + (6 * STRIDE if self.context else 0)

    @property
    def align(self) -> int:
        """Tiles must begin at multiples of this, so that the means are taken over the same pixels."""
        return STRIDE if self.context else 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates a pixel."""
        inputs = FEATURES + (GUESSES if self.context else 0)
        branch = 9 * self.context * (FEATURES + 2 * self.context + GUESSES) // STRIDE**2
        return 9 * self.channels * (inputs + 4 + 2 * self.channels * len(self.dilations)) + branch


SMALL = CellnetSpec(channels=16, dilations=(1, 1, 2, 1))
MEDIUM = CellnetSpec(channels=32, dilations=(1, 2, 1, 1), context=32)
LARGE = CellnetSpec(channels=64, dilations=(1, 2, 1, 1, 2, 1), context=64)


def cell_features(stored: Tensor, low: Tensor, high: Tensor, room: Tensor) -> Tensor:
    """What the network sees of each pixel.

    Args:
        stored, low, high: ``(N, 3, H, W)`` float32 in [0, 1].
        room: ``(N, 1, H, W)``, the distance to the nearest border of the cell. A palette's cells are no boxes: of the
            size of the errors behind it this explains what the reach along the axes leaves open.

    Returns:
        ``(N, 16, H, W)``: the value (3), the logarithm of the reach down and up (6), the differences to the right
        and lower neighbour in units of the cell (6), which make a step of one level look alike at any depth, and the
        logarithm of the room (1).
    """
    down, up = stored - low, high - stored
    inverse = (down + up).clamp(min=SMALLEST).reciprocal_()
    right = torch.zeros_like(stored)
    right[..., :, :-1] = stored[..., :, 1:] - stored[..., :, :-1]
    below = torch.zeros_like(stored)
    below[..., :-1, :] = stored[..., 1:, :] - stored[..., :-1, :]
    steps = torch.cat([right * inverse, below * inverse], dim=1).clamp_(-STEP_LIMIT, STEP_LIMIT)
    reach = torch.cat([down, up], dim=1).clamp_(min=SMALLEST).log2_().add_(5.0).mul_(0.25)
    space = room.clamp(min=SMALLEST).log2_().add_(5.0).mul_(0.25)
    return torch.cat([stored - 0.5, reach, steps, space], dim=1)


def proposed(answer: Tensor, stored: Tensor, low: Tensor, high: Tensor, spread: Tensor) -> Tensor:
    """What a network's answer ``(N, 4, H, W)`` says: where in the cell, and whether at all.

    The other arguments, and the result, are those of :meth:`Cellnet.forward`.
    """
    answer = answer.float().contiguous()  # mixed orders of colors and places are several times slower
    share, gate = torch.tanh(answer[:, :3]), torch.sigmoid(answer[:, 3:] + OPEN)
    half = (high - low) * (0.5 * spread[:, None, None, None])
    proposal = (low + high).mul_(0.5).addcmul_(half, share)
    return torch.lerp(stored, proposal, gate)


class Context(nn.Module):
    """Sees wide bands: the features' means over 8x8 pixels, four convolutions, and a smooth guess enlarged again."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(FEATURES, channels, 3, padding=1),
                nn.Conv2d(channels, channels, 3, padding=1),
                nn.Conv2d(channels, channels, 3, padding=1),
            ]
        )
        self.last = nn.Conv2d(channels, GUESSES, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, stored: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """``(N, 6, H, W)`` float32: how far the smooth guess is from the stored value, in cells, and three planes."""
        height, width = stored.shape[-2:]
        means = functional.avg_pool2d(features, STRIDE, ceil_mode=True, count_include_pad=False)
        cell = functional.avg_pool2d(high - low, STRIDE, ceil_mode=True, count_include_pad=False)
        hidden = means.to(self.last.weight.dtype)
        for conv in self.convs:
            hidden = torch.relu(conv(hidden))
        answer = self.last(hidden).float()
        guess = torch.cat([means[:, :3] + answer[:, :3] * cell, answer[:, 3:]], dim=1)
        large = functional.interpolate(guess, scale_factor=STRIDE, mode="bilinear", align_corners=False)
        large = large[..., :height, :width]
        inverse = (high - low).clamp(min=SMALLEST).reciprocal_()
        offset = (large[:, :3] - (stored - 0.5)).mul_(inverse)
        return torch.cat([offset, large[:, 3:]], dim=1).clamp_(-GUESS_LIMIT, GUESS_LIMIT)


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
        self.context = Context(spec.context) if spec.context else None
        self.head = nn.Conv2d(FEATURES + (GUESSES if spec.context else 0), spec.channels, 3, padding=1)
        self.facts = nn.Linear(FACTS, spec.channels, bias=False)
        self.blocks = nn.ModuleList([Block(spec.channels, dilation) for dilation in spec.dilations])
        self.tail = nn.Conv2d(spec.channels, 4, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def residual(self, features: Tensor, facts: Tensor) -> Tensor:
        """The answer before tanh and sigmoid, ``(N, 4, H, W)``.

        Args:
            features: all feature planes.
            facts: ``(N, 3)`` or, shared, ``(1, 3)``.
        """
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

    def forward(self, stored: Tensor, low: Tensor, high: Tensor, room: Tensor, spread: Tensor, facts: Tensor) -> Tensor:
        """Propose the true picture.

        Args:
            stored, low, high: ``(N, 3, H, W)`` float32.
            room: ``(N, 1, H, W)`` float32, see :func:`cell_features`.
            spread: ``(N,)`` factor on the reach (see Cells.spread).
            facts: ``(N, 3)`` in {0, 1}, or ``(1, 3)`` for all pictures alike: dithered, lossy, palette.

        Returns:
            ``(N, 3, H, W)`` float32, within ``spread`` times the reach of each cell; not clamped to [0, 1].
        """
        dtype = self.head.weight.dtype
        features = cell_features(stored, low, high, room)
        if self.context is not None:
            features = torch.cat([features, self.context(features, stored, low, high)], dim=1)
        # Narrow first: reordering half the bytes is nearly twice as fast.
        features = features.to(dtype).to(memory_format=torch.channels_last)
        return proposed(self.residual(features, facts.to(dtype)), stored, low, high, spread)
