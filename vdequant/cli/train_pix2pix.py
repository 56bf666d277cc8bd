"""``vdequant train pix2pix-fq`` and ``pix2pix``: the options that only these networks have, and their run."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vdequant.cli.console import Console
from vdequant.cli.train_settings import check_files
from vdequant.errors import UsageError

if TYPE_CHECKING:
    from vdequant.training.loop_pix2pix import Losses, PixSettings, PixTrainer

PUBLISHED_EPOCHS = 200
SIZES = ("s", "l")
SMALLEST_SIDE, LARGEST_SIDE = 32, 256  # of a crop: the discriminator's four halvings, and a tile


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options; those left out keep the values of the size: s the shipped network, l the published one."""
    group = parser.add_argument_group("pix2pix-fq, pix2pix")
    weight = group.add_mutually_exclusive_group()
    weight.add_argument(
        "--l1-weight",
        type=float,
        metavar="W",
        help="of L1 beside the adversarial loss (published: 100; of size s 1000)",
    )
    weight.add_argument("--no-l1", dest="l1_weight", action="store_const", const=0.0, help="the adversarial loss alone")
    group.add_argument(
        "--average", dest="decay", type=float, metavar="D", help="decay of the moving average of the weights; 0: none"
    )


def run(args: argparse.Namespace, console: Console) -> int:
    """Train, and say where the weights are."""
    settings, epochs = _settings(args)
    from vdequant.training.recipe_pix2pix import PixOrder, train

    order = PixOrder(
        args.model, tuple(args.data), args.size, args.output, args.runs, settings, epochs, args.device, args.threads
    )

    def told(trainer: PixTrainer, losses: Losses) -> None:
        text = "  ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
        console.note(f"{trainer.done:5.1%}  step {trainer.progress.steps}  {trainer.progress.seconds:.0f} s  {text}")

    progress = train(order, told).progress
    if console.as_json:
        console.answer({"output": str(args.output), "steps": progress.steps, "seconds": progress.seconds})
    else:
        console.result(f"{args.output}: {progress.steps} steps, {progress.seconds:.0f} s")
    return 0


def _settings(args: argparse.Namespace) -> tuple[PixSettings, int]:
    """Those of the size with what was given, and the epochs, 0 when the length is in steps or minutes.

    Raises:
        UsageError: a number out of range, a missing --data or -o, or an option that these networks do not have.
    """
    from vdequant.training.loop_pix2pix import PixSettings
    from vdequant.training.recipe_pix2pix import SETTINGS

    _check(args)
    given = {name: value for name, value in vars(args).items() if name in {f.name for f in fields(PixSettings)}}
    epochs = getattr(args, "epochs", 0)
    if not epochs and not given.get("steps") and not given.get("minutes"):
        epochs = PUBLISHED_EPOCHS
    return replace(SETTINGS[args.size], **given), epochs


def _check(args: argparse.Namespace) -> None:
    check_files(args)
    if args.size not in SIZES:
        raise UsageError(f"expected --size {' or '.join(SIZES)} for {args.model}, got {args.size}")
    if args.init is not None:
        raise UsageError(f"expected no --init for {args.model}: it starts from random weights, or from its checkpoint")
    given = vars(args)
    for name in ("steps", "minutes", "epochs", "batch", "rate", "save_every"):
        if name in given and given[name] <= 0:
            raise UsageError(f"expected {name} above 0, got {given[name]}")
    if given.get("l1_weight", 0) < 0 or not 0 <= given.get("decay", 0) < 1:
        raise UsageError("expected --l1-weight of 0 or more and --average of at least 0 and below 1")
    if given.get("side", 64) % 32 or not SMALLEST_SIDE <= given.get("side", 64) <= LARGEST_SIDE:
        raise UsageError(f"expected --side as a multiple of 32 up to {LARGEST_SIDE}, got {given['side']}")


def smoke(folder: Path) -> tuple[float, float]:
    """See :func:`vdequant.training.recipe_pix2pix.smoke`."""
    from vdequant.training.recipe_pix2pix import smoke

    return smoke("pix2pix-fq", folder)
