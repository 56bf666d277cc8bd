"""Hidden lattices: the value sets that machines and files use per channel, and how well they explain a picture.

A channel of b bits reaches 8 bits in many ways, often through a second field (RGB565): replicated, shifted, floored.
Which one it was shows in the set of values alone. The tables follow captures of eighteen emulators and ports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import lgamma, log

import numpy as np
from numpy.typing import NDArray

from vdequant.quantizers.census import Census

EVIDENCE = 4.0  # decimal orders by which a lattice must beat chance; 13 colors of a game reach 20, 4 grays 0
MOST_LEVELS = 64  # of the lattices that are no power of two

Widen = Callable[[int, int], int]  # (code, bits) -> 8-bit code


def _replicated(code: int, bits: int) -> int:
    """Repeat the bits downward: 5 bits abcde become abcdeabc."""
    wide, have = code, bits
    while have < 8:
        wide, have = (wide << bits) | code, have + bits
    return wide >> (have - 8)


def _rounded(code: int, bits: int) -> int:
    top = (1 << bits) - 1
    return (code * 510 + top) // (2 * top)


def _floored(code: int, bits: int) -> int:
    return code * 255 // ((1 << bits) - 1)


def _shifted(code: int, bits: int) -> int:
    return code << (8 - bits)


def _sdl(code: int, bits: int) -> int:
    """SDL 2's table for 6-bit green ends at 254, as seen in captures of ScummVM; other depths are floored."""
    return code * 4 + code // 24 if bits == 6 else _floored(code, bits)


WIDEN: dict[str, Widen] = {
    "": _replicated,
    " rounded": _rounded,
    " floored": _floored,
    " shifted": _shifted,
    " by SDL": _sdl,
}


def _into_field(code: int, bits: int, field: int) -> int:
    """A code of ``bits`` in a field of more bits, replicated."""
    wide, have = code, bits
    while have < field:
        wide, have = (wide << bits) | code, have + bits
    return wide >> (have - field)


def _bit_tables() -> dict[str, list[int]]:
    tables: dict[str, list[int]] = {}
    for how, widen in WIDEN.items():
        for bits in range(1, 8):
            tables[f"{bits} bits{how}"] = [widen(code, bits) for code in range(1 << bits)]
        for field in (5, 6):
            for bits in range(1, 5):
                codes = [_into_field(code, bits, field) for code in range(1 << bits)]
                tables[f"{bits} of {field} bits{how}"] = [widen(code, field) for code in codes]
            # Genesis: 3 bits doubled to 4, whose white is 14 of 15.
            codes = [_into_field(2 * code, 4, field) for code in range(8)]
            tables[f"3 in 4 of {field} bits{how}"] = [widen(code, field) for code in codes]
        # SNES and Game Boy through RGB565: the low bit of green stays 0 and white becomes 251.
        tables[f"5 in 6 bits{how}"] = [widen(2 * code, 6) for code in range(32)]
    return tables


