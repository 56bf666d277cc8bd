"""Pairs of pictures before and behind a video codec, made once, and batches of crops from them.

Chroma sits beside luma in one way only, and luma is not a mean of the channels: crops are flipped up and down, nothing
else. Colors vary before the codec instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from vdequant.media.codec_clips import codec_roundtrip, random_encoding
from vdequant.quantizers.telling import CODEC_SPREAD, told_of_video
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.video import FROM_LUMA, TO_LUMA, changed
from vdequant.training.data import SIDE, Batch, gradient, to_tensor
from vdequant.training.jpeg_pairs import toned
from vdequant.training.screens import flat_record

WINDOW = 208  # side of a pair: what is left of a tile when the picture moves over it
MOST_FRAMES = 4  # of a clip, of which one is kept: later ones are predicted from earlier ones
MOST_STEP = 5  # pixels that the picture moves a frame
STILL_SHARE = 0.4  # of the clips do not move
SCREEN_SHARE, GRADIENT_SHARE = 0.1, 0.06  # of the pairs are made-up pixel art, or synthetic gradients
DRAWN_SHARE = 0.2  # are pictures in few colors, which are the truth
FEWEST, MOST = 6, 96  # of these colors
COARSE_SHARE, NOISY_SHARE = 0.12, 0.08  # were quantized before the codec, or had noise added
MOST_NOISE = 3.0  # codes, its standard deviation
GRAINY_SHARE = 0.12  # have grain in the truth, to be kept: tiles are cleaner than what is filmed
MOST_GRAIN, FINEST, COARSEST = 5.0, 0.4, 1.2  # codes, and its size in pixels
TONED_SHARE = 0.35
FACTS = (0.0, 1.0, 0.0)
# Of crops of pictures in many colors, color lies beside luma by up to so many pixels, before the codec and behind it:
# lenses and scanners do that, and a network that never saw it lost a decibel on good encodes of Kodak's photographs.
BESIDE_SHARE, BESIDE = 0.35, 0.8
PHOTO_COLORS = 4096  # of a pair's truth, from which on it is no drawing


@dataclass(frozen=True)
class CodecPair:
    """``truth`` and ``stored``, ``(WINDOW, WINDOW, 3)`` uint8."""

    truth: np.ndarray
    stored: np.ndarray

    @cached_property
    def is_photo(self) -> bool:
        """Whether it has many colors."""
        return len(np.unique(self.truth.reshape(-1, 3).astype(np.int32) @ (1 << 16, 1 << 8, 1))) > PHOTO_COLORS


def _in_few_colors(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    colors = round(float(np.exp(rng.uniform(*np.log((FEWEST, MOST))))))
    dither = Image.Dither.FLOYDSTEINBERG if rng.random() < 0.2 else Image.Dither.NONE
    image = Image.fromarray(picture)
    palette = image.quantize(colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return np.asarray(image.quantize(palette=palette, dither=dither).convert("RGB"))


def _with_grain(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With the same grain in all channels, finer or coarser."""
    grain = cv2.GaussianBlur(rng.normal(size=picture.shape[:2]), (0, 0), rng.uniform(FINEST, COARSEST))
    grain *= rng.uniform(0.5, MOST_GRAIN) / grain.std()
    return np.asarray(np.rint(picture + grain[..., None]).clip(0, 255), np.uint8)


