"""Whether what Vavilala, Shaik and Forsyth say of their models holds in our tables, claim by claim, with numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vdequant.evaluation.diffusion_questions import (
    DRAWN,
    MAGNITUDES,
    NOTHING,
    PROJECTED,
    SIZES,
    TRANSFERRED,
)
from vdequant.evaluation.diffusion_tables import DiffusionTables

BY_COLORS = [f"N={colors}" for colors in SIZES]
SHOWN = 3  # pairs that fail
MODELS = ("T", "G", "L", "L-post")  # by how well they are said to keep the asked palette


@dataclass(frozen=True)
class Claim:
    """One statement.

    Attributes:
        text: what is said.
        holds: whether it does; None where its rows were not measured.
        numbers: that it was judged by.
    """

    text: str
    holds: bool | None
    numbers: str

    def line(self) -> str:
        """For the report."""
        verdict = {True: "holds", False: "does not hold", None: "not measured"}[self.holds]
        return f"{self.text}: **{verdict}**{f' ({self.numbers})' if self.numbers else ''}"


def _judged(text: str, pairs: Sequence[tuple[str, float, float]]) -> Claim:
    """A claim that the first number of each named pair is larger; the numbers are the first that fail, or nearly do."""
    if any(math.isnan(value) for _, *values in pairs for value in values):
        return Claim(text, None, "")
    short = [(name, one, other) for name, one, other in pairs if not one > other]
    worst = min(pairs, key=lambda pair: pair[1] - pair[2])
    words = "; ".join(f"{name}: {one:.4g} and {other:.4g}" for name, one, other in short[:SHOWN] or [worst])
    return Claim(text, not short, f"{len(short)} of {len(pairs)} fail: {words}" if short else f"least apart: {words}")


def _listed(values: dict[str, float]) -> str:
    """The largest first."""
    return ", ".join(f"{name} {value:.2f}" for name, value in sorted(values.items(), key=lambda pair: -pair[1]))


def _figure_3(tables: DiffusionTables) -> list[Claim]:
    def of(row: str, column: str, metric: str) -> float:
        return tables.mean("figure-3", column, row, metric)

    found = []
    for row in (DRAWN, PROJECTED):
        for other in (method.name for method in tables.order.methods):
            pairs = [
                (f"{metric} at {column}", of(row, column, metric), of(other, column, metric))
                for metric in ("psnr", "ssim")
                for column in BY_COLORS
            ]
            found.append(_judged(f"figure 3: {row} is above {other} in PSNR and SSIM at every N", pairs))
    return found


def _figure_4(tables: DiffusionTables) -> list[Claim]:
    def of(row: str, column: str, metric: str = "psnr") -> float:
        return tables.mean("figure-4", column, row, metric)

    last = [
        (f"{column}: {row} and T", of(row, column), of("T", column))
        for column in BY_COLORS
        for row in ("L", "L-post", "G")
    ]
    found = [_judged("figure 4: T reconstructs least well of all with texture (PSNR)", last)]
    if "figure-3" in tables.order.tables:
        better = [
            (
                f"{metric} at {column}",
                of(tables.restoring, column, metric),
                tables.mean("figure-3", column, DRAWN, metric),
            )
            for metric in ("psnr", "ssim")
            for column in BY_COLORS
        ]
        found.append(_judged(f"figures 3 and 4: with texture {tables.restoring} is above itself without", better))
    return found


def _transfers(tables: DiffusionTables, table: str) -> list[Claim]:
    found = []
    for colors in TRANSFERRED:
        values = {row: tables.mean(table, f"on, {colors} colors", row, "palette-psnr") for row in MODELS}
        text = f"{table.replace('-', ' ')}: with texture palette-PSNR falls T > G > L > L-post, {colors} colors"
        if any(math.isnan(value) for value in values.values()):
            found.append(Claim(text, None, ""))
        else:
            falls = all(one > other for one, other in pairwise(values.values()))
            found.append(Claim(text, falls, _listed(values)))
    return found


def _repainted(tables: DiffusionTables, table: str, metric: str, row: str, *, best: bool) -> Claim:
    """That a row is the best, or the worst, of the models with texture."""
    values = {name: tables.mean(table, "on", name, metric) for name in MODELS}
    text = f"{table.replace('-', ' ')}: with texture {row} is {'best' if best else 'worst'}"
    if any(math.isnan(value) for value in values.values()):
        return Claim(text, None, "")
    found = (max if best else min)(values, key=lambda name: values[name])
    return Claim(text, found == row, _listed(values))


def _figure_9(tables: DiffusionTables) -> list[Claim]:
    def of(colors: int, magnitude: float, word: str, row: str = "T") -> float:
        return tables.mean("figure-9", f"{word}, N={colors}, {magnitude:g}", row, "ssim")

    better = [
        (f"N={colors}, {magnitude:g}", of(colors, magnitude, "on"), of(colors, magnitude, "off"))
        for colors in TRANSFERRED
        for magnitude in MAGNITUDES
    ]
    few, many = TRANSFERRED
    more = [
        (
            f"gain at {magnitude:g}",
            of(few, magnitude, "on") - of(few, magnitude, "off"),
            of(many, magnitude, "on") - of(many, magnitude, "off"),
        )
        for magnitude in MAGNITUDES
    ]
    nothing = [
        (f"N={colors}, {magnitude:g}", of(colors, magnitude, "off"), of(colors, magnitude, "off", NOTHING))
        for colors in TRANSFERRED
        for magnitude in MAGNITUDES
    ]
    return [
        _judged("figure 9: texture raises SSIM at every magnitude", better),
        _judged(f"figure 9: texture helps more with {few} colors than with {many}", more),
        _judged("figure 9: the model is above doing nothing at every magnitude, without texture", nothing),
    ]


JUDGES: dict[str, Callable[[DiffusionTables], list[Claim]]] = {
    "figure-3": _figure_3,
    "figure-4": _figure_4,
    "table-1": lambda tables: _transfers(tables, "table-1"),
    "table-2": lambda tables: _transfers(tables, "table-2"),
    "table-3": lambda tables: [_repainted(tables, "table-3", "psnr", "L", best=True)],
    "table-4": lambda tables: [
        _repainted(tables, "table-4", "palette-psnr", "T", best=True),
        _repainted(tables, "table-4", "palette-psnr", "L-post", best=False),
    ],
    "figure-9": _figure_9,
}


def claims_of(tables: DiffusionTables, table: str) -> list[Claim]:
    """What is said about a table of TABLES, judged."""
    return JUDGES[table](tables)
