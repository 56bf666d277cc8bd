"""Training pairs of Pix2Pix-FQ and its baseline: crops of tiles, and what the fine-to-coarse module leaves of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.disentangling import disentangle
from vdequant.training.data import SIDE, to_tensor

LEAST_CUT = 10  # percent of 24 bits
FINEST = 0.4  # share of the crops of the last batches that lose no more; see Pairs


@dataclass(frozen=True)
class Pair:
    """``source`` and ``target``, ``(N, C, S, S)`` float32 in [-1, 1]: coarse and fine, AB for 2 channels, else RGB."""

    source: Tensor
    target: Tensor

    def to(self, device: torch.device) -> Pair:
        """The same on ``device``."""
        return Pair(self.source.to(device), self.target.to(device))


def scaled(x: Tensor, channels: int) -> Tensor:
    """What the networks see of RGB pictures ``(N, 3, H, W)`` in [0, 1]: their colors, or all of them in [-1, 1]."""
    return disentangle(x)[1] if channels == 2 else x * 2 - 1


class Pairs:
    """Cuts batches; each crop loses 10 to 50 % of its bits, chosen at random (*pix2pix-fq*, section 4.1).

    The paper does not say how often each level is chosen. With all of 12 to 22 bits alike, colors that lost 10 % got
    worse, since the network, which sees no luma, took them for coarser ones; so these are chosen more often near the
    end, cut evenly, as that level is measured. (From the beginning on, all levels were learned less well.)

    Each batch has generators of its own, made from the seed and its number, so that a resumed run sees the same ones.

    Args:
        tiles: ``(256, 256, 3)`` uint8, fine.
        channels: 2 for colors, 3 for pictures.
        side: of a crop.
        seed: of everything random.
        fine_from: number of the batch from which on FINEST of the crops lose 10 % of their bits; None: never.
    """

    def __init__(
        self, tiles: Sequence[np.ndarray], channels: int, side: int, seed: int, fine_from: int | None = None
    ) -> None:
        self.tiles, self.channels, self.side, self.seed = tiles, channels, side, seed
        self.fine_from = fine_from

    def _crop(self, rng: np.random.Generator) -> Tensor:
        tile = self.tiles[int(rng.integers(len(self.tiles)))]
        top, left = (int(place) for place in rng.integers(0, SIDE - self.side + 1, 2))
        crop = tile[top : top + self.side, left : left + self.side]
        return to_tensor(crop[:, ::-1] if rng.random() < 0.5 else crop)

    @staticmethod
    def _coarse(fine: Tensor, depths: torch.Generator, late: bool) -> Tensor:
        finest = late and float(torch.rand((), generator=depths)) < FINEST
        quantizer = UniformQuantizer.of_cut(LEAST_CUT) if finest else UniformQuantizer.random_bits(depths, "floor")
        return quantizer.quantize(fine)

    def batch(self, count: int, number: int) -> Pair:
        """``count`` pairs, always the same ones for the same seed and ``number``; every other crop is mirrored."""
        rng = np.random.default_rng((self.seed, number))
        depths = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
        fine = torch.stack([self._crop(rng) for _ in range(count)])
        late = self.fine_from is not None and number >= self.fine_from
        coarse = torch.cat([self._coarse(x[None], depths, late) for x in fine])
        return Pair(scaled(coarse, self.channels), scaled(fine, self.channels))
