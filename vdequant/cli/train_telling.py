"""What the trainings of training/loop.py tell on the command line: a line now and then, and how it ended."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vdequant.cli.console import Console

if TYPE_CHECKING:
    from vdequant.training.loop import Trainer


def told_on(console: Console) -> Callable[[Trainer[Any, Any], float], None]:
    """For :meth:`~vdequant.training.loop.Trainer.run`."""

    def told(trainer: Trainer[Any, Any], loss: float) -> None:
        if trainer.ranks.first:
            best = f", best {trainer.best['mean']:+.3f} dB" if trainer.best else ""
            console.note(f"{trainer.done:5.1%}  step {trainer.steps}  {trainer.seconds:.0f} s  loss {loss:.4f}{best}")

    return told


def say_trained(args: argparse.Namespace, console: Console, trainer: Trainer[Any, Any]) -> int:
    """Say where the weights are, in the first process only, and return the exit code."""
    if not trainer.ranks.first:
        return 0
    if console.as_json:
        console.answer({"output": str(args.output), "steps": trainer.steps, "gain_db": trainer.best})
    else:
        console.result(f"{args.output}: {trainer.steps} steps, {trainer.seconds:.0f} s")
    return 0
