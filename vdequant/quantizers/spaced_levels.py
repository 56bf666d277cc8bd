"""Levels that no table knows: of a lattice whose picture went through a change of range, brightness or gamma.

Their codes are few and never next to each other, as those of fine color are. How unlikely that is tells them apart:
of the choices of k among n codes, those at least g apart are as many as choices of k among n - (k - 1)(g - 1).
"""

from __future__ import annotations

from math import lgamma, log

import numpy as np
from numpy.typing import NDArray

from vdequant.quantizers.census import Census

MOST_CODES = 64  # of a channel; more are 2 apart at the most where the range is not wider than 8 bits
# Decimal orders by which chance is beaten, over three channels. By the formula, 16, 32 and 64 levels in limited range
# have more than 30 where all of them occur; fine pictures, however dark, have none, as they have codes side by side.
EVIDENCE = 12.0


def _log_choose(n: int, k: int) -> float:
    return (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)) / log(10)


def spacing_evidence(codes: NDArray[np.int64]) -> float:
    """Decimal orders by which ascending 8-bit codes lie farther apart than chance explains; 0 for one alone."""
    if len(codes) < 2:
        return 0.0
    count, gap = len(codes), int(np.diff(codes).min())
    return _log_choose(256, count) - _log_choose(256 - (count - 1) * (gap - 1), count)


def spaced_levels(census: Census) -> list[list[float]] | None:
    """Levels of R, G and B in [0, 1], or None where chance explains their distances.

    They are those seen and one beyond each end, lest the cells of black at 16 or white at 235 go on to 0 and 255.
    """
    if not census.whole or any(not 2 <= len(codes) <= MOST_CODES for codes in census.codes):
        return None
    orders = [spacing_evidence(codes) for codes in census.codes]
    if (orders[0] if census.gray else sum(orders)) < EVIDENCE:
        return None
    return [(_with_next(codes) / 255).tolist() for codes in census.codes]


def _with_next(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    below, above = 2 * codes[0] - codes[1], 2 * codes[-1] - codes[-2]
    longer = np.concatenate([[below], codes, [above]])
    return longer[(longer >= 0) & (longer <= 255)]
