"""What the diffusion tables say: Markdown, with the paper's own numbers beside ours and its claims below, and JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

from vdequant.evaluation.diffusion_claims import claims_of
from vdequant.evaluation.diffusion_published import PUBLISHED
from vdequant.evaluation.diffusion_questions import TABLES, columns_of
from vdequant.evaluation.diffusion_scenes import SIDE
from vdequant.evaluation.diffusion_tables import DiffusionTables, standard_error
from vdequant.evaluation.rows import Row

TITLES = {
    "figure-3": "Figure 3: dequantization without texture, against the truth",
    "figure-4": "Figure 4: dequantization with texture, against the truth (PSNR, SSIM) and the palette (palette-)",
    "table-1": "Table 1: palette transfer, color; palette-PSNR / palette-SSIM",
    "table-2": "Table 2: palette transfer, negative-color; palette-PSNR / palette-SSIM",
    "table-3": "Table 3: a patch in its mean color, against the truth; PSNR / SSIM",
    "table-4": "Table 4: a patch in a random color; palette-PSNR / palette-SSIM at 16 colors",
    "figure-9": "Figure 9: colors moved in HSV by up to a magnitude, texture on and off; SSIM against the moved truth",
}
ABSENT = "–"


def _number(value: float, metric: str) -> str:
    if math.isnan(value):
        return ABSENT
    return "∞" if math.isinf(value) else f"{value:.{2 if metric.endswith('psnr') else 3}f}"


def _with_error(row: Row | None, metric: str) -> str:
    """Mean and standard error."""
    if row is None or metric not in row.values:
        return ABSENT
    error = standard_error(row, metric)
    mean = _number(row.mean(metric), metric)
    return mean if math.isnan(error) else f"{mean} ± {_number(error, metric)}"


def _grid(head: str, columns: list[str], lines: list[tuple[str, list[str]]]) -> str:
    first = f"| {head} | " + " | ".join(columns) + " |"
    rest = [f"| {name} | " + " | ".join(cells) + " |" for name, cells in lines]
    return "\n".join([first, "| --- " * (len(columns) + 1) + "|", *rest])


def _methods(tables: DiffusionTables, table: str) -> list[str]:
    return list(dict.fromkeys(row.method for row in tables.rows if row.degradation.startswith(f"{table}: ")))


def _label(tables: DiffusionTables, table: str, method: str) -> str:
    """A row's name; it says so when the row could not be measured."""
    rows = [row for row in tables.rows if row.method == method and row.degradation.startswith(f"{table}: ")]
    return f"{method} (not measured)" if all(row.note for row in rows) else method


def _figure(tables: DiffusionTables, table: str, metric: str) -> str:
    """Rows are methods, columns numbers of colors."""
    columns = [column.name for column in columns_of((table,))]
    lines = [
        (
            _label(tables, table, method),
            [_with_error(tables.row(table, column, method), metric) for column in columns],
        )
        for method in _methods(tables, table)
    ]
    return _grid(metric, columns, lines)


def _table(tables: DiffusionTables, table: str, metrics: tuple[str, str]) -> str:
    """Rows are models, columns conditions; the paper's numbers are in rows of their own below."""
    columns = [column.name for column in columns_of((table,))]
    lines = []
    for method in _methods(tables, table):
        cells = [" / ".join(_number(tables.mean(table, c, method, m), m) for m in metrics) for c in columns]
        lines.append((_label(tables, table, method), [ABSENT if ABSENT in cell else cell for cell in cells]))
        known = PUBLISHED[table].get(method)
        if known is not None:
            theirs = [" / ".join(_number(v, m) for v, m in zip(known[c], metrics, strict=True)) for c in columns]
            lines.append((f"*{method}, the paper*", [f"*{text}*" for text in theirs]))
    return _grid("texture", columns, lines)


