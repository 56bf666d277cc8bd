"""``vdequant train dequantizernet``: the options that only this network has, and its run."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdequant.cli.console import Console
from vdequant.cli.train_settings import check_files
from vdequant.errors import UsageError

if TYPE_CHECKING:
    from vdequant.models.dequantizernet import DiscriminatorSpec, GeneratorSpec
    from vdequant.training.loop_dequantizernet import AdversarialSettings, AdversarialTrainer

NAME = "dequantizernet"
MOST_UPSAMPLING = 3  # an eighth of the size inside
# options of the sum of losses: name -> of LossWeights
LOSSES = {
    "alpha": ("adversarial", "what fools the discriminator"),
    "beta": ("content", "squared difference of features"),
    "l1": ("l1", "absolute difference of pixels"),
    "l2": ("l2", "squared difference of pixels"),
    "smooth_l1": ("smooth_l1", "between the two"),
    "relative": ("relative", "squared difference of pixels in units of the input's"),
    "texture": ("texture", "how features go together"),
    "variation": ("variation", "difference of total variation"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options; those left out keep the published, or with --form shipped the shipped, values."""
    group = parser.add_argument_group(NAME)
    group.add_argument(
        "--experiment",
        metavar="NAME",
        help="name of the run: alef, beta, gimel, phi are the published experiments; by convention Hebrew letters "
        "for highly, Greek ones for moderately quantized pictures",
    )
    group.add_argument(
        "--form",
        choices=("published", "shipped"),
        help="of the network and its schedule; default published for those four, else shipped",
    )
    group.add_argument("--quality", type=int, nargs="+", metavar="Q", help="of JPEG, 1..100; several: one a crop")
    group.add_argument("--channels", type=int, metavar="N", help="of the hidden layers (published: 64)")
    group.add_argument("--blocks", type=int, metavar="R", help="residual blocks (published: 5 or 10)")
    group.add_argument("--upsampling", type=int, metavar="U", help="sub-pixel blocks behind a smaller inside (0)")
    group.add_argument(
        "--transfer", choices=("prelu", "relu", "leaky-relu", "gelu"), help="between layers (published: prelu)"
    )
    group.add_argument(
        "--discriminator-transfer",
        choices=("prelu", "relu", "leaky-relu", "gelu"),
        help="the same of what judges the pictures while it trains (published: leaky-relu)",
    )
    group.add_argument("--epochs", type=int, metavar="N", help="length in passes over the tiles (50)")
    for option, (_, words) in LOSSES.items():
        flag = "--" + option.replace("_", "-")
        group.add_argument(flag, type=float, metavar="W", help=f"weight of the loss: {words}")
    group.add_argument(
        "--perceptual", choices=("auto", "vgg19", "cellnet-m"), help="features; auto: VGG-19 where its weights are"
    )
    group.add_argument("--track", choices=("tensorboard", "wandb"), help="besides CSV, when installed")


def run(args: argparse.Namespace, console: Console) -> int:
    """Train, and say where the weights are."""
    from vdequant.training.recipe_dequantizernet import DequantizernetOrder, start_of, train_dequantizernet

    experiment = getattr(args, "experiment", NAME)
    spec, settings = form_of(args, experiment)
    init = args.init or start_of(experiment, args.runs)
    order = DequantizernetOrder(
        tuple(args.data), args.output, args.runs, settings, experiment, spec, discriminator_of(args, experiment),
        args.device, args.threads, init,
    )  # fmt: skip

    def told(trainer: AdversarialTrainer, loss: float) -> None:
        best = f", best {trainer.best['mean']:.3f} dB" if trainer.best else ""
        done = trainer.progress
        console.note(f"{trainer.done:5.1%}  step {done.steps}  {done.seconds:.0f} s  loss {loss:.4f}{best}")

    trainer = train_dequantizernet(order, told)
    if console.as_json:
        console.answer({"output": str(args.output), "steps": trainer.progress.steps, "psnr_db": trainer.best})
    else:
        console.result(f"{args.output}: {trainer.progress.steps} steps, {trainer.progress.seconds:.0f} s")
    return 0


