"""``vdequant train MODEL --data DIR -o FILE``: make weights from pictures of your own; resumes where it was stopped."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from vdequant.cli import train_dequantizernet, train_pix2pix
from vdequant.cli.console import Console
from vdequant.cli.options import Parser, add_reporting_options
from vdequant.cli.train_settings import settings_of
from vdequant.cli.train_telling import say_trained, told_on
from vdequant.errors import ModelError

# name -> the module that adds its options and runs it
MODELS: dict[str, str] = {
    "cellnet": "vdequant.cli.train",
    "dequantizernet": "vdequant.cli.train_dequantizernet",
    "dequantizernet+": "vdequant.cli.train_jpegnet",
    "pix2pix-fq": "vdequant.cli.train_pix2pix",
    "pix2pix": "vdequant.cli.train_pix2pix",
}


def parser() -> argparse.ArgumentParser:
    """The parser of this command; its ``run`` is :func:`run`."""
    result = Parser(
        prog="vdequant train",
        description="Train MODEL on folders of full-color pictures. Stopped or killed, the same command goes on from "
        "the last checkpoint. With several GPUs: torchrun --nproc-per-node N -m vdequant train ...",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    result.add_argument("model", choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    result.add_argument(
        "--data", type=Path, nargs="+", metavar="DIR", default=[], help="folders, searched at any depth"
    )
    result.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="safetensors file; a model card goes beside it"
    )
    result.add_argument(
        "--size", choices=("s", "m", "l"), default="s", help="s (default), m, or l (for a GPU); of pix2pix: s or l"
    )
    result.add_argument(
        "--subject",
        choices=("all", "levels", "palettes", "codec", "halftones"),
        default="all",
        help="of cellnet: what it learns (all); each shipped one is a network for each other of these",
    )
    result.add_argument("--init", type=Path, default=None, metavar="FILE", help="weights to start from")
    result.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="checkpoints and logs (runs/)")
    result.add_argument(
        "--smoke", action="store_true", default=False, help="a run of seconds, to see that all is there"
    )
    _add_schedule(result)
    train_dequantizernet.add_options(result)
    train_pix2pix.add_options(result)
    add_reporting_options(result)
    result.set_defaults(run=run, json=False, verbose=False, quiet=False, output=None, device="cpu", threads=1)
    return result


def _add_schedule(parser: argparse.ArgumentParser) -> None:
    """How long and how fast; options left out keep the defaults of TrainSettings."""
    group = parser.add_argument_group("schedule")
    length = group.add_mutually_exclusive_group()
    length.add_argument(
        "--steps", type=int, metavar="N", help="length in steps: a resumed run is exact to the last bit"
    )
    length.add_argument("--minutes", type=float, metavar="M", help="length in minutes of training")
    group.add_argument("--batch", type=int, metavar="N", help="crops a step (16)")
    group.add_argument("--side", type=int, metavar="PX", help="side of a crop (64)")
    group.add_argument("--rate", type=float, metavar="R", help="peak learning rate (0.0025)")
    group.add_argument("--seed", type=int, metavar="N", help="of weights and batches (1)")
    group.add_argument("--save-every", type=float, metavar="SECONDS", help="between checkpoints (120)")
    group.add_argument("--device", metavar="NAME", help="cpu (default), cuda, cuda:1")
    group.add_argument("--loaders", type=int, metavar="N", help="processes that make batches, for a GPU (0: a thread)")
    group.add_argument("--threads", type=int, metavar="N", help="threads on a CPU (1)")


def run(args: argparse.Namespace, console: Console) -> int:
    """Train, and say where the weights are."""
    if args.smoke:
        return _smoke(args, console)
    if args.model != "cellnet":
        return int(import_module(MODELS[args.model]).run(args, console))
    from vdequant.training.recipe_cellnet import Order, train

    settings = settings_of(args)
    order = Order(
        tuple(args.data), args.size, args.output, args.runs, settings, args.device, args.threads, args.init,
        subject=args.subject,
    )  # fmt: skip
    return say_trained(args, console, train(order, told_on(console)))


def smoke(folder: Path) -> tuple[float, float]:
    """See :func:`vdequant.training.recipe_cellnet.smoke`."""
    from vdequant.training.recipe_cellnet import smoke

    return smoke(folder)


def _smoke(args: argparse.Namespace, console: Console) -> int:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        first, last = import_module(MODELS[args.model]).smoke(Path(folder))
    if not last < first:
        raise ModelError(f"expected training to lower the loss, got {first:.4f} at first and {last:.4f} at last")
    if console.as_json:
        console.answer({"first_loss": first, "last_loss": last})
    else:
        console.result(f"loss {first:.4f} at first, {last:.4f} at last: training works here")
    return 0
