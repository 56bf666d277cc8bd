"""``vdequant train dequantizernet+``: its run; it has the options that all trainings have."""

from __future__ import annotations

import argparse
from pathlib import Path

from vdequant.cli.console import Console
from vdequant.cli.train_settings import settings_of
from vdequant.cli.train_telling import say_trained, told_on
from vdequant.errors import UsageError


def run(args: argparse.Namespace, console: Console) -> int:
    """Train, and say where the weights are.

    Raises:
        UsageError: an option out of range or one that this network does not have.
    """
    from vdequant.training.jpeg_pairs import MOST_SIDE
    from vdequant.training.recipe_jpegnet import JpegOrder, train_jpegnet

    settings = settings_of(args)
    if settings.side % 16 or settings.side > MOST_SIDE:
        raise UsageError(f"expected --side as a multiple of 16 up to {MOST_SIDE}, got {settings.side}")
    order = JpegOrder(tuple(args.data), args.output, args.runs, settings, args.device, args.threads, init=args.init)
    return say_trained(args, console, train_jpegnet(order, told_on(console)))


def smoke(folder: Path) -> tuple[float, float]:
    """See :func:`vdequant.training.recipe_jpegnet.smoke`."""
    from vdequant.training.recipe_jpegnet import smoke

    return smoke(folder)