def form_of(args: argparse.Namespace, experiment: str) -> tuple[GeneratorSpec, AdversarialSettings]:
    """The network and the settings that the words ask for.

    Raises:
        UsageError: see :func:`check`.
    """
    from vdequant.training.loop_dequantizernet import AdversarialSettings
    from vdequant.training.recipe_dequantizernet import EXPERIMENTS, FORMS, MIXED, SHIPPED_SETTINGS

    check(args)
    given = vars(args)
    known, form = EXPERIMENTS.get(experiment), _form(args, experiment)
    spec = replace(FORMS[form], blocks=known.blocks) if known else FORMS[form]
    own: dict[str, Any] = {name: given[name] for name in ("channels", "blocks", "transfer") if name in given}
    if given.get("upsampling"):
        own.update(upsampling=given["upsampling"], shrink=True)  # the answer has the size of the input
    spec = replace(spec, **own)
    base = SHIPPED_SETTINGS if form == "shipped" else AdversarialSettings()
    base = replace(base, qualities=known.qualities if known else MIXED)
    chosen: dict[str, Any] = {
        field.name: given[field.name] for field in fields(AdversarialSettings) if field.name in given
    }
    if "quality" in given:
        chosen["qualities"] = tuple(given["quality"])
    weights = {name: given[option] for option, (name, _) in LOSSES.items() if option in given}
    return spec, replace(base, losses=replace(base.losses, **weights), **chosen)


def _form(args: argparse.Namespace, experiment: str) -> str:
    """A key of FORMS and DISCRIMINATORS."""
    from vdequant.training.recipe_dequantizernet import EXPERIMENTS

    return str(vars(args).get("form", "published" if experiment in EXPERIMENTS else "shipped"))


def discriminator_of(args: argparse.Namespace, experiment: str) -> DiscriminatorSpec:
    """The discriminator of the form that the words ask for, with the transfer function that they name."""
    from vdequant.training.recipe_dequantizernet import DISCRIMINATORS

    spec = DISCRIMINATORS[_form(args, experiment)]
    return replace(spec, transfer=vars(args).get("discriminator_transfer", spec.transfer))


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be, before anything is read.

    Raises:
        UsageError: a number out of range, or --data or -o missing.
    """
    check_files(args)
    given = vars(args)
    for name in ("steps", "minutes", "epochs", "batch", "side", "rate", "channels"):
        if name in given and given[name] <= 0:
            raise UsageError(f"expected {name} above 0, got {given[name]}")
    if not 16 <= given.get("side", 96) <= 256 or given.get("side", 96) % 2:
        raise UsageError(f"expected an even --side between 16 and 256, got {given['side']}")
    if not 0 <= given.get("upsampling", 0) <= MOST_UPSAMPLING:
        raise UsageError(f"expected --upsampling from 0 to {MOST_UPSAMPLING}, got {given['upsampling']}")
    if given.get("side", 96) % (1 << given.get("upsampling", 0)):
        raise UsageError(
            f"expected --side as a multiple of {1 << given['upsampling']} with --upsampling {given['upsampling']}, "
            f"got {given['side']}"
        )
    for name in (*LOSSES, "blocks", "seed"):
        if given.get(name, 0) < 0:
            raise UsageError(f"expected --{name.replace('_', '-')} of 0 or more, got {given[name]}")
    name = given.get("experiment", NAME)
    if not name or name != Path(name).name:
        raise UsageError(f"expected --experiment as a plain name, got {name!r}")
    wrong = [quality for quality in given.get("quality", ()) if not 1 <= quality <= 100]
    if wrong:
        raise UsageError(f"expected --quality between 1 and 100, got {wrong[0]}")


def smoke(folder: Path) -> tuple[float, float]:
    """See :func:`vdequant.training.recipe_dequantizernet.smoke`."""
    from vdequant.training.recipe_dequantizernet import smoke

    return smoke(folder)
