"""The recipe of DequantizerNet: pictures in, safetensors and model card out; ``vdequant train dequantizernet``.

Experiments have names, as in the paper: letters of the Hebrew alphabet for highly quantized pictures (JPEG of 1 %),
letters of the Greek one for moderately quantized pictures (50 %). Alef, Beta, Gimel and Phi are the published ones and
bring their settings with them; any other name is that of a run of your own.

Two forms of the network are known. "published" is that of the paper: batch normalization, an answer from scratch,
adversarial and content loss, constant rate. "shipped" is that of the packaged weights: the answer is added to the
input, no normalization, inner layers at half size, mostly pixel loss, Muon, cosine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vdequant.errors import InputError, ModelError, UsageError
from vdequant.models.dequantizernet import DiscriminatorSpec, Generator, GeneratorSpec
from vdequant.models.dequantizernet_weights import read_generator, write_generator
from vdequant.training.data import SIDE, gradient
from vdequant.training.export import count_parameters, own_data, revision
from vdequant.training.loop_dequantizernet import AdversarialSettings, AdversarialTrainer
from vdequant.training.pairs_dequantizernet import Tiles, load_tiles
from vdequant.training.picture_losses import LossWeights

PUBLISHED = GeneratorSpec()
SHIPPED = GeneratorSpec(
    channels=48, blocks=8, upsampling=1, ends=5, norm="none", transfer="prelu", long_skip=True, shrink=True
)
FORMS = {"published": PUBLISHED, "shipped": SHIPPED}
SMALL_DISCRIMINATOR = DiscriminatorSpec((16, 32, 64, 128))
DISCRIMINATORS = {"published": DiscriminatorSpec(), "shipped": SMALL_DISCRIMINATOR}
MIXED = (1, 1, 5, 10, 10, 20, 30, 40, 50, 75)  # qualities of the shipped weights; two of them are drawn twice as often
SHIPPED_SETTINGS = AdversarialSettings(
    qualities=MIXED,
    batch=8,
    rate=2.5e-3,
    schedule="cosine",
    muon=True,
    clip=0.5,
    average=0.998,
    losses=LossWeights(adversarial=1e-4, content=0.0, relative=1.0),
)
SMOKE_STEPS = 40


@dataclass(frozen=True, slots=True)
class Experiment:
    """A published experiment (table 1 of the paper).

    Attributes:
        qualities: of JPEG.
        blocks: R, residual blocks.
        start: the experiment whose checkpoint it begins with.
    """

    qualities: tuple[int, ...]
    blocks: int
    start: str = ""


EXPERIMENTS: dict[str, Experiment] = {
    "alef": Experiment((1,), 5),
    "beta": Experiment((50,), 5),
    "gimel": Experiment((1,), 10),
    "phi": Experiment((50,), 10, start="gimel"),
}


@dataclass(frozen=True, slots=True)
class DequantizernetOrder:
    """What to train.

    Attributes:
        folders: with full-color pictures of at least 256x256.
        output: the safetensors file; the model card goes beside it, as .md.
        runs: folder of the runs; this one's is named after the experiment.
        settings: of the loop.
        experiment: name of the run.
        generator, discriminator: sizes.
        device: "cpu" or "cuda".
        threads: intra-op threads on a CPU.
        init: weights to start from: safetensors, or the checkpoint (.pt) of a run, which has a discriminator too.
        card: lines of the model card on licence and data; None names the folders.
    """

    folders: tuple[Path, ...]
    output: Path
    runs: Path
    settings: AdversarialSettings
    experiment: str = "dequantizernet"
    generator: GeneratorSpec = SHIPPED
    discriminator: DiscriminatorSpec = SMALL_DISCRIMINATOR
    device: str = "cpu"
    threads: int = 1
    init: Path | None = None
    card: str | None = None

    @property
    def folder(self) -> Path:
        """Of this run."""
        return self.runs / self.experiment


def start_of(experiment: str, runs: Path) -> Path | None:
    """The checkpoint that an experiment begins with; None for those that begin with random weights.

    Raises:
        UsageError: it is not there yet.
    """
    known = EXPERIMENTS.get(experiment)
    if known is None or not known.start:
        return None
    path = runs / known.start / "best.pt"
    if not path.is_file():
        raise UsageError(f"expected {path} to start {experiment} from; train {known.start} first, or give --init")
    return path


def _begin(trainer: AdversarialTrainer, order: DequantizernetOrder) -> None:
    """Give the trainer the weights of ``order.init``."""
    if order.init is None or trainer.progress.steps:
        return
    try:
        if order.init.suffix == ".safetensors":
            trainer.start_from(read_generator(order.init))
            return
        state = torch.load(order.init, map_location="cpu", weights_only=True)
        net = Generator(order.generator)
        net.load_state_dict(state.get("average", state["generator"]))
        trainer.start_from(net, state["discriminator"])
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"expected --init to hold a network of {order.generator.blocks} blocks of "
            f"{order.generator.channels} channels, cannot use {order.init} ({reason})"
        ) from error


def _tiles(folders: Sequence[Path]) -> Tiles:
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        raise InputError(f"expected folders with pictures, got {', '.join(missing)}; give --data DIR")
    return load_tiles(folders)


def train_dequantizernet(
    order: DequantizernetOrder, told: Callable[[AdversarialTrainer, float], None] | None = None
) -> AdversarialTrainer:
    """Train or resume, and write weights and card.

    Raises:
        InputError: a folder or its pictures are missing.
        ModelError: the run's folder or ``init`` holds other networks.
        UsageError: a tracker was asked for and is not installed.
    """
    torch.set_num_threads(order.threads)
    tiles = _tiles(order.folders)
    trainer = AdversarialTrainer(
        order.generator, order.discriminator, order.settings, tiles, order.folder, torch.device(order.device)
    )
    _begin(trainer, order)
    net = trainer.run(told)
    order.output.parent.mkdir(parents=True, exist_ok=True)
    write_generator(net, order.output)
    order.output.with_suffix(".md").write_text(model_card(order, trainer), encoding="utf-8")
    return trainer


CARD = """# {name}