def _level_tables() -> dict[str, list[int]]:
    tables: dict[str, list[int]] = {}
    for m in range(2, MOST_LEVELS + 1):
        tables[f"{m} levels"] = [(255 * (2 * i + 1) + m) // (2 * m) for i in range(m)]
        # The same with exact halves rounded to even or down: 3 levels are 43, 128, 213 or 42, 128, 212.
        tables[f"{m} levels, halves to even"] = [round(Fraction(255 * (2 * i + 1), 2 * m)) for i in range(m)]
        tables[f"{m} levels, halves down"] = [-((m - 255 * (2 * i + 1)) // (2 * m)) for i in range(m)]
        tables[f"{m} levels from black to white"] = [(510 * i + m - 1) // (2 * (m - 1)) for i in range(m)]
        tables[f"{m} levels floored"] = [256 * i // m for i in range(m)]
    return tables


@dataclass(frozen=True)
class Candidates:
    """All value sets as rows: ``members[i, code]`` tells whether row ``names[i]`` holds the code."""

    names: list[str]
    members: NDArray[np.bool_]
    triples: NDArray[np.int64]  # (T, 3) rows that occur together as R, G, B


def _known_triples(rows: dict[str, int]) -> list[tuple[int, int, int]]:
    """Every set with itself, and the mixtures that RGB565 and 3-3-2 cause."""
    triples = [(row, row, row) for row in sorted(set(rows.values()))]
    for how in WIDEN:
        pairs = [("5 bits", "6 bits"), ("5 bits", "5 in 6 bits"), ("3 in 4 of 5 bits", "3 in 4 of 6 bits")]
        pairs += [(f"{bits} of 5 bits", f"{bits} of 6 bits") for bits in range(1, 5)]
        triples += [(rows[a + how], rows[b + how], rows[a + how]) for a, b in pairs]
        triples.append((rows["3 bits" + how], rows["3 bits" + how], rows["2 bits" + how]))
    triples.append((rows["8 levels"], rows["8 levels"], rows["4 levels"]))
    triples.append((rows["32 levels"], rows["64 levels"], rows["32 levels"]))
    return list(dict.fromkeys(triples))


@lru_cache(maxsize=1)
def candidates() -> Candidates:
    """The tables, equal sets merged under the first name."""
    names: list[str] = []
    members: list[NDArray[np.bool_]] = []
    seen: dict[bytes, int] = {}
    rows: dict[str, int] = {}
    for name, values in (_bit_tables() | _level_tables()).items():
        row = np.zeros(256, dtype=np.bool_)
        row[values] = True
        place = seen.setdefault(row.tobytes(), len(names))
        if place == len(names):
            names.append(name)
            members.append(row)
        rows[name] = place
    return Candidates(names, np.stack(members), np.array(_known_triples(rows)))


@dataclass(frozen=True)
class Lattice:
    """The levels that explain the values of each channel.

    Attributes:
        names: of R, G, B.
        codes: ascending 8-bit codes of R, G, B, those included that were not seen.
        evidence: decimal orders by which it beats chance.
    """

    names: tuple[str, str, str]
    codes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    evidence: float

    @property
    def counts(self) -> tuple[int, int, int]:
        """Levels of R, G, B."""
        red, green, blue = self.codes
        return len(red), len(green), len(blue)


def _log_choose(n: int, k: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """Decimal logarithm of the binomial coefficient, elementwise."""
    k = np.atleast_1d(k)
    values = [(lgamma(n + 1) - lgamma(j + 1) - lgamma(n - j + 1)) / log(10) for j in k.tolist()]
    return np.array(values)


def _evidence(observed: NDArray[np.int64], members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How unlikely it is that as many random values all fall into each set; -inf where they do not.

    Black (0) and white (255) are in nearly every picture and prove nothing, so they are left out on both sides.
    """
    seen = np.zeros(256, dtype=np.bool_)
    seen[observed] = True
    fits = ~(seen & ~members).any(axis=1)
    inner = int(seen[1:255].sum())
    sizes = members[:, 1:255].sum(axis=1)
    chance = np.full(len(members), -np.inf)
    for place in np.flatnonzero(fits).tolist():
        chance[place] = float(_log_choose(254, inner)[0] - _log_choose(int(sizes[place]), inner)[0])
    return chance


def find_lattice(census: Census) -> Lattice | None:
    """The best supported lattice of the colors, or None when chance explains it as well.

    Sets that occur together on some machine are tried first, because then one guess explains three channels; free
    combinations have to prove more. Channels of a gray picture are the same and count once.
    """
    tables = candidates()
    scores = np.stack([_evidence(codes, tables.members) for codes in census.codes])
    share = np.array([1.0, 0.0, 0.0]) if census.gray else np.ones(3)

    def total(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        picked = scores[np.arange(3), rows]
        impossible = np.isneginf(picked).any(axis=-1)
        return np.where(impossible, -np.inf, (np.where(np.isneginf(picked), 0, picked) * share).sum(axis=-1))

    together = total(tables.triples) - np.log10(len(tables.triples))
    best = tables.triples[int(together.argmax())]
    evidence = float(together.max())
    free = scores.argmax(axis=1)
    alone = float(total(free[None])[0]) - share.sum() * np.log10(len(tables.names))
    if alone > evidence:
        best, evidence = free, alone
    if evidence < EVIDENCE:
        return None
    red, green, blue = best.tolist()
    codes = [tuple(np.flatnonzero(tables.members[row]).tolist()) for row in (red, green, blue)]
    names = tables.names[red], tables.names[green], tables.names[blue]
    return Lattice(names, (codes[0], codes[1], codes[2]), evidence)