def _truth(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What is filmed or drawn, ``(256, 256, 3)`` uint8."""
    kind = rng.random()
    if kind < SCREEN_SHARE:
        record = flat_record(rng)
        return np.ascontiguousarray(record.palette[record.index])
    if kind < SCREEN_SHARE + GRADIENT_SHARE:
        return gradient(rng, SIDE)
    picture = toned(tile, rng) if rng.random() < TONED_SHARE else tile
    if rng.random() < DRAWN_SHARE:
        return _in_few_colors(np.ascontiguousarray(picture), rng)
    return _with_grain(picture, rng) if rng.random() < GRAINY_SHARE else picture


def _given(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the encoder is given in place of ``truth``: as it is, in few levels, or with noise."""
    kind = rng.random()
    if kind < COARSE_SHARE:
        quantizer = UniformQuantizer.of_bits([int(rng.integers(4, 7))] * 3, "replicate")
        stored = quantizer.quantize(to_tensor(truth)[None])[0]
        return (stored * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    if kind < COARSE_SHARE + NOISY_SHARE:
        noise = rng.normal(0, rng.uniform(0.3, MOST_NOISE), truth.shape)
        return np.asarray(np.rint(truth + noise).clip(0, 255), np.uint8)
    return truth


def codec_pair(tile: np.ndarray, rng: np.random.Generator) -> CodecPair:
    """Film a ``tile`` ``(256, 256, 3)`` uint8 with a camera that may move, and take one frame of the clip."""
    truth = _truth(tile, rng)
    given = _given(truth, rng)
    frames = int(rng.integers(1, MOST_FRAMES + 1))
    step = np.zeros(2, int) if rng.random() < STILL_SHARE else rng.integers(-MOST_STEP, MOST_STEP + 1, 2)
    least, most = np.maximum(0, -(frames - 1) * step), SIDE - WINDOW - np.maximum(0, (frames - 1) * step)
    first = np.array([rng.integers(low, high + 1) for low, high in zip(least, most, strict=True)])
    corners = [first + number * step for number in range(frames)]
    views = [np.ascontiguousarray(given[row : row + WINDOW, column : column + WINDOW]) for row, column in corners]
    decoded = codec_roundtrip(views, random_encoding(rng))
    kept = min(int(rng.integers(frames)), len(decoded) - 1)
    row, column = corners[kept]
    return CodecPair(np.ascontiguousarray(truth[row : row + WINDOW, column : column + WINDOW]), decoded[kept])


def with_color_beside(planes: Tensor, across: float, down: float) -> Tensor:
    """Pictures ``(N, 3, H, W)`` whose color lies so many pixels to the right of luma and below it; edges repeat."""
    height, width = planes.shape[-2:]
    parted = changed(TO_LUMA, planes)
    rows = (torch.arange(height) - down) * 2 / (height - 1) - 1
    columns = (torch.arange(width) - across) * 2 / (width - 1) - 1
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1).expand(len(planes), -1, -1, -1)
    moved = functional.grid_sample(parted[:, 1:], grid, mode="bicubic", padding_mode="border", align_corners=True)
    return changed(FROM_LUMA, torch.cat([parted[:, :1], moved], dim=1)).clamp_(0, 1)


def _planes(crop: np.ndarray, side: int, row: int, column: int) -> Tensor:
    return to_tensor(crop[row : row + side, column : column + side])


class CodecSampler:
    """Cuts batches from pairs; batch ``number`` is always the same.

    Args:
        pairs: to cut from.
        seed: of all batches.
        side: of a crop, up to WINDOW.
    """

    def __init__(self, pairs: list[CodecPair], seed: int, side: int) -> None:
        if not 0 < side <= WINDOW:
            raise ValueError(f"expected a side of 1 to {WINDOW}, got {side}")
        self.pairs, self.seed, self.side = pairs, seed, side

    def batch(self, count: int, number: int) -> Batch:
        """``count`` crops."""
        rng = np.random.default_rng((self.seed, number))
        found = []
        for _ in range(count):
            pair = self.pairs[int(rng.integers(len(self.pairs)))]
            row, column = (int(place) for place in rng.integers(0, WINDOW - self.side + 1, 2))
            both = torch.stack([_planes(part, self.side, row, column) for part in (pair.truth, pair.stored)])
            if pair.is_photo and rng.random() < BESIDE_SHARE:
                both = with_color_beside(both, *rng.uniform(-BESIDE, BESIDE, 2))
            found.append((both.flip(-2) if rng.random() < 0.5 else both).flatten(0, 1))
        planes = torch.stack(found)
        return batch_of(planes[:, :3].contiguous(), planes[:, 3:].contiguous())


def batch_of(truth: Tensor, stored: Tensor) -> Batch:
    """Pairs ``(N, 3, H, W)`` with what a network is told behind a codec, see ``telling.told_of_video``."""
    spread, facts = torch.full((len(stored),), CODEC_SPREAD), torch.tensor([FACTS]).repeat(len(stored), 1)
    return Batch(truth, stored, *told_of_video(stored), spread, facts)
