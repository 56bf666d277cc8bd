"""Crops in the fixed colors of a machine, dithered or not, as old games drew them; made anew for every batch.

Palettes cut from pictures are as fine as the picture needs; a machine's are coarse everywhere, and what a game showed
lies far from most of them.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.known_palettes import known_palettes
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.training.degrade import PATTERNS, PaletteRecord, level_colors, patterned, reach_of

NAMED_SHARE = 0.5  # of the palettes are a machine's; the others are a few evenly spaced levels of each channel
LEVELS = (2, 6)  # of a channel
MOST_COLORS = 64  # more are nearly as fine as a palette cut from a picture
DITHERS = {"none": 0.12, "error diffusion": 0.42, "ordered": 0.2, "listed": 0.13, "offset": 0.13}  # of the crops


def machine_colors(rng: np.random.Generator) -> np.ndarray:
    """``(K, 3)`` uint8, at most MOST_COLORS, sorted and distinct."""
    if rng.random() < NAMED_SHARE:
        tables = [table for _, table in sorted(known_palettes().items()) if len(table) <= MOST_COLORS]
        return tables[int(rng.integers(len(tables)))].astype(np.uint8)
    counts = rng.integers(LEVELS[0], LEVELS[1] + 1, 3)
    while counts.prod() > MOST_COLORS:
        counts[int(counts.argmax())] -= 1
    return level_colors(counts.tolist())


def _plain(picture: Tensor, quantizer: PaletteQuantizer, rng: np.random.Generator) -> Tensor:
    """The nearest colors."""
    return quantizer.quantize(picture)


def _diffused(picture: Tensor, quantizer: PaletteQuantizer, rng: np.random.Generator) -> Tensor:
    """Floyd and Steinberg's error diffusion."""
    return DitherQuantizer(quantizer, "fs").quantize(picture)


def machine_record(crop: np.ndarray, rng: np.random.Generator) -> PaletteRecord:
    """``crop`` (``(H, W, 3)`` uint8) in the colors of a machine, with one of DITHERS."""
    colors = machine_colors(rng)
    dither = str(rng.choice(list(DITHERS), p=list(DITHERS.values())))
    pattern = {"none": _plain, "error diffusion": _diffused, **PATTERNS}[dither]
    index = patterned(crop, colors, pattern, rng)
    return PaletteRecord(index, colors, reach_of(colors), dither != "none", np.zeros(index.shape, bool))
