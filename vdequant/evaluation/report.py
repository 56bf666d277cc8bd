"""What an evaluation says: Markdown tables, JSON, and a contact sheet of crops."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from vdequant.errors import InputError
from vdequant.evaluation.datasets import Item
from vdequant.evaluation.degradations import Degradation, Pictures, to_codes
from vdequant.evaluation.methods import Method
from vdequant.evaluation.rows import Row
from vdequant.evaluation.run import TRUTH, Evaluation
from vdequant.evaluation.scores import HIGHER_IS_BETTER, SHOW_TRUTH

DIGITS = {
    "psnr": 2,
    "psnr-b": 2,
    "palette-psnr": 2,
    "mse": 2,
    "cambi": 2,
    "delta-e": 2,
    "ab-error": 2,
    "flicker": 2,
    "fid": 2,
    "fd-cellnet": 4,
    "warping-error": 6,
}  # others: 4
CROP = 160  # pixels a side of the contact sheet's crops
LABEL = 14  # height of a line of text on it
MIB = 1 << 20


def _number(value: float, metric: str) -> str:
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{DIGITS.get(metric, 4)}f}"


def _cell(row: Row, base: Row, metric: str) -> str:
    """The value, and for PSNR what it is above doing nothing."""
    text = _number(row.mean(metric), metric)
    if metric != "psnr" or row is base or not math.isfinite(row.mean(metric)):
        return text
    return f"{text} ({row.mean(metric) - base.mean(metric):+.2f})"


def _costs(rows: Sequence[Row]) -> str:
    """Seconds, the mean over the degradations, and the most memory, as two cells."""
    known = [row for row in rows if row.values and row.pictures and row.method != TRUTH]  # published rows have none
    if not known:
        return "– | –"
    peaks = [row.peak for row in known if row.peak is not None]
    memory = f"{max(peaks) / MIB:.0f}" if peaks else "–"
    return f"{sum(row.seconds for row in known) / len(known):.2f} | {memory}"


def table(evaluation: Evaluation, metric: str, degradations: Sequence[str] | None = None) -> str:
    """A row a method, a column a degradation, then seconds and MiB a picture.

    Args:
        degradations: those to show; None: all.
    """
    columns = list(degradations or evaluation.degradations)
    lines = ["| method | " + " | ".join(columns) + " | s | MiB |", "| --- " * (len(columns) + 3) + "|"]
    for method in evaluation.methods:
        if method == TRUTH and metric not in SHOW_TRUTH:
            continue
        rows = [evaluation.row(method, column) for column in columns]
        if all(row.note for row in rows):
            continue
        base = [evaluation.row(evaluation.methods[0], column) for column in columns]
        cells = [_cell(row, first, metric) for row, first in zip(rows, base, strict=True)]
        lines.append(f"| {method} | " + " | ".join(cells) + f" | {_costs(rows)} |")
    return "\n".join(lines)


def notes(evaluation: Evaluation) -> list[str]:
    """Why some rows have no values: each method and reason once, with the degradations that it is about."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in evaluation.rows:
        if row.note:
            found.setdefault((row.method, row.note), []).append(row.degradation)
    return [f"{method} ({', '.join(losses)}): {note}" for (method, note), losses in found.items()]


def markdown(evaluation: Evaluation) -> str:
    """The whole report: a table a metric, what they mean, and what could not be run."""
    parts = [
        f"{len(evaluation.items)} pictures, {evaluation.device}, {evaluation.machine}. Mean over pictures; "
        "`nothing` is the stored picture. s: seconds a picture; MiB: memory that a picture adds at its peak."
    ]
    for metric in evaluation.metrics:
        direction = "higher" if metric in HIGHER_IS_BETTER else "lower"
        parts.append(f"**{metric}** ({direction} is better)\n\n{table(evaluation, metric)}")
    missing = notes(evaluation)
    if missing:
        parts.append("Not measured:\n\n" + "\n".join(f"- {note}" for note in missing))
    return "\n\n".join(parts) + "\n"


def as_json(evaluation: Evaluation) -> dict[str, object]:
    """The same for programs; numbers that are none are null."""
    values = asdict(evaluation)
    for entry, row in zip(values["rows"], evaluation.rows, strict=True):
        means = {metric: row.mean(metric) for metric in row.values}
        entry["mean"] = {metric: value if math.isfinite(value) else None for metric, value in means.items()}
        entry["values"] = {m: [v if math.isfinite(v) else None for v in row.values[m]] for m in row.values}
    return dict(values)


def write_json(evaluation: Evaluation, path: Path) -> None:
    """Write :func:`as_json` to a file."""
    path.write_text(json.dumps(as_json(evaluation), indent=1, ensure_ascii=False), encoding="utf-8")


def _corner(size: int) -> tuple[int, int]:
    side = min(CROP, size)
    return (size - side) // 2, side


def _crop(pictures: Pictures) -> Image.Image:
    """The middle of the first picture."""
    top, height = _corner(pictures.shape[1])
    left, width = _corner(pictures.shape[2])
    return Image.fromarray(np.ascontiguousarray(pictures[0, top : top + height, left : left + width]))


@torch.inference_mode()
def _line(truth: Pictures, degradation: Degradation, methods: Sequence[Method]) -> list[Image.Image | None]:
    """Truth, input and each method's result; None where one cannot run."""
    stored = degradation.apply(truth)
    crops: list[Image.Image | None] = [_crop(truth), _crop(stored.pictures)]
    for method in methods:
        try:
            crops.append(_crop(to_codes(method.prepare(degradation.text)(stored))))
        except InputError:
            crops.append(None)
    return crops


def contact_sheet(
    items: Sequence[Item], degradations: Sequence[Degradation], methods: Sequence[Method], path: Path
) -> None:
    """A PNG of crops from the middle: a line for each degradation of each item; truth, input, each method across.

    A method that can run on none of them has no column.
    """
    heads = ["truth", "input", *(method.name for method in methods)]
    lines = [
        (f"{item.name}  {degradation.text}", _line(item.read()[:1], degradation, methods))
        for item in items
        for degradation in degradations
    ]
    shown = [column for column in range(len(heads)) if any(crops[column] for _, crops in lines)]
    side = CROP + 4
    sheet = Image.new("RGB", (side * len(shown), LABEL + len(lines) * (side + LABEL)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, column in enumerate(shown):
        draw.text((place * side + 2, 1), heads[column][:24], fill="black")
    for number, (label, crops) in enumerate(lines):
        top = LABEL + number * (side + LABEL)
        draw.text((2, top), label, fill="black")
        for place, column in enumerate(shown):
            crop = crops[column]
            if crop is not None:
                sheet.paste(crop, (place * side, top + LABEL))
    sheet.save(path)
