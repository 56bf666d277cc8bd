"""Are pictures that claim to be interlaced so, and is each of their fields a whole picture of a console's 240 rows?

Fields of different instants leave combs where something moved. A console draws every field from the same rows: where
nothing moves, both fields of a picture show the same, and each row lies there twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
TOOTH = 10.0  # codes of 255 by which a row differs from both its neighbors
AGREE = 0.3  # share of that by which these may differ from each other
COMBED = 0.002  # share of a picture's pixels that are teeth, from which on it is combed
BLOCK = 16  # pixels a side
TEXTURED = 3.0  # codes that rows of a block differ on average, at least, to tell anything
SAME = 0.35  # share of that by which both rows of a pair may differ to be one row
TWICE = 0.15  # share of textured blocks that show each row twice, at least, of a console's picture
RARELY = 0.25  # share of these, at most, in which pairs of other rows are the same, as edges by chance make them


def _teeth(luma: Rows, other: Rows) -> float:
    """Share of pixels that stick out between the rows above and below, in one direction; those agree.

    Only where ``other``, a picture next to it in time, is another: fine patterns look like combs, and stand still.
    """
    above, here, below = luma[:-2], luma[1:-1], luma[2:]
    out = np.minimum(np.abs(here - above), np.abs(here - below))
    changed = np.abs(luma - other) > TOOTH
    moves = changed[:-2] | changed[1:-1] | changed[2:]  # of a comb, every other row is what comes next
    sticks = moves & ((here - above) * (here - below) > 0) & (out > TOOTH) & (np.abs(above - below) < AGREE * out)
    alike = np.zeros_like(sticks)
    alike[1:] = sticks[:-1] & sticks[1:]  # a comb has more than one tooth: thin lines of a picture do not
    return float(alike.mean())


def is_combed(runs: Sequence[Sequence[Rows]]) -> bool:
    """Whether any picture ``(H, W)``, in codes of 255, of some runs of consecutive ones has combs."""
    return any(_teeth(luma, other) > COMBED for run in runs for luma, other in pairwise(run))


def _blocks(differences: Rows) -> Rows:
    """Means of blocks of pairs of rows."""
    tall, wide = (size // BLOCK for size in differences.shape)
    cut = differences[: tall * BLOCK, : wide * BLOCK].reshape(tall, BLOCK, wide, BLOCK)
    return np.asarray(cut.mean(axis=(1, 3)), np.float32)


def shows_rows_twice(runs: Sequence[Sequence[Rows]]) -> bool:
    """Whether rows 0 and 1, 2 and 3 ... are the same in many places, and rows 1 and 2 are not."""
    textured = twice = otherwise = 0
    for luma in (luma for run in runs for luma in run):
        even, odd = luma[0::2], luma[1::2]
        within, between = _blocks(np.abs(even - odd)[:-1]), _blocks(np.abs(odd[:-1] - even[1:]))
        tells = np.maximum(within, between) > TEXTURED
        textured += int(tells.sum())
        twice += int((tells & (within < SAME * between)).sum())
        otherwise += int((tells & (between < SAME * within)).sum())
    return 0 < TWICE * textured <= twice and otherwise <= RARELY * twice
