"""What a diffusion model learns from: pictures, noise, and the seven planes of a quantized or repainted picture.

    three of four crops   the tile in 4..128 colors (median cut, powers of two); texture everywhere or nowhere
    one of four           the tile itself, with patches in their mean color; texture inside them or not

It is the training of Vavilala et al., section 3: *Conditioning image dequantizer* and *Color-conditioned inpainting*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vdequant.models.conditioning import FINEST, PLANES, planes_of, texture_of
from vdequant.models.diffusion import TRAINED_STEPS
from vdequant.training.data import SIDE, to_tensor

POWERS = range(2, 8)  # 4..128 colors
REPAINTED = 0.25  # share of the crops that have patches
TEXTURED = 0.5  # share of the crops, or of the patches, that have texture
CROPS = 4  # of each tile that is quantized, which costs as much as learning from one of them
PATCH = (0.15, 0.6)  # sides of a patch, as shares of the crop's


@dataclass(frozen=True)
class DiffusionBatch:
    """``truth`` and ``noise`` ``(N, 3, S, S)``, truth in [-1, 1]; ``planes`` ``(N, 7, S, S)``; ``step`` ``(N,)``."""

    truth: Tensor
    planes: Tensor
    noise: Tensor
    step: Tensor

    def to(self, device: torch.device) -> DiffusionBatch:
        """The same on ``device``."""
        return DiffusionBatch(*(getattr(self, field.name).to(device) for field in fields(self)))


def median_cut(tile: np.ndarray, colors: int) -> np.ndarray:
    """A tile ``(H, W, 3)`` uint8 in so many colors, by Pillow's median cut, without dither."""
    coarse = Image.fromarray(tile).quantize(colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return np.asarray(coarse.convert("RGB"))


def random_patch(rng: np.random.Generator, side: int) -> np.ndarray:
    """A mask ``(side, side)`` of bool: a rectangle or an ellipse at any place and angle, with at least a pixel."""
    mask = np.zeros((side, side), np.uint8)
    center = tuple(float(value) for value in rng.uniform(0.2, 0.8, 2) * side)
    sizes = tuple(float(value) for value in rng.uniform(*PATCH, 2) * side)
    turned = (center, sizes, float(rng.uniform(0, 180)))
    if rng.random() < 0.5:
        cv2.ellipse(mask, turned, 1, -1)
    else:
        cv2.fillPoly(mask, [cv2.boxPoints(turned).astype(np.int32)], 1)
    mask[side // 2, side // 2] |= np.uint8(not mask.any())
    return mask.astype(bool)


def _repainted(truth: Tensor, texture: Tensor, rng: np.random.Generator) -> Tensor:
    """The planes of a picture with a patch in its mean color, which has texture or none."""
    patch = torch.from_numpy(random_patch(rng, truth.shape[-1]))[None, None]
    share = patch.float()
    mean = (truth * share).sum(dim=(2, 3), keepdim=True) / share.sum()
    colors = torch.where(patch, mean, truth)
    fineness = torch.where(patch, 1 / FINEST, 1.0)
    known = None if rng.random() < TEXTURED else 1 - share
    return planes_of(colors, fineness, texture, known)


class DiffusionPairs:
    """Cuts batches; each has generators of its own, made from seed and number, so that a resumed run sees the same.

    Args:
        tiles: ``(256, 256, 3)`` uint8, fine.
        kind: of texture, "L", "G" or "T"; None for pictures alone, with planes of zeros.
        side: of a crop.
        seed: of everything random.
    """

    def __init__(self, tiles: Sequence[np.ndarray], kind: str | None, side: int, seed: int) -> None:
        self.tiles, self.kind, self.side, self.seed = tiles, kind, side, seed

    def _turned(self, rng: np.random.Generator) -> np.ndarray:
        """A tile, mirrored and turned at random."""
        tile = self.tiles[int(rng.integers(len(self.tiles)))]
        turned = np.rot90(tile, int(rng.integers(4)))
        return np.ascontiguousarray(turned[:, ::-1] if rng.random() < 0.5 else turned)

    def _planes(self, kind: str, truth: Tensor, coarse: Tensor, fineness: float, rng: np.random.Generator) -> Tensor:
        texture = texture_of(truth, kind)
        if rng.random() < REPAINTED:
            return _repainted(truth, texture, rng)
        return planes_of(coarse, torch.tensor(fineness), texture if rng.random() < TEXTURED else None)

    def _crops(self, rng: np.random.Generator, count: int) -> list[tuple[Tensor, Tensor]]:
        """Pictures in [0, 1] and planes of a tile."""
        tile = self._turned(rng)
        colors = 1 << int(rng.choice(POWERS))
        fine = to_tensor(tile)[None]
        coarse = fine if self.kind is None else to_tensor(median_cut(tile, colors))[None]
        found = []
        for _ in range(count):
            top, left = (int(place) for place in rng.integers(0, SIDE - self.side + 1, 2))
            view = (..., slice(top, top + self.side), slice(left, left + self.side))
            truth = fine[view]
            if self.kind is None:
                planes = truth.new_zeros(1, PLANES, self.side, self.side)
            else:
                planes = self._planes(self.kind, truth, coarse[view], colors / FINEST, rng)
            found.append((truth, planes))
        return found

    def batch(self, count: int, number: int) -> DiffusionBatch:
        """``count`` crops, always the same ones for the same seed and ``number``."""
        rng = np.random.default_rng((self.seed, number))
        chance = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
        crops: list[tuple[Tensor, Tensor]] = []
        while len(crops) < count:
            crops += self._crops(rng, min(CROPS, count - len(crops)))
        truth = torch.cat([fine for fine, _ in crops]) * 2 - 1
        return DiffusionBatch(
            truth,
            torch.cat([planes for _, planes in crops]),
            torch.randn(truth.shape, generator=chance),
            torch.randint(TRAINED_STEPS, (count,), generator=chance),
        )
