"""The recipe of the diffusion model: the base first, then the encoders over the frozen base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vdequant.errors import UsageError
from vdequant.models.conditioning import TEXTURES
from vdequant.models.diffusion import SMALL, TINY, Base, DiffusionSpec, Encoder
from vdequant.models.diffusion_weights import BASE_NAME, ENCODER_NAMES, read_base, read_encoder, write_diffusion
from vdequant.training.data import SIDE, gradient
from vdequant.training.diffusion_pairs import DiffusionBatch
from vdequant.training.export import own_data, run_facts
from vdequant.training.lesson_diffusion import BaseLesson, EncoderLesson, base_loss, encoder_loss
from vdequant.training.loop import Trainer, TrainSettings

BaseTrainer = Trainer[Base, DiffusionBatch]
EncoderTrainer = Trainer[Encoder, DiffusionBatch]
BASE_CARD = """# {name}

An unconditional diffusion model of pictures, in pixel space: the frozen base of the restorer `diffusion`. A U-Net of
diffusers without attention, {channels} channels, on blocks of 2x2 pixels; {parameters:,} parameters (half precision);
predicts v; cosine schedule of 1,000 steps.

{data}
- **Training**: {steps:,} steps of {batch} crops of {side}x{side} in {seconds:,.0f} seconds on {device} (bf16 autocast),
  Muon and AdamW at {rate}, cosine, moving average of the weights. `python scripts/train_diffusion.py base`, source
  revision {revision}.
- **Held-back pictures**, minus the squared error of v by noise step: {scores}.
- **Limits**: it knows textures and edges, not objects; far smaller than any published diffusion model.
"""
ENCODER_CARD = """# {name}

The encoder for texture {kind} of the restorer `diffusion`: a ControlNet of `{base}` that is told a quantized picture,
the number of its colors, and {texture} where that is wanted. {parameters:,} parameters (half precision).

{data}
- **Training**: {before}{steps:,} steps of {batch} crops of {side}x{side} in {seconds:,.0f} seconds on {device} (bf16
  autocast), Muon and AdamW at {rate}, cosine, moving average of the weights; median cut to 4..128 colors, a quarter of
  the crops with patches in their mean color, texture in half of the crops and patches.
  `python scripts/train_diffusion.py {kind}`, source revision {revision}.
- **Gain on held-back pictures**, in dB over the stored picture, of the picture behind a noisy one (texture, colors,
  noise step): {scores}.
- **Limits**: palettes by median cut were trained on; other quantizers are close relatives at best.
"""
TEXTURE_WORDS = {
    "L": "the luma of the source",
    "G": "the slopes of the source's luma",
    "T": "where the source's luma is steep",
}


@dataclass(frozen=True, slots=True)
class DiffusionOrder:
    """What to train.

    Attributes:
        folders: with full-color pictures.
        part: "base", or the texture "L", "G" or "T" of an encoder; that needs the base in ``output``.
        output: folder of the safetensors files; model cards go beside them.
        runs: folder of checkpoints and logs.
        settings: of the loop.
        start: the encoder ("L", "G" or "T") in ``output`` to start from; None for a copy of the base's way down.
        device: "cpu" or "cuda".
        threads: intra-op threads on a CPU.
        card: lines of the model card on licence and data; None names the folders.
        spec: size of the base.
    """

    folders: tuple[Path, ...]
    part: str
    output: Path
    runs: Path
    settings: TrainSettings
    start: str | None = None
    device: str = "cpu"
    threads: int = 1
    card: str | None = None
    spec: DiffusionSpec = SMALL


def train_diffusion(
    order: DiffusionOrder, told: Callable[[Trainer[Base, DiffusionBatch] | EncoderTrainer, float], None] | None = None
) -> BaseTrainer | EncoderTrainer:
    """Train or resume a base or an encoder, and write its weights and card.

    Raises:
        InputError: when the folders hold no picture of at least 256x256.
        ModelError: when an encoder is asked for and there is no base.
        UsageError: for an unknown part.
    """
    if order.part != "base" and order.part not in TEXTURES:
        raise UsageError(f"expected base, {', '.join(TEXTURES)} to train, got {order.part!r}")
    torch.set_num_threads(order.threads)
    order.output.mkdir(parents=True, exist_ok=True)
    return _train_base(order, told) if order.part == "base" else _train_encoder(order, told)


def _train_base(order: DiffusionOrder, told: Callable[[BaseTrainer, float], None] | None) -> BaseTrainer:
    folder = order.runs / BASE_NAME
    trainer: BaseTrainer = Trainer(
        lambda: Base(order.spec), base_loss, order.settings, folder, torch.device(order.device)
    )
    trainer.run(BaseLesson.of_folders(list(order.folders), None), told)
    path = order.output / f"{BASE_NAME}.safetensors"
    write_diffusion(trainer.average, path)
    channels = ", ".join(str(width) for width in order.spec.channels)
    data = order.card or own_data(order.folders)
    path.with_suffix(".md").write_text(
        BASE_CARD.format(name=BASE_NAME, channels=channels, data=data, **run_facts(trainer))
    )
    return trainer


def _train_encoder(order: DiffusionOrder, told: Callable[[EncoderTrainer, float], None] | None) -> EncoderTrainer:
    device = torch.device(order.device)
    base = read_base(order.output / f"{BASE_NAME}.safetensors").to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    name = ENCODER_NAMES[order.part]

    def make() -> Encoder:
        if order.start is None:
            return Encoder(base)
        started = read_encoder(order.output / f"{ENCODER_NAMES[order.start]}.safetensors")
        return started.train().requires_grad_(True)

    trainer: EncoderTrainer = Trainer(make, encoder_loss(base), order.settings, order.runs / name, device)
    lesson = EncoderLesson.of_folders(list(order.folders), order.part)
    lesson.base = base
    trainer.run(lesson, told)
    path = order.output / f"{name}.safetensors"
    write_diffusion(trainer.average, path)
    before = "" if order.start is None else f"from `{ENCODER_NAMES[order.start]}`, "
    path.with_suffix(".md").write_text(
        ENCODER_CARD.format(
            name=name,
            kind=order.part,
            base=BASE_NAME,
            texture=TEXTURE_WORDS[order.part],
            data=order.card or own_data(order.folders),
            before=before,
            **run_facts(trainer),
        )
    )
    return trainer


def smoke(runs: Path) -> tuple[float, float]:
    """A training run of seconds on synthetic gradients: an encoder over a base that learned nothing.

    Returns:
        The loss of one batch, which is not trained on, before and after 60 steps.
    """
    rng = np.random.default_rng(1)
    lesson = EncoderLesson([gradient(rng, SIDE) for _ in range(4)], [], "L")
    settings = TrainSettings(steps=60, batch=8, side=32, rate=2e-3, log_every=10, validate_every=0)
    unseen = lesson.draw(replace(settings, batch=32), 0)
    base = Base(TINY).requires_grad_(False)
    loss = encoder_loss(base)
    trainer: EncoderTrainer = Trainer(lambda: Encoder(base), loss, settings, runs, torch.device("cpu"))
    before = float(loss(trainer.net, unseen).detach())
    return before, float(loss(trainer.run(lesson), unseen).detach())
