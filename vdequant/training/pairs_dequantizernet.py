"""Pictures and what JPEG leaves of them: crops for training by number, and a fixed held-back set.

As in section 3.1 of the DequantizerNet paper: small square pictures as the truth, the same compressed as the input.
The paper shrinks whole pictures to 96x96; here crops are cut at full and at reduced size, which gives both its dense
detail and the softer detail of large pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.training.data import SIDE, read_tiles, source_is_held
from vdequant.training.jpeg_pairs import jpeg_roundtrip, standard_tables

SHRUNK_SHARE = 0.5  # of the crops come from a tile made smaller
HELD = 24  # held-back pictures that are scored, of each quality

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True)
class Pairs:
    """``truth`` and ``stored`` ``(N, 3, S, S)`` float32 in [-1, 1], channels last."""

    truth: Tensor
    stored: Tensor

    def to(self, device: torch.device) -> Pairs:
        """The same on ``device``."""
        return Pairs(self.truth.to(device), self.stored.to(device))


@dataclass(frozen=True)
class Tiles:
    """Pictures of 256x256.

    Attributes:
        taught: those that are learned from.
        held: those of held-back sources.
    """

    taught: list[Pixels] = field(default_factory=list)
    held: list[Pixels] = field(default_factory=list)


def load_tiles(folders: Sequence[Path]) -> Tiles:
    """All tiles of the folders, split by their source; see :func:`~vdequant.training.data.source_is_held`.

    Raises:
        InputError: a folder has no picture of at least 256x256.
    """
    tiles, paths = read_tiles(list(folders))
    held = [source_is_held(path) for path in paths]
    taught = [tile for tile, out in zip(tiles, held, strict=True) if not out]
    return Tiles(taught or tiles, [tile for tile, out in zip(tiles, held, strict=True) if out])


def jpeg(picture: Pixels, quality: int) -> Pixels:
    """What is shown of ``picture`` after JPEG of that quality, 1..100, with OpenCV's default 4:2:0 chroma."""
    return jpeg_roundtrip(picture, standard_tables(quality), "420")


def signed(pictures: Sequence[Pixels]) -> Tensor:
    """uint8 pictures of one size as ``(N, 3, H, W)`` float32 in [-1, 1], channels last."""
    codes = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return (codes.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


class JpegSampler:
    """Cuts batches from tiles.

    Args:
        tiles: see :func:`load_tiles`.
        qualities: of JPEG, 1..100; each crop gets one of them at random.
        side: of a crop in pixels, at most 256.
        seed: of all choices.
    """

    def __init__(self, tiles: Tiles, qualities: Sequence[int], side: int, seed: int) -> None:
        self.tiles, self.qualities, self.side, self.seed = tiles, tuple(qualities), side, seed

    def _truth(self, rng: np.random.Generator) -> Pixels:
        tile = self.tiles.taught[int(rng.integers(len(self.tiles.taught)))]
        if rng.random() < SHRUNK_SHARE:
            small = int(rng.integers(max(self.side, SIDE // 3), SIDE + 1))
            tile = np.asarray(cv2.resize(tile, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
        row, column = rng.integers(0, tile.shape[0] - self.side + 1, 2)
        crop = tile[row : row + self.side, column : column + self.side]
        turned = np.rot90(crop, int(rng.integers(4)))
        return np.ascontiguousarray(turned[:, ::-1] if rng.random() < 0.5 else turned)

    def batch(self, count: int, number: int) -> Pairs:
        """``count`` pairs, always the same ones for the same seed and ``number``."""
        rng = np.random.default_rng((self.seed, number))
        truths = [self._truth(rng) for _ in range(count)]
        chosen = rng.choice(self.qualities, count)
        stored = [jpeg(truth, int(quality)) for truth, quality in zip(truths, chosen, strict=True)]
        return Pairs(signed(truths), signed(stored))


class HeldBack:
    """The middles of held-back tiles at every quality, to choose the best checkpoint by.

    Args:
        tiles, qualities, side: as of :class:`JpegSampler`.
    """

    def __init__(self, tiles: Tiles, qualities: Sequence[int], side: int) -> None:
        corner = (SIDE - side) // 2
        step = max(1, len(tiles.held) // HELD)
        chosen = tiles.held[::step][:HELD]
        middles = [tile[corner : corner + side, corner : corner + side] for tile in chosen]
        self.pairs: dict[int, Pairs] = {}
        for quality in sorted(set(qualities)) if middles else []:
            self.pairs[quality] = Pairs(signed(middles), signed([jpeg(middle, quality) for middle in middles]))

    @torch.no_grad()
    def score(self, net: torch.nn.Module) -> dict[str, float]:
        """Mean PSNR in dB of each quality, "q1" and so on, and "mean" over them; empty when nothing is held back."""
        device = next(net.parameters()).device
        scores = {}
        for quality, pairs in self.pairs.items():
            given = pairs.to(device)
            with torch.autocast(device.type, dtype=torch.bfloat16):
                answer = net(given.stored)
            scores[f"q{quality}"] = float(_psnr(answer.clamp(-1, 1), given.truth).mean())
        return {**scores, "mean": sum(scores.values()) / len(scores)} if scores else {}


def _psnr(answer: Tensor, truth: Tensor) -> Tensor:
    """``(N,)`` in dB; pictures in [-1, 1] have the peak 2. Equal pictures count as one code of error in 1000."""
    error = (answer - truth).square().mean(dim=(1, 2, 3)) / 4
    return -10 * torch.log10(error.clamp(min=1e-9))
