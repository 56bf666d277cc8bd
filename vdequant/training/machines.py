"""Crops in the fixed colors of a machine, dithered or not, as old games drew them; made anew for every batch.

Palettes cut from pictures are as fine as the picture needs; a machine's are coarse everywhere, and what a game showed
lies far from most of them.
"""

from __future__ import annotations

import numpy as np

from vdequant.quantizers.known_palettes import known_palettes
from vdequant.training.degrade import DITHERS, PATTERNS, PaletteRecord, diffused, nearest, patterned, reach_of

NAMED_SHARE = 0.4  # of the palettes are a machine's; the others are a few evenly spaced levels of each channel
LEVELS = (2, 6)  # of a channel
MOST_COLORS = 64  # more are nearly as fine as a palette cut from a picture
PLAIN_SHARE = 0.2  # is not dithered


def machine_colors(rng: np.random.Generator) -> np.ndarray:
    """``(K, 3)`` uint8, at most MOST_COLORS, sorted and distinct."""
    if rng.random() < NAMED_SHARE:
        tables = [table for _, table in sorted(known_palettes().items()) if len(table) <= MOST_COLORS]
        return tables[int(rng.integers(len(tables)))].astype(np.uint8)
    counts = rng.integers(LEVELS[0], LEVELS[1] + 1, 3)
    while counts.prod() > MOST_COLORS:
        counts[int(counts.argmax())] -= 1
    axes = [np.linspace(0, 255, int(count)).round().astype(np.uint8) for count in counts]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def machine_record(crop: np.ndarray, rng: np.random.Generator) -> PaletteRecord:
    """``crop`` (``(H, W, 3)`` uint8) in the colors of a machine, with any dither of DITHERS but mostly with one."""
    colors = machine_colors(rng)
    dithers = [name for name in DITHERS if name != "none"]
    weights = np.array([DITHERS[name] for name in dithers])
    dither = str(rng.choice(dithers, p=weights / weights.sum())) if rng.random() >= PLAIN_SHARE else "none"
    if dither in PATTERNS:
        index = patterned(crop, colors, PATTERNS[dither], rng)
    else:
        index = nearest(crop, colors) if dither == "none" else diffused(crop, colors)
    return PaletteRecord(index, colors, reach_of(colors), dither != "none", np.zeros(index.shape, bool))
