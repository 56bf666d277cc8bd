"""``vdequant devices``: what can run the networks here, in the words that ``--device`` takes."""

from __future__ import annotations

import argparse

from vdequant.cli.console import Console
from vdequant.cli.options import Parser, add_reporting_options


def parser() -> argparse.ArgumentParser:
    """The parser of this command; its ``run`` is :func:`run`."""
    result = Parser(
        prog="vdequant devices",
        description="List what can run the networks here, in the words that --device takes.",
        allow_abbrev=False,
    )
    add_reporting_options(result)
    result.set_defaults(run=run)
    return result


def run(args: argparse.Namespace, console: Console) -> int:
    """Print one line a device, the one that auto takes first."""
    import torch

    from vdequant.schedule.device import choose_engine

    names = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    devices = {name: choose_engine(name).describe() for name in (*names, "cpu")}
    if console.as_json:
        console.answer({"devices": devices, "auto": next(iter(devices)), "torch": torch.__version__})
        return 0
    for name, words in devices.items():
        console.result(f"{name:8}{words}")
    return 0