def _robustness(tables: DiffusionTables) -> str:
    """Rows are textures and numbers of colors, columns magnitudes."""
    names = [column.name.split(", ") for column in columns_of(("figure-9",))]
    groups = list(dict.fromkeys((word, colors) for word, colors, _ in names))
    magnitudes = list(dict.fromkeys(magnitude for *_, magnitude in names))
    lines = []
    for method in reversed(_methods(tables, "figure-9")):
        for word, colors in groups:
            rows = [tables.row("figure-9", f"{word}, {colors}, {m}", method) for m in magnitudes]
            if any(rows):
                said = f", texture {word}" if method == "T" else ""
                name = f"{_label(tables, 'figure-9', method)}{said}, {colors}"
                lines.append((name, [_with_error(row, "ssim") for row in rows]))
    return _grid("ssim", magnitudes, lines)


def _body(tables: DiffusionTables, table: str) -> list[str]:
    if table == "figure-9":
        return [_robustness(tables)]
    if table in ("table-1", "table-2", "table-4"):
        return [_table(tables, table, ("palette-psnr", "palette-ssim"))]
    if table == "table-3":
        return [_table(tables, table, ("psnr", "ssim"))]
    metrics = ("psnr", "ssim") if table == "figure-3" else ("psnr", "ssim", "palette-psnr", "palette-ssim")
    return [_figure(tables, table, metric) for metric in metrics]


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' if count != 1 else ''}"


def _heading(tables: DiffusionTables) -> str:
    sampling = tables.order.sampling
    cost = "" if math.isnan(tables.seconds) else f", {tables.seconds:.1f} s a sample"
    many = f"means of {sampling.samples} samples" if sampling.samples > 1 else "one sample each"
    how = f"sampler {sampling.sampler}, {_counted(sampling.count, 'step')}, seed {sampling.seed}, {many}{cost}"
    return (
        f"{_counted(len(tables.scenes), 'picture')}, the middle {SIDE}x{SIDE} pixels of each; {how}; {tables.engine}. "
        "Mean over pictures, in figures ± its standard error. `nothing`: the picture that the model is given; "
        "`projected`: each step's picture is moved into the palette's cells (fidelity 1), everything else is as "
        f"published (fidelity 0). Figure 3 uses the encoder {tables.restoring}; the patches of tables 3 and 4 have "
        f"{tables.patch:.1%} of the pixels."
    )


def notes(tables: DiffusionTables) -> list[str]:
    """Why rows have no values: each reason once, with the rows that it is about."""
    found: dict[str, list[str]] = {}
    for row in tables.rows:
        if row.note:
            found.setdefault(row.note, []).append(row.method)
    return [f"{', '.join(dict.fromkeys(methods))}: {note}" for note, methods in found.items()]


def markdown(tables: DiffusionTables) -> str:
    """The whole report."""
    parts = [_heading(tables)]
    for table in TABLES:
        if table not in tables.order.tables:
            continue
        claims = "\n".join(f"- {claim.line()}" for claim in claims_of(tables, table))
        parts += [f"### {TITLES[table]}", *_body(tables, table), claims]
    missing = notes(tables)
    if missing:
        parts.append("Not measured:\n\n" + "\n".join(f"- {note}" for note in missing))
    return "\n\n".join(parts) + "\n"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_json(tables: DiffusionTables) -> dict[str, object]:
    """The same for programs; numbers that are none are null."""
    rows = []
    for row in tables.rows:
        table, _, column = row.degradation.partition(": ")
        values = {metric: [_finite(value) for value in each] for metric, each in row.values.items()}
        means = {metric: _finite(row.mean(metric)) for metric in row.values}
        errors = {metric: _finite(standard_error(row, metric)) for metric in row.values}
        cell = {"table": table, "column": column, "row": row.method, "note": row.note}
        rows.append({**cell, "mean": means, "standard_error": errors, "values": values})
    claims = {table: [asdict(claim) for claim in claims_of(tables, table)] for table in tables.order.tables}
    sampling = asdict(tables.order.sampling) | {"steps": tables.order.sampling.count}
    return {
        "pictures": list(tables.scenes),
        "sampling": sampling,
        "engine": tables.engine,
        "seconds": _finite(tables.seconds),
        "patch": tables.patch,
        "restoring": tables.restoring,
        "rows": rows,
        "claims": claims,
    }


def write_json(tables: DiffusionTables, path: Path) -> None:
    """Write :func:`as_json` to a file."""
    path.write_text(json.dumps(as_json(tables), indent=1, ensure_ascii=False), encoding="utf-8")
