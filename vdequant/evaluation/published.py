"""Scores that others published for pictures that we may be measuring on: rows to compare with, not measured here.

They are added where the stored pictures themselves score as published, which is the proof that pictures and protocol
are the same: LIVE1 in color, OpenCV's JPEG with its default chroma, PSNR and SSIM (11x11 Gaussian) over R, G and B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vdequant.evaluation.rows import Row

NEAR = 0.02  # dB between the stored pictures' PSNR and the published one

Scores = dict[str, dict[str, float]]  # degradation -> metric -> mean


@dataclass(frozen=True, slots=True)
class Table:
    """Published means over one set of pictures.

    Attributes:
        pictures: how many.
        stored: of the pictures that every method was given.
        methods: by name.
    """

    pictures: int
    stored: Scores
    methods: dict[str, Scores]


def _scores(psnr: Sequence[float], ssim: Sequence[float]) -> Scores:
    qualities = (10, 20, 30, 40)
    rows = zip(qualities, psnr, ssim, strict=True)
    return {f"jpeg:{quality}": {"psnr": decibels, "ssim": similarity} for quality, decibels, similarity in rows}


PUBLISHED = {
    "LIVE1, color": Table(
        pictures=29,
        stored=_scores((25.69, 28.06, 29.37, 30.28), (0.743, 0.826, 0.861, 0.882)),
        # mmagic's model zoo; a network for each quality
        methods={
            "SwinIR (published)": _scores((28.07, 30.45, 31.82, 32.76), (0.8094, 0.8745, 0.9023, 0.9179)),
        },
    ),
}


def _fits(table: Table, row: Row) -> bool:
    known = table.stored.get(row.degradation)
    return known is not None and len(row.pictures) == table.pictures and abs(row.mean("psnr") - known["psnr"]) <= NEAR


def published_rows(stored: Sequence[Row], metrics: Sequence[str]) -> list[Row]:
    """The published rows for the pictures that ``stored`` is about.

    Args:
        stored: the rows of doing nothing, one a degradation, with "psnr".
        metrics: those that are shown.
    """
    found = []
    for table in PUBLISHED.values():
        if not any(_fits(table, row) for row in stored):
            continue
        for method, scores in table.methods.items():
            for row in stored:
                known = scores.get(row.degradation, {}) if _fits(table, row) else {}
                values: dict[str, tuple[float, ...]] = {
                    metric: (known[metric],) for metric in metrics if metric in known
                }
                note = "" if values else "no number is published for this"
                found.append(Row(method, row.degradation, values=values, note=note))
    return found
