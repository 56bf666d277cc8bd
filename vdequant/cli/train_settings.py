"""What the trainings have in common on the command line: where pictures and weights are, and the loop's settings."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import TYPE_CHECKING

from vdequant.errors import UsageError

if TYPE_CHECKING:
    from vdequant.training.loop import TrainSettings

MINUTES = 60.0  # when no length is given


def check_files(args: argparse.Namespace) -> None:
    """Refuse a training without pictures or without a place for its weights.

    Raises:
        UsageError: --data or -o is missing, or -o has another suffix than .safetensors.
    """
    if not args.data or args.output is None:
        raise UsageError("expected --data DIR and -o FILE, or --smoke; see vdequant train --help")
    if args.output.suffix != ".safetensors":
        raise UsageError(f"expected -o with the suffix .safetensors, got {args.output}")


def settings_of(args: argparse.Namespace) -> TrainSettings:
    """The settings of training/loop.py that were given.

    Raises:
        UsageError: a number out of range, or see :func:`check_files`.
    """
    from vdequant.training.loop import TrainSettings

    check_files(args)
    given = {name: value for name, value in vars(args).items() if name in {f.name for f in fields(TrainSettings)}}
    wrong = [name for name, value in given.items() if value < 0 or (value == 0 and name not in ("seed", "loaders"))]
    if wrong:
        raise UsageError(f"expected {wrong[0]} above 0, got {given[wrong[0]]}")
    if not given.get("steps") and not given.get("minutes"):
        given["minutes"] = MINUTES
    return TrainSettings(**given)