DequantizerNet (Geleta and Redondo 2022): a residual network that takes JPEG's artifacts out of pictures, blind to their
quality. Experiment {experiment}: {parameters:,} parameters, {macs:,} multiply-accumulates a pixel, receptive radius
{radius} pixels. Form: {form}. Trained against a discriminator: {discriminator}.

{data}
- **Degradation**: JPEG of quality {qualities}, 4:2:0 (OpenCV's default), of crops at full and at reduced size.
- **Training**: {start}{steps:,} steps of {batch} crops of {side}x{side} in {seconds:,.0f} seconds on {device} (bf16
  autocast), {optimizer} at {rate:g}, {schedule} rate{average}. Loss: {losses}{features}. The checkpoint of the best
  held-back PSNR, at step {best_step:,}. `vdequant train dequantizernet`, source revision {revision}.
- **PSNR on held-back pictures**, in dB: {scores}.
- **Limits**: trained on JPEG of these qualities alone; on other losses it smooths what looks like blocks and ringing.
"""


def model_card(order: DequantizernetOrder, trainer: AdversarialTrainer) -> str:
    """The Markdown card of a trained generator."""
    settings, spec = trainer.settings, trainer.result.spec
    scores = {name: value for name, value in trainer.best.items() if name not in ("mean", "steps")}
    return CARD.format(
        name=order.output.stem,
        experiment=order.experiment,
        parameters=count_parameters(trainer.result),
        macs=spec.macs,
        radius=spec.radius,
        form=", ".join(f"{name} {value}" for name, value in asdict(spec).items()),
        discriminator=", ".join(f"{name} {value}" for name, value in asdict(order.discriminator).items()),
        data=order.card or own_data(order.folders),
        qualities=", ".join(str(quality) for quality in sorted(set(settings.qualities))),
        start=f"from the weights of {order.init}, " if order.init else "",
        steps=trainer.progress.steps,
        batch=settings.batch,
        side=settings.side,
        seconds=trainer.progress.seconds,
        device=trainer.device,
        rate=settings.rate,
        optimizer=f"{'Muon, AdamW and ' if settings.muon else ''}Adam {settings.betas}",
        schedule=settings.schedule,
        average=f", moving average of the weights ({settings.average:g})" if settings.average else "",
        losses=settings.losses.describe(),
        features=f" (features of {trainer.extractor_name})" if trainer.extractor_name else "",
        best_step=round(trainer.best.get("steps", trainer.progress.steps)),
        revision=revision(),
        scores=", ".join(f"{name} {value:.2f}" for name, value in scores.items()) or "not measured",
    )


def smoke(runs: Path) -> tuple[float, float]:
    """A training run of seconds on synthetic gradients, to see that everything fits together.

    Returns:
        The mean loss of the first and of the last eight of 40 steps.
    """
    rng = np.random.default_rng(1)
    tiles = Tiles([gradient(rng, SIDE) for _ in range(4)])
    settings = replace(SHIPPED_SETTINGS, steps=SMOKE_STEPS, batch=4, side=32, rate=5e-3, log_every=8)
    losses: list[float] = []
    trainer = AdversarialTrainer(
        replace(SHIPPED, channels=8, blocks=1, long_skip=False),  # has to learn to copy, which is quickly seen
        DiscriminatorSpec((4, 8)),
        settings,
        tiles,
        runs / "smoke",
        torch.device("cpu"),
    )
    trainer.run(lambda _, loss: losses.append(loss))
    return losses[0], losses[-1]
