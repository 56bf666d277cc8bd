"""The recipe of encoders for bases that others trained: DeepFloyd IF stage II, as published, or Stable Diffusion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from vdequant.errors import UsageError
from vdequant.models.conditioning import TEXTURES
from vdequant.models.pretrained_bases import PretrainedBase
from vdequant.models.pretrained_encoder import PretrainedEncoder, read_pretrained_encoder, write_pretrained_encoder
from vdequant.models.pretrained_files import read_base
from vdequant.models.pretrained_text import FILE, empty_text, write_text
from vdequant.training.diffusion_pairs import DiffusionBatch
from vdequant.training.export import own_data, run_facts
from vdequant.training.lesson_pretrained import PretrainedLesson, pretrained_loss
from vdequant.training.loop import Trainer
from vdequant.training.recipe_diffusion import TEXTURE_WORDS, DiffusionOrder

PretrainedTrainer = Trainer[PretrainedEncoder, DiffusionBatch]
BATCH, SIDE, RATE = 12, 256, 1e-5  # as published
CARD = """# {name}

The encoder for texture {kind} of the restorer `diffusion` for the base `{base}`: a ControlNet that is told a quantized
picture, the number of its colors, and {texture} where that is wanted. {parameters:,} parameters (half precision).

    vdequant IN -o OUT --restorer diffusion --base {base} --encoder {name}.safetensors

{data}
- **Training**: {before}{steps:,} steps of {batch} crops of {side}x{side} in {seconds:,.0f} seconds on {device} (bf16
  autocast), AdamW at {rate}, cosine, moving average of the weights; median cut to 4..128 colors, a quarter of the crops
  with patches in their mean color, texture in half of the crops and patches.
  `python scripts/train_diffusion.py {kind} --base {base}`, source revision {revision}.
- **Held-back pictures**, minus the squared error of what the base predicts, by noise step: {scores}.
- **Limits**: it is of no use without the base, whose licence binds whoever uses both.
"""


def encoder_name(base: str, texture: str) -> str:
    """Of the file of an encoder: "DeepFloyd/IF-II-L-v1.0" and "T" make "if-ii-l-v1.0-t"."""
    return f"{Path(base).name.lower()}-{texture.lower()}"


def train_pretrained(
    order: DiffusionOrder, base: str, told: Callable[[PretrainedTrainer, float], None] | None = None
) -> PretrainedTrainer:
    """Train or resume an encoder for a base, and write it, its card, and the base's empty text.

    Args:
        order: ``part`` is the texture; ``spec`` has no meaning.
        base: name in the Hugging Face cache, or folder.
        told: see :class:`~vdequant.training.loop.Trainer`.

    Raises:
        InputError: when the folders hold no picture of at least 256x256.
        ModelError: when there is no such base, or nothing to tell its empty text.
        UsageError: for another part than a texture, or a side that the base cannot take.
    """
    if order.part not in TEXTURES:
        raise UsageError(f"expected {', '.join(TEXTURES)} to train for the base {base}, got {order.part!r}")
    torch.set_num_threads(order.threads)
    order.output.mkdir(parents=True, exist_ok=True)
    found = read_base(base)
    if order.settings.side % found.multiple:
        raise UsageError(f"expected --side of a multiple of {found.multiple} for {base}, got {order.settings.side}")
    text = empty_text(found, order.output)
    write_text(text, order.output / FILE)
    device, name = torch.device(order.device), encoder_name(base, order.part)
    loss = pretrained_loss(found.to(device))
    trainer: PretrainedTrainer = Trainer(
        lambda: _begun(order, found, text), loss, replace(order.settings, muon=False), order.runs / name, device
    )
    lesson = PretrainedLesson.of_folders(list(order.folders), order.part)
    lesson.loss = loss
    trainer.run(lesson, told)
    path = order.output / f"{name}.safetensors"
    write_pretrained_encoder(trainer.average, path)
    path.with_suffix(".md").write_text(_card(order, base, trainer))
    return trainer


def _begun(order: DiffusionOrder, base: PretrainedBase, text: torch.Tensor) -> PretrainedEncoder:
    """The encoder before its first step: a copy of the base's way down, or one for another texture."""
    if order.start is None:
        return PretrainedEncoder(base, order.part, text)
    path = order.output / f"{encoder_name(base.name, order.start)}.safetensors"
    net = read_pretrained_encoder(path, base).train().requires_grad_(True)
    net.spec = replace(net.spec, texture=order.part)
    return net


def _card(order: DiffusionOrder, base: str, trainer: PretrainedTrainer) -> str:
    return CARD.format(
        name=encoder_name(base, order.part),
        kind=order.part,
        base=base,
        texture=TEXTURE_WORDS[order.part],
        data=order.card or own_data(order.folders),
        before="" if order.start is None else f"from `{encoder_name(base, order.start)}`, ",
        **run_facts(trainer),
    )
