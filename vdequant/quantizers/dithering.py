"""Was the picture dithered by error diffusion? A careful yes or no, for pictures of few colors.

Diffused pictures alternate irregularly between colors that lie next to each other, and in proportions that change
slowly. Checkerboards and columns, which are drawn on purpose, alternate regularly; textures of pixel art stay within
their tiles. See ``dither_finder`` for the network that tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from vdequant.quantizers.dither_finder import SMALLEST, evidence_of_diffusion

MOST_COLORS = 256  # a diffused picture of more colors looks like any other
PART = 256  # pixels a side that are looked at, from the middle
MOST_PICTURES = 3  # that are looked at, two where they agree
# Log odds of colors and of levels. Of frames of nine captures only those of art made of tiles pass. Of 32 pictures
# without dither, in 16, 64 and 256 colors, at most two pass, whose originals have dithered parts, and in levels none
# does; with Floyd and Steinberg's 81, 75 and 50 % of them do, and in levels of up to 3 bits all.
SURE, SURE_OF_LEVELS = 3.5, 2.8
# A screen's dark lines are everywhere, dither only in shades: share of the lit pixels whose neighbor across the lines
# is darker by a tenth and more, always on the same side.
LIT, DARKER, EVERYWHERE = 32.0, 0.1, 0.8


def has_dark_lines(gray: Tensor) -> bool:
    """Whether every second row of ``(H, W)``, 0..255, is darker wherever there is light, as scanlines are."""
    pairs = gray[: gray.shape[0] // 2 * 2].reshape(-1, 2, gray.shape[1])
    brighter = pairs.amax(1)
    lit = brighter > LIT
    steps = ((pairs[:, 0] - pairs[:, 1]) / brighter.clamp(min=1))[lit]
    sides = [float((side * steps > DARKER).float().mean()) for side in (1, -1)] if len(steps) else [0.0]
    return max(sides) > EVERYWHERE


def diffusion_odds(picture: Tensor) -> float:
    """Log odds that a ``(3, H, W)`` picture in [0, 1] was diffused; -inf where that is excluded."""
    if min(picture.shape[1:]) < SMALLEST:
        return -np.inf
    top, left = (max(0, (side - PART) // 2) for side in picture.shape[1:])
    codes = (picture[:, top : top + PART, left : left + PART] * 255).round().to("cpu", torch.int32)
    if has_dark_lines(codes.float().mean(0)):
        return -np.inf  # what a screen's lines make of flat color looks like a mixture
    colors = len(torch.unique(codes[0] << 16 | codes[1] << 8 | codes[2]))
    return evidence_of_diffusion(codes) if 2 <= colors <= MOST_COLORS else -np.inf


def _most(votes: Iterable[bool], count: int) -> bool:
    """Whether most of ``count`` votes are yes; no more of them are asked for than decide it."""
    yes = no = 0
    for vote in votes:
        yes, no = yes + vote, no + (not vote)
        if 2 * max(yes, no) > count:
            break
    return 2 * yes > count


def _some(pictures: Sequence[Tensor]) -> Sequence[Tensor]:
    return pictures[:: -(-len(pictures) // MOST_PICTURES)] if pictures else ()


def is_dithered(pictures: Sequence[Tensor]) -> bool:
    """Whether most of the pictures (native size, ``(3, H, W)`` in [0, 1]) are dithered by error diffusion."""
    some = _some(pictures)
    return _most((diffusion_odds(picture) > SURE for picture in some), len(some))


def levels_are_dithered(pictures: Sequence[Tensor]) -> bool:
    """The same of pictures of levels: whether most of their channels are dithered, each by itself.

    Three channels that alternate independently have so many colors together that they look like noise. Each of them
    looks like a dithered picture of few grays.
    """

    def most_channels(picture: Tensor) -> bool:
        return _most((diffusion_odds(plane.expand(3, -1, -1)) > SURE_OF_LEVELS for plane in picture), len(picture))

    some = _some(pictures)
    return _most((most_channels(picture) for picture in some), len(some))
