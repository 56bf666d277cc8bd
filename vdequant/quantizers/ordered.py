"""Was a picture dithered with a fixed pattern? Which one shows in the mean of each place within 8x8 pixels.

stored - local mean, averaged over all places (x mod 8, y mod 8)  ~  sign * (threshold of the pattern), shifted
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vdequant.quantizers.dither_orders import PLAYSTATION, bayer_ranks

SIDE = 8
ALIKE = 0.85  # correlation with a pattern from which it counts as found
SHADES = ("bayer2", "bayer4", "bayer8", "playstation")  # what machines draw; checkers and columns are drawn by hand
STRONG = 0.08  # share of the fine structure's variance that the pattern must explain
LEAST = 0.002  # the same of any pattern
# (ALIKE, STRONG) for patterns of many different places, which nothing else looks like: of 28 photographs, drawings and
# screens without them, 430 tiles and 9 captures none is as much as 0.3 alike; those that ffmpeg dithered (paletteuse,
# scales 2 and 3) are 0.9 in the median at any number of colors, though the pattern explains as little as 0.01.
LONG = {"bayer8": (0.6, LEAST), "bayer4": (ALIKE, 0.005)}
# Two colors under a pattern of Bayer are mostly its checkerboard, which is drawn by hand. What is beside it decides:
# correlation with the rest of a pattern, and share of the variance. Of 24 photographs and 14 screens at 1 bit, those
# taken for checkerboards have at least 0.67 and 0.0077 under Bayer's, at most 0.40 and 0.0003 under a checkerboard.
BESIDE_CHECKERS = (0.55, 0.003)

Array = NDArray[np.float64]


def _patterns() -> list[tuple[str, Array]]:
    """Names and ``(8, 8)`` thresholds; Bayer's both ways round: ffmpeg's is the transposed one of the textbooks."""
    tiles = {
        "checkerboard": np.array([[0.0, 1.0], [1.0, 0.0]]),
        "column": np.array([[0.0, 1.0], [0.0, 1.0]]),
        "row": np.array([[0.0, 0.0], [1.0, 1.0]]),
        "playstation": PLAYSTATION.numpy().astype(np.float64),
        **{f"bayer{side}": bayer_ranks(side).numpy().astype(np.float64) for side in (2, 4, 8)},
    }
    named = [*tiles.items(), *((name, tile.T) for name, tile in tiles.items() if name.startswith("bayer"))]
    return [(name, np.tile(tile, (SIDE // len(tile), SIDE // len(tile)))) for name, tile in named]


def _phase_means(luma: NDArray[np.float32]) -> tuple[Array, float]:
    """Mean of the fine structure at each place of 8x8, and its variance over the whole picture."""
    # A moving mean takes away shades, and leaves a pattern of that period whole.
    fine = luma - cv2.blur(luma, (SIDE, SIDE))
    height, width = (size // SIDE * SIDE for size in luma.shape)
    blocks = fine[:height, :width].reshape(height // SIDE, SIDE, width // SIDE, SIDE).astype(np.float64)
    return blocks.mean(axis=(0, 2)), float(blocks.var())


def ordered_dither(lumas: Sequence[NDArray[np.float32]]) -> str:
    """The name of the pattern in most of the pictures, or "".

    Args:
        lumas: ``(h, w)`` in 0..255, of native size.
    """
    votes = [_vote(luma) for luma in lumas if min(luma.shape) >= 4 * SIDE]
    found = [vote for vote in votes if vote]
    if 2 * len(found) <= len(votes):
        return ""
    return max(set(found), key=found.count)


def is_shaded(pictures: Sequence[Tensor]) -> bool:
    """Whether a machine dithered the pictures ``(3, h, w)`` in [0, 1], native size, to shade them."""
    lumas = []
    for red, green, blue in pictures:
        luma = 255 * (0.299 * red + 0.587 * green + 0.114 * blue)
        lumas.append(np.asarray(luma.cpu().numpy(), np.float32))
    return ordered_dither(lumas) in SHADES


def _vote(luma: NDArray[np.float32]) -> str:
    means, variance = _phase_means(luma)
    explained = float(means.var()) / variance if variance > 0 else 0.0
    if explained < LEAST:
        return ""
    score, best = max((_likeness(means, pattern), name) for name, pattern in _patterns())
    if best == "checkerboard" and len(np.unique(luma)) == 2 and (beside := _beside_checkers(means, variance)):
        return beside
    alike, strong = LONG.get(best, (ALIKE, STRONG))
    return best if score > alike and explained >= strong else ""


def _beside_checkers(means: Array, variance: float) -> str:
    """The machine's pattern of which a checkerboard is only the larger part, or ""."""
    alike, share = BESIDE_CHECKERS
    rest = _without_checkers(means)
    if float(rest.var()) < share * variance:
        return ""
    score, best = max((_likeness(rest, _without_checkers(each)), name) for name, each in _patterns() if name in SHADES)
    return best if score > alike else ""


def _without_checkers(means: Array) -> Array:
    """What a checkerboard leaves of ``(8, 8)`` means at each place."""
    checkers = np.indices(means.shape).sum(0) % 2 * 2.0 - 1
    centered = means - means.mean()
    rest: Array = centered - (centered * checkers).mean() * checkers
    return rest


def _likeness(means: Array, pattern: Array) -> float:
    """Largest absolute correlation over all shifts of the pattern."""
    a, b = means - means.mean(), pattern - pattern.mean()
    products = np.fft.ifft2(np.fft.fft2(a) * np.conj(np.fft.fft2(b))).real
    return float(np.abs(products).max() / np.sqrt((a**2).sum() * (b**2).sum()))
