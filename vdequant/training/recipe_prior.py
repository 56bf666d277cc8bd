"""The recipe of a prior: small pictures in, generator and model card out; ``scripts/train_prior.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from vdequant.errors import UsageError
from vdequant.models.prior import PUBLISHED, SMALL, Critic, PriorSpec
from vdequant.models.prior_local import LOCAL
from vdequant.models.prior_vae import AnySpec, Vae, critic_of
from vdequant.models.prior_weights import Prior, read_prior, write_prior
from vdequant.training.export import count_parameters, own_data, revision
from vdequant.training.lesson_prior import PriorLesson, vae_loss, verdict_loss
from vdequant.training.loop import Trainer, TrainSettings
from vdequant.training.loop_gan import GanTrainer
from vdequant.training.prior_pictures import PriorBatch, PriorPictures, read
from vdequant.training.recipe_cellnet import check_torch

SIZES: dict[str, AnySpec] = {"local": LOCAL, "small": SMALL, "published": PUBLISHED}
KINDS = ("vae", "gan", "critic")
CARD = """# {name}

A generator of {side}x{side} pictures from {latent} Gaussian numbers, the prior of the restorer `map`; with the encoder
that it was trained with, where the search begins. {parameters:,} parameters, {macs:,} multiply-accumulates a picture.

{data}
- **Training**: as a {kind}, {steps:,} steps of {batch} pictures in {seconds:,.0f} seconds on {device} (bf16 autocast),
  peak rate {rate}, cosine, moving average of the weights. `python scripts/train_prior.py`, source revision {revision}.
- **Held-back pictures**: {scores}.
- **Limits**: what it has not seen the like of, it cannot make; the restorer's result is blurred there.
"""
Told = Callable[[int, float, float, dict[str, float]], None]  # steps, seconds, loss, best scores


@dataclass(frozen=True, slots=True)
class PriorOrder:
    """What to train.

    Attributes:
        folders: with pictures.
        kind: "vae"; "gan", the published way; or "critic", for the generator that ``output`` holds already.
        size: of SIZES.
        output: the safetensors file; the model card goes beside it.
        runs: folder of checkpoints and logs of this run alone.
        settings: of the loop.
        device: "cpu" or "cuda".
        threads: intra-op threads on a CPU.
        card: lines of the model card on licence and data; None names the folders.
    """

    folders: tuple[Path, ...]
    kind: str
    size: str
    output: Path
    runs: Path
    settings: TrainSettings
    device: str = "cpu"
    threads: int = 1
    card: str | None = None


@dataclass(frozen=True, slots=True)
class PriorReport:
    """How a run ended."""

    steps: int
    seconds: float
    scores: dict[str, float]


def train_prior(order: PriorOrder, told: Told | None = None) -> PriorReport:
    """Train or resume, and write weights and card.

    Raises:
        InputError: when a folder holds no pictures.
        ModelError: when a critic is asked for and there is no generator.
        UsageError: for an unknown kind, one that the size cannot have, or when torch is too old.
    """
    if order.kind not in KINDS:
        raise UsageError(f"expected a prior of kind {', '.join(KINDS)}, got {order.kind!r}")
    check_torch()
    torch.set_num_threads(order.threads)
    pictures = read(list(order.folders), SIZES[order.size].side)
    run = {"vae": _vae, "gan": _gan, "critic": _critic}[order.kind]
    prior, report = run(order, pictures, told)
    order.output.parent.mkdir(parents=True, exist_ok=True)
    write_prior(prior, order.output)
    if order.kind != "critic":
        order.output.with_suffix(".md").write_text(_card(order, prior, report))
    return report


def _telling(told: Told | None) -> Callable[[Trainer[Vae, PriorBatch], float], None]:
    def tell(trainer: Trainer[Vae, PriorBatch], loss: float) -> None:
        if told is not None:
            told(trainer.steps, trainer.seconds, loss, trainer.best)

    return tell


def _vae(order: PriorOrder, pictures: PriorPictures, told: Told | None) -> tuple[Prior, PriorReport]:
    spec, device = SIZES[order.size], torch.device(order.device)
    trainer = Trainer(partial(Vae, spec), vae_loss, order.settings, order.runs, device)
    net = trainer.run(PriorLesson(pictures, spec.latent), _telling(told))
    return Prior(net.generator, net.encoder), PriorReport(trainer.steps, trainer.seconds, trainer.best)


def _gan(order: PriorOrder, pictures: PriorPictures, told: Told | None) -> tuple[Prior, PriorReport]:
    spec = SIZES[order.size]
    if not isinstance(spec, PriorSpec):
        raise UsageError(f"expected a size of the layers in the paper for a GAN, got {order.size}; --size small")
    trainer = GanTrainer(spec, order.settings, order.runs, torch.device(order.device))
    trainer.run(pictures, told)
    report = PriorReport(trainer.progress.steps, trainer.progress.seconds, {})
    return Prior(trainer.average, critic=trainer.critic), report


def _critic(order: PriorOrder, pictures: PriorPictures, told: Told | None) -> tuple[Prior, PriorReport]:
    """Of a generator that was trained without one; nothing is scored."""
    prior, device = read_prior(order.output), torch.device(order.device)
    generator = prior.to(device, torch.float32).generator

    def loss(critic: torch.nn.Module, batch: PriorBatch) -> torch.Tensor:
        return verdict_loss(critic, generator, batch)

    settings = replace(order.settings, validate_every=0)
    trainer = Trainer(partial(critic_of, prior.spec), loss, settings, order.runs, device)

    def tell(trainer: Trainer[Critic, PriorBatch], loss: float) -> None:
        if told is not None:
            told(trainer.steps, trainer.seconds, loss, {})

    critic = trainer.run(_Unscored(pictures, prior.spec.latent), tell)
    return Prior(prior.generator, prior.encoder, critic), PriorReport(trainer.steps, trainer.seconds, {})


class _Unscored(PriorLesson):
    """The pictures of a prior for another network."""

    def score(self, net: torch.nn.Module) -> dict[str, float]:
        """Nothing."""
        return {}


def _card(order: PriorOrder, prior: Prior, report: PriorReport) -> str:
    data = order.card or own_data(order.folders)
    scores = {name: value for name, value in report.scores.items() if name in ("psnr", "nats")}
    return CARD.format(
        name=order.output.stem,
        side=prior.spec.side,
        latent=prior.spec.latent,
        parameters=sum(count_parameters(part) for part in prior.parts().values()),
        macs=prior.spec.macs,
        data=data,
        kind={"vae": "variational autoencoder", "gan": "progressive GAN"}[order.kind],
        steps=report.steps,
        batch=order.settings.batch,
        seconds=report.seconds,
        device=order.device,
        rate=order.settings.rate,
        revision=revision(),
        scores="rebuilt with {psnr:.2f} dB from {nats:.0f} nats".format(**scores) if scores else "not measured",
    )
