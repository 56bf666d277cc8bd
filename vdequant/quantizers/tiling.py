"""Was a picture drawn from tiles? Consoles repeat 8x8 tiles; photographs and paintings do not.

A picture drawn with a palette lost nothing to it: its colors are what the artist chose, and there is no finer picture
behind it. A picture that was cut to a palette has one. Measured share of the structured 8x8 tiles that occur again in
the same picture: NES, Game Boy and SNES screens 0.76 to 0.93; photographs, paintings and painted games cut to 4 to 64
colors at most 0.38; an isometric game with repeated buildings 0.53.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

SIDE = 8
ENOUGH = 0.6  # share of repeated tiles from which a picture counts as drawn from tiles
FEWEST = 8  # structured tiles that a picture must have before it can say anything


def repetition(codes: np.ndarray) -> float:
    """Share of the structured 8x8 tiles of a picture that occur more than once, at the best phase of the grid.

    Args:
        codes: ``(H, W)`` integers that name the color of each pixel.

    Returns:
        0 to 1; 0 where there are too few tiles with more than one color.
    """
    best = 0.0
    for row in range(SIDE):
        for column in range(SIDE):
            best = max(best, _repetition_at(codes[row:, column:]))
            if best >= ENOUGH:
                return best
    return best


def _repetition_at(codes: np.ndarray) -> float:
    height, width = (size // SIDE * SIDE for size in codes.shape)
    if height == 0 or width == 0:
        return 0.0
    grid = codes[:height, :width].reshape(height // SIDE, SIDE, width // SIDE, SIDE)
    tiles = grid.transpose(0, 2, 1, 3).reshape(-1, SIDE * SIDE)
    structured = tiles[(tiles != tiles[:, :1]).any(axis=1)]
    if len(structured) < FEWEST:
        return 0.0
    # One number a tile: hashing rows is many times quicker than sorting them.
    weights = np.random.default_rng(1).integers(1, 1 << 62, SIDE * SIDE, dtype=np.int64)
    _, counts = np.unique((structured.astype(np.int64) * weights).sum(axis=1), return_counts=True)
    return float(counts[counts > 1].sum() / len(structured))


def drawn_from_tiles(pictures: Sequence[Tensor]) -> bool:
    """Whether most of the sampled pictures, ``(3, H, W)`` in [0, 1] at native size, repeat their tiles."""
    votes = []
    for picture in pictures:
        codes = (picture * 255).round().to("cpu").numpy().astype(np.int64)
        votes.append(repetition((codes[0] << 16) | (codes[1] << 8) | codes[2]) >= ENOUGH)
    return sum(votes) * 2 > len(votes)
