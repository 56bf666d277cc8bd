"""The NES background: 16x16 blocks, each with one of four sub-palettes of three colors and a color that all share.

What a picture's four sub-palettes should be is a clustering problem; this solves it well, not perfectly: blocks are
assigned to the sub-palette that suits them, each sub-palette is chosen anew for its blocks, and so on (k-means with
sets of colors for means). Sprites, which have four sub-palettes more, are not modelled.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.quantizers.attributes import KNOWN, block_numbers, squared_distances
from vdequant.quantizers.rows import to_rows

Floats = NDArray[np.float64]

SUB_PALETTES = 4
COLORS = 3  # of a sub-palette, beside the shared one
ROUNDS = 10
SHARED_TRIED = 3  # most frequent colors tried as the shared one


@dataclass(frozen=True)
class NesRule:
    """See the module and :class:`~vdequant.quantizers.attributes.BlockRule`."""

    width: int = 16
    height: int = 16

    def partners(self, palette: Tensor) -> Tensor:
        """Any color may stand beside any other."""
        return torch.ones(len(palette), len(palette), dtype=torch.bool, device=palette.device)

    def choose(self, x: Tensor, palette: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.attributes.BlockRule`; each picture on its own."""
        height, width = -(-x.shape[2] // self.height), -(-x.shape[3] // self.width)
        costs = squared_distances(palette.double(), palette.double()).cpu().numpy()
        found = [self._choose_one(picture[None], palette, costs) for picture in x.detach()]
        return torch.from_numpy(np.stack(found)).view(len(x), height, width, -1).to(x.device)

    def _choose_one(self, x: Tensor, palette: Tensor, costs: Floats) -> NDArray[np.bool_]:
        rows, block = to_rows(x), block_numbers(x, self)
        nearest = torch.cat([squared_distances(part, palette).argmin(1) for part in torch.split(rows, 1 << 15)])
        colors = len(palette)
        flat = (block * colors + nearest).cpu().numpy()
        counts = np.bincount(flat, minlength=(int(block[-1]) + 1) * colors).reshape(-1, colors)
        if bool(((rows - palette[nearest]).abs() < KNOWN).all()):
            exact = fit_exactly(counts > 0)
            if exact is not None:
                return exact
        return cluster(counts.astype(np.float64), costs)


def _bits(row: NDArray[np.bool_]) -> int:
    return sum(1 << int(color) for color in np.flatnonzero(row))


def _place(sets: list[int], bins: list[int]) -> list[int] | None:
    """Put every set of colors into one of the sub-palettes without making one larger than COLORS."""
    if not sets:
        return bins
    tried = set()
    for place, held in enumerate(bins):
        union = held | sets[0]
        if held in tried or union.bit_count() > COLORS:
            continue
        tried.add(held)
        found = _place(sets[1:], [*bins[:place], union, *bins[place + 1 :]])
        if found is not None:
            return found
    return None


def fit_exactly(seen: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The colors of each block of a picture that obeys the rule already, ``(blocks, K)``; None when it does not."""
    blocks = [_bits(row) for row in seen]
    frequent = Counter(int(color) for row in seen for color in np.flatnonzero(row))
    if len(frequent) > SUB_PALETTES * COLORS + 1 or max(b.bit_count() for b in blocks) > COLORS + 1:
        return None
    for shared, _ in frequent.most_common():
        kinds = sorted({b & ~(1 << shared) for b in blocks}, key=int.bit_count, reverse=True)
        largest = [kind for i, kind in enumerate(kinds) if all(kind & ~other for other in kinds[:i])]
        if largest and largest[0].bit_count() > COLORS:
            continue
        bins = _place(largest, [0] * SUB_PALETTES)
        if bins is not None:
            return _masks(blocks, bins, shared, seen.shape[1])
    return None


def _masks(blocks: list[int], bins: list[int], shared: int, colors: int) -> NDArray[np.bool_]:
    full = [held | (1 << shared) for held in bins]
    chosen = [next(palette for palette in full if not block & ~palette) for block in blocks]
    return np.array([[bool(palette >> color & 1) for color in range(colors)] for palette in chosen])


def _best_colors(counts: Floats, costs: Floats, shared: int) -> NDArray[np.int64]:
    """COLORS colors beside the shared one for a histogram ``(K,)``, each the one that helps most."""
    error = costs[:, shared]
    picked = []
    for _ in range(COLORS):
        totals = np.minimum(error[:, None], costs).T @ counts
        picked.append(int(totals.argmin()))
        error = np.minimum(error, costs[:, picked[-1]])
    return np.array(picked)


def _errors(counts: Floats, costs: Floats, palettes: list[NDArray[np.int64]], shared: int) -> Floats:
    """Squared error of each block with each sub-palette, ``(blocks, sub-palettes)``."""
    per_color = [np.minimum(costs[:, shared], costs[:, palette].min(axis=1)) for palette in palettes]
    return np.asarray(counts @ np.stack(per_color, axis=1))


def _cluster_with(counts: Floats, costs: Floats, shared: int) -> tuple[float, NDArray[np.bool_]]:
    palettes = [_best_colors(counts.sum(axis=0), costs, shared)]
    while len(palettes) < SUB_PALETTES:
        worst = int(_errors(counts, costs, palettes, shared).min(axis=1).argmax())
        palettes.append(_best_colors(counts[worst], costs, shared))
    best_total, best_palettes = np.inf, palettes
    for _ in range(ROUNDS):
        errors = _errors(counts, costs, palettes, shared)
        total = float(errors.min(axis=1).sum())
        if total >= best_total:
            break
        best_total, best_palettes = total, palettes
        owner = errors.argmin(axis=1)
        sums = [counts[owner == place].sum(axis=0) for place in range(SUB_PALETTES)]
        palettes = [_best_colors(part, costs, shared) if part.any() else palettes[i] for i, part in enumerate(sums)]
    allowed = np.zeros((SUB_PALETTES, counts.shape[1]), dtype=np.bool_)
    for place, palette in enumerate(best_palettes):
        allowed[place, [shared, *palette]] = True
    return best_total, allowed[_errors(counts, costs, best_palettes, shared).argmin(axis=1)]


def cluster(counts: Floats, costs: Floats) -> NDArray[np.bool_]:
    """The colors of each block, ``(blocks, K)``.

    Args:
        counts: ``(blocks, K)`` pixels of each block nearest to each palette color.
        costs: ``(K, K)`` squared distances of palette colors.
    """
    frequent = np.argsort(-counts.sum(axis=0), kind="stable")[:SHARED_TRIED].tolist()
    return min((_cluster_with(counts, costs, shared) for shared in frequent), key=lambda found: found[0])[1]
