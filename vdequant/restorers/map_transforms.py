"""T of *map*: what the quantizer makes of a picture, softly, so that a search can follow its slope.

The parameters alpha of *map* are the columns of one tensor ``(N, A)``, each of any size: column 0 is the logarithm of
k, column 1 the logit of an unknown threshold delta. Differences are ``(N, C, H, W)`` with C = 3 for color and 1 for
gray, so that counting them gives the paper's N.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.threshold import GrayQuantizer, ThresholdQuantizer, gray
from vdequant.quantizers.unknown_threshold import UnknownThreshold

# Where k starts: soft enough that a wrong side still has a slope. Levels are counted in levels, colors in [0, 1].
SOFT_LEVELS, SOFT_THRESHOLD, SOFT_PALETTE = 4.0, 10.0, 40.0
K, DELTA = 0, 1  # columns of alpha


def sharpness(alpha: Tensor) -> Tensor:
    """k of each picture, ``(N,)``."""
    return alpha[:, K].exp()


def threshold(alpha: Tensor) -> Tensor:
    """The estimated delta of each picture, ``(N,)``, of :class:`SoftUnknown`."""
    return alpha[:, DELTA].sigmoid()


class Transform(Protocol):
    """How what is stored differs from what would be stored of a made picture."""

    def difference(self, stored: Tensor, x: Tensor, alpha: Tensor) -> Tensor:
        """``Y - T(X, alpha)``, differentiable in the last two.

        Args:
            stored: ``(N, 3, H, W)``; of :class:`Inside` ``(N, 9, H, W)``.
            x: made pictures ``(N, 3, H, W)``, which may leave [0, 1].
            alpha: ``(N, A)``.
        """
        ...

    def start(self, count: int) -> Tensor:
        """Parameters ``(count, A)`` to begin with; A may be 0."""
        ...


class Identity:
    """T(X) = X (*map*, eq. 11): the quantizer is left out, its error is taken for noise.

    A gray picture is compared with all three channels, as it is stored.
    """

    def difference(self, stored: Tensor, x: Tensor, alpha: Tensor) -> Tensor:
        """See :class:`Transform`."""
        return stored - x

    def start(self, count: int) -> Tensor:
        """See :class:`Transform`."""
        return torch.zeros(count, 0)


@dataclass(frozen=True)
class Soft:
    """The soft form of any quantizer, its sharpness k to be estimated (*map*, eq. 8 and 10).

    Attributes:
        quantizer: known.
        sharpness: k at the start.
        channels: how many of the three stored channels say something new.
    """

    quantizer: Quantizer
    sharpness: float
    channels: int = 3

    def difference(self, stored: Tensor, x: Tensor, alpha: Tensor) -> Tensor:
        """See :class:`Transform`."""
        soft = self.quantizer.soft(x, sharpness(alpha))
        return stored[:, : self.channels] - soft[:, : self.channels]

    def start(self, count: int) -> Tensor:
        """See :class:`Transform`."""
        return torch.full((count, 1), math.log(self.sharpness))


class SoftUnknown:
    """``1 / (1 + exp(-k (gray - delta)))`` with k and delta both to be estimated (*map*, section IV C)."""

    def difference(self, stored: Tensor, x: Tensor, alpha: Tensor) -> Tensor:
        """See :class:`Transform`."""
        k, delta = sharpness(alpha), threshold(alpha)
        white = torch.sigmoid(k[:, None, None] * (gray(x) - delta[:, None, None]))
        return stored[:, :1] - white[:, None]

    def start(self, count: int) -> Tensor:
        """See :class:`Transform`; delta starts at 0.5."""
        return torch.tensor([[math.log(SOFT_THRESHOLD), 0.0]]).repeat(count, 1)


class Inside:
    """For cells whose quantizer is not known: how far a picture is outside of its cells' reach is to be nothing.

    What is stored comes with the reach: ``(N, 9, H, W)`` of y, low and high.
    """

    def difference(self, stored: Tensor, x: Tensor, alpha: Tensor) -> Tensor:
        """See :class:`Transform`."""
        low, high = stored[:, 3:6], stored[:, 6:]
        return (low - x).clamp(min=0) - (x - high).clamp(min=0)

    def start(self, count: int) -> Tensor:
        """See :class:`Transform`."""
        return torch.zeros(count, 0)


def transform_of(quantizer: Quantizer) -> Transform:
    """The transform that suits a quantizer."""
    known: dict[type, Callable[[], Transform]] = {
        UnknownThreshold: SoftUnknown,
        ThresholdQuantizer: lambda: Soft(quantizer, SOFT_THRESHOLD, 1),
        GrayQuantizer: lambda: Soft(quantizer, SOFT_LEVELS, 1),
        PaletteQuantizer: lambda: Soft(quantizer, SOFT_PALETTE),
    }
    return known.get(type(quantizer), lambda: Soft(quantizer, SOFT_LEVELS))()
