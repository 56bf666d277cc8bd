"""``vdequant train dequantizernet+``: its run; it has the options that all trainings have."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vdequant.cli.console import Console
from vdequant.cli.train_settings import settings_of
from vdequant.errors import UsageError

if TYPE_CHECKING:
    from vdequant.training.recipe_jpegnet import JpegTrainer


def run(args: argparse.Namespace, console: Console) -> int:
    """Train, and say where the weights are.

    Raises:
        UsageError: an option out of range or one that this network does not have.
    """
    settings = settings_of(args)
    if args.init is not None:
        raise UsageError("expected no --init for dequantizernet+: it starts from random weights, or its checkpoint")
    if settings.side % 16 or settings.side > 96:
        raise UsageError(f"expected --side as a multiple of 16 up to 96, got {settings.side}")
    from vdequant.training.recipe_jpegnet import JpegOrder, train_jpegnet

    def told(trainer: JpegTrainer, loss: float) -> None:
        if trainer.ranks.first:
            best = f", best {trainer.best['mean']:+.3f} dB" if trainer.best else ""
            console.note(f"{trainer.done:5.1%}  step {trainer.steps}  {trainer.seconds:.0f} s  loss {loss:.4f}{best}")

    order = JpegOrder(tuple(args.data), args.output, args.runs, settings, args.device, args.threads)
    trainer = train_jpegnet(order, told)
    if not trainer.ranks.first:
        return 0
    if console.as_json:
        console.answer({"output": str(args.output), "steps": trainer.steps, "gain_db": trainer.best})
    else:
        console.result(f"{args.output}: {trainer.steps} steps, {trainer.seconds:.0f} s")
    return 0


def smoke(folder: Path) -> tuple[float, float]:
    """See :func:`vdequant.training.recipe_jpegnet.smoke`."""
    from vdequant.training.recipe_jpegnet import smoke

    return smoke(folder)
