"""``vdequant probe INPUT``: say what was lost and what a restoration would do, and write nothing."""

from __future__ import annotations

import argparse
from dataclasses import asdict, fields
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING

from vdequant.cli.console import Console
from vdequant.cli.options import Parser, add_input_options, add_picture_options, add_raw_options, add_reporting_options
from vdequant.settings import Settings

if TYPE_CHECKING:
    from vdequant.planning import Plan


def parser() -> argparse.ArgumentParser:
    """The parser of this command; its ``run`` is :func:`run`."""
    result = Parser(
        prog="vdequant probe",
        description="Say what was lost in INPUT and what a restoration would do; nothing is written.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    result.add_argument("input", metavar="INPUT", help="video, picture, folder of frames, or - for stdin")
    add_picture_options(result)
    add_input_options(result)
    add_raw_options(result)
    add_reporting_options(result)
    result.set_defaults(run=run, json=False, verbose=False, quiet=False)
    return result


def run(args: argparse.Namespace, console: Console) -> int:
    """Print plan and report on standard output."""
    given = vars(args)
    settings = Settings(**{field.name: given[field.name] for field in fields(Settings) if field.name in given})
    from vdequant.probing.report import examine, report_lines, report_values

    report = examine(args.input, settings)
    if console.as_json:
        console.answer({**plan_values(report.plan), **report_values(report)})
        return 0
    for line in report_lines(report):
        console.result(line)
    return 0


def plan_values(plan: Plan) -> dict[str, object]:
    """A plan as JSON can hold it."""
    return {
        "source": plain(asdict(plan.source)),
        "found": plan.finding.kind,
        "description": plan.finding.description,
        "dithered": plan.dithered,
        "native": native_values(plan),
        "quantizer": plan.quantizer.describe(),
        "restorer": plan.restorer,
        "device": plan.device,
        "lines": plan.lines(),
    }


def native_values(plan: Plan) -> dict[str, object]:
    """The picture that is restored: its size, how much the input enlarges it, and the borders that are left alone."""
    layout, grid = plan.source.layout, plan.grid
    width, height = (layout.width, layout.height) if grid is None else grid.size
    left, top, right, bottom = (0, 0, 0, 0) if grid is None else grid.borders
    across, down = (1, 1) if grid is None else grid.scale
    return {
        "width": width,
        "height": height,
        "scale": [round(float(across), 6), round(float(down), 6)],
        "borders": {"left": left, "top": top, "right": right, "bottom": bottom},
    }


def plain(value: object) -> object:
    """Fractions as "3/2" and enum members by name, at any depth."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Fraction):
        return str(value)
    return value.name if isinstance(value, Enum) else value
