"""Was the picture dithered by error diffusion? A careful yes or no, for pictures of few colors.

Diffused pictures alternate irregularly between two colors even where nothing happens. Checkerboards and columns, which
are drawn on purpose, alternate regularly and are left out; textured pixel art alternates too, but is calm in places.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MOST_COLORS = 256  # a diffused picture of more colors looks like any other
LEAST_LONERS = 0.02  # share of irregular single pixels; diffusion gives 4 % and more, drawn columns and checkers none
BLOCK = 8
LARGEST = 640  # pixels a side that are looked at, from the middle
SMALLEST = 24  # pixels a side; below there are too few blocks to judge

# Logistic regression on 123 photographs, screens and drawings, cut by Pillow's median cut to 4..64 colors with
# Floyd-Steinberg (yes) and to 2..256 colors or 2..32 levels without (no), and 9 console and PC captures (no).
# Features in the order of `dither_score`.
WEIGHTS = (3.04, 4.93, -1.07, -0.95, 3.81, -9.14)
BIAS = 21.58
ENOUGH = 1.0  # log odds; 5 of 978 pictures without dither pass it, 9 in 10 with 4 to 16 colors do
# For each doubling of the colors beyond 16 it is less: their dither is fainter and their cells are smaller, so both its
# signs and what a wrong yes costs. Of 170 pictures without dither 2 to 3 % pass with 64 to 256 colors, of such as
# ffmpeg and Pillow dithered a third with 64 colors and clean, shaded drawings with 256.
LESS, FROM = 0.65, 4  # log odds for each, and the logarithm of the colors


# For single channels. Of 326 pictures of random levels, 1 to 5 bits and 2 to 32, without dither and of 112 frames of 9
# captures, one and none pass; of those with Floyd-Steinberg 91 in 100, with Jarvis's 49, with Atkinson's 3.
SURE = 0.5
MOST_PICTURES, PART = 3, 256  # of which channels are looked at, and pixels a side of them


def _irregular_loners(code: NDArray[np.int64]) -> float:
    """Share of pixels unlike all four neighbors, checkerboards and patterns of period 2 left out."""
    inner = code[2:-2, 2:-2]
    near = [code[1:-3, 2:-2], code[3:-1, 2:-2], code[2:-2, 1:-3], code[2:-2, 3:-1]]
    corners = [code[1:-3, 1:-3], code[1:-3, 3:-1], code[3:-1, 1:-3], code[3:-1, 3:-1]]
    second = [code[:-4, 2:-2], code[4:, 2:-2], code[2:-2, :-4], code[2:-2, 4:]]
    alone = np.logical_and.reduce([inner != other for other in near])
    checker = np.logical_and.reduce([inner == other for other in corners])
    period = np.logical_and.reduce([inner == other for other in second])
    return float((alone & ~checker & ~period).mean())


def _alternations(code: NDArray[np.int64]) -> tuple[float, float]:
    """Shares of "a b a" and of "a b a b" among the places in rows and columns where anything changes."""
    once = twice = changes = 0
    for lines in (code, code.T):
        a, b, c, d = lines[:, :-3], lines[:, 1:-2], lines[:, 2:-1], lines[:, 3:]
        returns = (a == c) & (a != b)
        changes += int(((a != b) | (b != c)).sum())
        once += int(returns.sum())
        twice += int((returns & (b == d)).sum())
    return once / max(changes, 1), twice / max(changes, 1)


def _calm_blocks(code: NDArray[np.int64]) -> float:
    """Lower quartile, over the blocks with any change, of the share of pixels unlike all four neighbors."""
    inner = code[1:-1, 1:-1]
    near = [code[:-2, 1:-1], code[2:, 1:-1], code[1:-1, :-2], code[1:-1, 2:]]
    alone = np.logical_and.reduce([inner != other for other in near])
    changed = inner != code[1:-1, 2:]
    rows, columns = (side // BLOCK * BLOCK for side in inner.shape)

    def means(flags: NDArray[np.bool_]) -> NDArray[np.float64]:
        tiled = flags[:rows, :columns].reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
        return np.asarray(tiled.mean(axis=(1, 3)).ravel())

    live = means(changed) > 0
    return float(np.quantile(means(alone)[live], 0.25)) if live.sum() >= 4 else 0.0


def _coarse_correlation(luma: NDArray[np.float32]) -> float:
    """Correlation of successive differences after averaging 2x2 pixels: diffusion's alternation is gone by then."""
    rows, columns = (side // 2 * 2 for side in luma.shape)
    coarse = luma[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    product = energy = 0.0
    for lines in (coarse, coarse.T):
        steps = np.diff(lines, axis=1)
        product += float((steps[:, 1:] * steps[:, :-1]).sum())
        energy += float((steps * steps).sum())
    return product / max(energy, 1e-9)


def dither_score(picture: Tensor) -> float:
    """How much more signs of error diffusion a ``(3, H, W)`` picture in [0, 1] has than are asked for, in log odds.

    -inf where diffusion is excluded.
    """
    if min(picture.shape[1:]) < SMALLEST:
        return -np.inf
    top, left = (max(0, (side - LARGEST) // 2) for side in picture.shape[1:])
    picture = picture[:, top : top + LARGEST, left : left + LARGEST]
    red, green, blue = (picture * 255).round().to(torch.int64).unbind(0)
    code = (red << 16 | green << 8 | blue).cpu().numpy()
    colors = len(np.unique(code))
    if not 2 <= colors <= MOST_COLORS:
        return -np.inf
    luma = (0.3 * red + 0.6 * green + 0.1 * blue).to(torch.float32).cpu().numpy()
    loners = _irregular_loners(code)
    if loners < LEAST_LONERS:
        return -np.inf
    once, twice = _alternations(code)
    features = (
        np.log(loners + 0.005),
        _coarse_correlation(luma),
        np.log2(colors),
        np.log(once + 0.01),
        np.log(twice + 0.01),
        _calm_blocks(code),
    )
    asked = ENOUGH - LESS * max(0.0, float(np.log2(colors)) - FROM)
    return float(np.dot(WEIGHTS, features) + BIAS) - asked


def is_dithered(pictures: list[Tensor]) -> bool:
    """Whether most of the pictures (native size, ``(3, H, W)`` in [0, 1]) are dithered by error diffusion."""
    scores = [dither_score(picture) for picture in pictures]
    return bool(np.median(scores) > 0) if scores else False


def levels_are_dithered(pictures: Sequence[Tensor]) -> bool:
    """The same of pictures of levels: whether their channels are dithered, each by itself.

    Three channels that alternate independently have so many colors together that they look like noise. Each of them
    looks like a dithered picture of few grays.
    """
    few = pictures[:: -(-len(pictures) // MOST_PICTURES)] if pictures else ()
    scores = [float(np.median([dither_score(plane.expand(3, -1, -1)) for plane in _part(x).split(1)])) for x in few]
    return bool(np.median(scores) > SURE) if scores else False


def _part(picture: Tensor) -> Tensor:
    """The middle of a picture."""
    top, left = (max(0, (side - PART) // 2) for side in picture.shape[1:])
    return picture[:, top : top + PART, left : left + PART]
