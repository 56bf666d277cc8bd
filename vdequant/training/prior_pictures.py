"""The pictures that a prior learns from: small ones as they are, crops and reductions of larger ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vdequant.errors import InputError
from vdequant.quantizers.threshold import GrayQuantizer, ThresholdQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.training.data import SUFFIXES, source_is_held, to_tensor

CLEAR_SHARE = 0.4  # of what the encoder is shown; the rest is quantized, so that it learns to guess from that as well
GRAY_SHARE = 0.35  # of the quantized pictures are gray
MOST_HELD = 128  # pictures that a score is taken over


@dataclass(frozen=True)
class PriorBatch:
    """What one step of a prior's training is given.

    ``truth`` and ``shown`` ``(N, 3, S, S)`` in [0, 1]: the picture, and what the encoder sees of it; ``noise``
    ``(N, latent)``, standard normal.
    """

    truth: Tensor
    shown: Tensor
    noise: Tensor

    def to(self, device: torch.device) -> PriorBatch:
        """The same on ``device``."""
        return PriorBatch(self.truth.to(device), self.shown.to(device), self.noise.to(device))


@dataclass(frozen=True)
class PriorPictures:
    """Pictures of any size from ``side`` on, ``(H, W, 3)`` uint8, for training and held back; see :func:`read`."""

    train: list[np.ndarray]
    held: list[np.ndarray]
    side: int


def read(folders: list[Path], side: int) -> PriorPictures:
    """All pictures of the folders, at any depth; one source in 25 is held back.

    Raises:
        InputError: when a folder holds no picture of at least ``side`` x ``side``.
    """
    train: list[np.ndarray] = []
    held: list[np.ndarray] = []
    for folder in folders:
        before = len(train) + len(held)
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            if min(pixels.shape[:2]) >= side:
                (held if source_is_held(str(path)) else train).append(pixels)
        if len(train) + len(held) == before:
            raise InputError(f"expected pictures of at least {side}x{side} in {folder}, found none; give --data DIR")
    if not train:
        raise InputError(f"expected pictures to learn from in {', '.join(map(str, folders))}; all are held back")
    return PriorPictures(train, held, side)


def cutout(pixels: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A random ``(side, side, 3)`` part of a picture, which is reduced 1 to as many times as it has room for."""
    height, width = pixels.shape[:2]
    room = min(height, width) // side
    taken = side * int(rng.choice([factor for factor in (1, 2, 4) if factor <= room]))
    row, column = int(rng.integers(height - taken + 1)), int(rng.integers(width - taken + 1))
    part = pixels[row : row + taken, column : column + taken]
    return part if taken == side else cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)


def coarse(truth: Tensor, rng: np.random.Generator) -> Tensor:
    """One picture ``(3, S, S)`` as *map* quantizes them: 2 to 5 levels of color or gray, or black and white."""
    levels = int(rng.integers(2, 6))
    if rng.random() >= GRAY_SHARE:
        return UniformQuantizer.of_levels(levels).quantize(truth[None])[0]
    if levels > 3:
        return GrayQuantizer(levels).quantize(truth[None])[0]
    return ThresholdQuantizer(float(rng.uniform(0.3, 0.7))).quantize(truth[None])[0]


class PriorSampler:
    """Batches by number, always the same ones for the same seed; mirrored at random.

    Args:
        pictures: to cut from.
        latent: length of the noise.
        seed: of all batches.
    """

    def __init__(self, pictures: PriorPictures, latent: int, seed: int) -> None:
        self.pictures, self.latent, self.seed = pictures, latent, seed

    def _one(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        pixels = self.pictures.train[int(rng.integers(len(self.pictures.train)))]
        truth = to_tensor(cutout(pixels, self.pictures.side, rng))
        truth = truth.flip(-1) if rng.random() < 0.5 else truth
        return truth, truth if rng.random() < CLEAR_SHARE else coarse(truth, rng)

    def batch(self, count: int, number: int) -> PriorBatch:
        """``count`` pictures."""
        rng = np.random.default_rng((self.seed, number))
        pairs = [self._one(rng) for _ in range(count)]
        noise = torch.from_numpy(rng.standard_normal((count, self.latent), dtype=np.float32))
        return PriorBatch(torch.stack([pair[0] for pair in pairs]), torch.stack([pair[1] for pair in pairs]), noise)

    def held_back(self) -> PriorBatch:
        """Held-back pictures, shown as they are; the mean of the encoder is to be taken, so the noise is 0."""
        rng = np.random.default_rng(self.seed)
        held = self.pictures.held[:: -(-len(self.pictures.held) // MOST_HELD)]
        truth = torch.stack([to_tensor(cutout(pixels, self.pictures.side, rng)) for pixels in held])
        return PriorBatch(truth, truth, torch.zeros(len(truth), self.latent))
