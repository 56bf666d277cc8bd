"""Crops of which each channel was dithered to levels of its own, told half a step in both directions.

Palettes whose colors happen to lie on a lattice are another thing: their patterns mix two colors, while here every
channel has a mixture of its own, and black and white reach as far as the other levels (see ``mean_cells.half_steps``).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import torch

from vdequant.quantizers.dither import FINE, DitherQuantizer
from vdequant.quantizers.threshold import gray
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.training.degrade import PaletteRecord
from vdequant.training.screens import flat_record, written

KINDS = {
    "fs": 0.36, "atkinson": 0.07, "jarvis": 0.07, "bayer2": 0.06, "bayer4": 0.19, "bayer8": 0.13, "checkerboard": 0.12,
}  # fmt: skip
BITS_SHARE = 0.5  # have a depth for each channel, of one to four bits; the others the same count of levels
CENTERED_SHARE = 0.2  # have levels in the middle of equal cells, so that neither black nor white is one
GRAY_SHARE = 0.08  # are gray, as early portable screens were
TEXT_SHARE = 0.35
DRAWN_COLORS = (4, 32)  # of flat art


def random_levels(rng: np.random.Generator) -> UniformQuantizer:
    """2 to 16 levels a channel by bits, or 2 to FINE - 1, few of them more often."""
    centered = rng.random() < CENTERED_SHARE
    if rng.random() < BITS_SHARE:
        return UniformQuantizer.of_bits(rng.integers(1, 5, 3).tolist(), "center" if centered else "replicate")
    count = round(float(np.exp(rng.uniform(*np.log((2, FINE - 1))))))
    if centered:
        return UniformQuantizer.of_levels(count)
    return UniformQuantizer([np.linspace(0, 1, count).tolist()] * 3)


def _even_reach(levels: UniformQuantizer, colors: int) -> np.ndarray:
    """``(K, 7)`` float32, see :class:`PaletteRecord`: half a step for all colors."""
    half = np.array([float(channel[1] - channel[0]) / 2 for channel in levels.levels], np.float32)
    return np.tile(np.concatenate([half, half, half.min(keepdims=True)]), (colors, 1))


def ends_of(levels: UniformQuantizer) -> np.ndarray:
    """``(8, 3)`` uint8: black, white and what else has each channel at one of its ends."""
    ends = [[float(channel[0]), float(channel[-1])] for channel in levels.levels]
    return (np.array(list(product(*ends))) * 255).round().astype(np.uint8)


def level_record(crop: np.ndarray, rng: np.random.Generator) -> tuple[PaletteRecord, np.ndarray]:
    """``crop`` (``(H, W, 3)`` uint8) dithered to random levels, some with text; and the crop, which may be gray now."""
    levels, kind = random_levels(rng), str(rng.choice(list(KINDS), p=list(KINDS.values())))
    picture = torch.from_numpy(np.array(crop)).permute(2, 0, 1)[None].float() / 255
    if rng.random() < GRAY_SHARE:
        levels = UniformQuantizer([levels.levels[0].tolist()] * 3)
        picture = gray(picture)[:, None].expand_as(picture)
        crop = (picture[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    stored = DitherQuantizer(levels, kind).quantize(picture)[0].permute(1, 2, 0).numpy()
    codes = (stored * 255).round().astype(np.uint8).reshape(-1, 3)
    inks = ends_of(levels)
    colors, numbers = np.unique(np.concatenate([inks, codes]), axis=0, return_inverse=True)
    index = numbers.ravel()[len(inks) :].reshape(stored.shape[:2]).astype(np.uint16)
    record = PaletteRecord(index, colors, _even_reach(levels, len(colors)), True, np.zeros(index.shape, bool))
    text = rng.random() < TEXT_SHARE
    return (written(record, numbers.ravel()[: len(inks)], rng) if text else record), crop


def drawn_levels(rng: np.random.Generator) -> PaletteRecord:
    """A screen of flat art in a few colors of random levels, told as dithered although nothing is: its own truth."""
    levels = random_levels(rng)
    count = int(rng.integers(DRAWN_COLORS[0], DRAWN_COLORS[1] + 1))
    colors = np.stack([rng.choice(channel.numpy(), count) for channel in levels.levels], axis=1)
    record = flat_record(rng, np.unique((colors * 255).round().astype(np.uint8), axis=0))
    return replace(record, reach=_even_reach(levels, len(record.palette)), dithered=True)
