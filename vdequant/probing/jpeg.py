"""JPEG's traces: the quality of a JPEG file from its own tables, and grid and quality of a decoded picture, blind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from torch import Tensor

BLOCK = 8
# ITU-T T.81 table K.1, luminance, in reading order.
LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=np.float64,
)
VISIBLE = 1.25  # step at the block borders over that elsewhere
MOST_BLOCKS = 4096
LOW = [(0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0)]  # coefficients that are looked at
CERTAIN = 0.45  # mean cosine of coefficients against multiples of the table's steps
FEWEST = 200  # coefficients beyond their first step that must tell

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Jpeg:
    """What is known of a JPEG past.

    Attributes:
        quality: of the Independent JPEG Group's scale, 0 when it cannot be told.
        offset: of the 8x8 grid, across and down.
        sampling: chroma as "4:2:0" and such, "" when unknown.
        blind: found in the samples and not in the file.
    """

    quality: int
    offset: tuple[int, int] = (0, 0)
    sampling: str = ""
    blind: bool = False


def table(quality: int) -> Array:
    """The IJG's luminance table of a quality from 1 to 100."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((LUMINANCE * scale + 50) // 100, 1, 255)


def of_file(path: str) -> Jpeg | None:
    """Quality and chroma of a JPEG file, from its header; None when it is none."""
    try:
        with Image.open(path) as picture:
            if not isinstance(picture, JpegImagePlugin.JpegImageFile):
                return None
            steps = np.array(picture.quantization[0], np.float64)
            sampling = JpegImagePlugin.get_sampling(picture)
    except (OSError, ValueError, SyntaxError, KeyError):
        return None
    # Sums, because PIL's versions differ in whether they give a table in zigzag or in reading order.
    misses = [abs(table(quality).sum() - steps.sum()) for quality in range(1, 101)]
    chroma = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}.get(sampling, "")
    return Jpeg(int(np.argmin(misses)) + 1, sampling=chroma)


def _phase(steps: Array) -> int:
    """The phase of block borders along one axis, -1 when none stands out."""
    if len(steps) < 4 * BLOCK:
        return -1
    means = np.array([steps[phase::BLOCK].mean() for phase in range(BLOCK)])
    best = int(means.argmax())
    others = np.delete(means, best)
    return (best + 1) % BLOCK if means[best] > VISIBLE * others.max() else -1


def _bends(luma: Array) -> Array:
    """``(H, W - 3)`` how much more a step is than its neighbors: smooth shades do not count."""
    steps = np.diff(luma, axis=1)
    return np.maximum(np.abs(steps[:, 1:-1]) - np.abs(steps[:, :-2] + steps[:, 2:]) / 2, 0)


def blind(lumas: Sequence[Tensor]) -> Jpeg | None:
    """Grid and quality of pictures ``(H, W)`` in 8-bit codes that were once a JPEG; None when no grid shows."""
    arrays = [luma.numpy().astype(np.float64) for luma in lumas]
    across = np.mean([_bends(luma).mean(axis=0) for luma in arrays], axis=0)
    down = np.mean([_bends(luma.T).mean(axis=0) for luma in arrays], axis=0)
    left, top = _phase(across), _phase(down)
    if left < 0 or top < 0:
        return None
    left, top = (left + 1) % BLOCK, (top + 1) % BLOCK  # the first bend lies between the second and third sample
    return Jpeg(_quality(arrays[len(arrays) // 2], left, top), (left, top), blind=True)


def _quality(luma: Array, left: int, top: int) -> int:
    """The quality whose steps the coefficients are multiples of; 0 when none fits."""
    part = luma[top:, left:]
    height, width = (size // BLOCK * BLOCK for size in part.shape)
    grid = part[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(0, 2, 1, 3)
    blocks = grid.reshape(-1, BLOCK, BLOCK)
    blocks = blocks[:: -(-len(blocks) // MOST_BLOCKS)]
    coefficients: Array = np.stack([np.asarray(cv2.dct(block - 128), np.float64) for block in blocks])
    scores = {quality: _fit(coefficients, table(quality)) for quality in range(5, 96)}
    best = max(scores, key=lambda quality: scores[quality])
    return best if scores[best] > CERTAIN else 0


def _fit(coefficients: Array, steps: Array) -> float:
    """Mean cosine of the phase between multiples of the steps, over coefficients that are not quantized to zero."""
    total, count = 0.0, 0
    for row, column in LOW:
        values, step = coefficients[:, row, column], steps[row, column]
        told = values[np.abs(values) > step / 2]
        total += float(np.cos(2 * np.pi * told / step).sum())
        count += len(told)
    # Steps of one or two codes drown in the rounding of the samples.
    return total / count if count >= FEWEST and steps[0, 1] >= 3 else 0.0
