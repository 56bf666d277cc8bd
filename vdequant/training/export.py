"""Writes shipped weights: safetensors in half precision, with the spec in the metadata and a model card beside."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file

from vdequant.models.cellnet import Cellnet
from vdequant.models.weights import FORMAT
from vdequant.training.loop import Trainer


def export_cellnet(net: Cellnet, path: Path) -> None:
    """Save ``net`` as float32 below 1 MB, where half precision would save nothing worth its rounding."""
    tensors = {key: tensor.detach().cpu().float().contiguous() for key, tensor in net.state_dict().items()}
    save_file(tensors, str(path), metadata={"format": FORMAT, "spec": json.dumps(asdict(net.spec))})


def count_parameters(net: torch.nn.Module) -> int:
    """Number of trained values."""
    return sum(parameter.numel() for parameter in net.parameters())


CARD = """# {name}

One residual network at full resolution for every quantizer: it is told each sample's cell (stored value, distance down
and up) and answers inside it. {parameters:,} parameters, {macs:,} multiply-accumulates a pixel, receptive radius
{radius} pixels.

- **Licence of the weights**: CC BY-SA 4.0, because a part of the training pictures is under that licence.
- **Training pictures** (256x256 tiles, none of them in a test set): CLIC 2025 photos, gb82, elementary and pop-os
  wallpapers, imageio samples (CC0 / Unsplash / public domain); Cloudinary CID22 training part (CC BY-SA 4.0);
  illustrations by Mikanixonable (CC0), Pepper&Carrot by David Revoy (CC BY 4.0), Ren'Py demo art (MIT), Naev planets
  (mixed free licences); game screens composed from Kenney sprites (CC0), Unknown Horizons (CC BY-SA 3.0),
  The Secret Chronicles of Dr. M. (GPL-3) and Naev.
- **Degradations**: 2..64 levels a channel and bit depths (3-3-2, 4-4-4, 5-5-5, 5-6-5, 6-6-6 and others) in the
  replicate, shift, floor and center expansions; palettes of 4..256 colors by median cut, k-means and octree, plain,
  Floyd-Steinberg and Bayer 4x4; x264 and JPEG after a 3- to 6-bit quantizer; game screens cut to a palette as their
  own truth, so that flat art is left alone; a share of the lattice crops is synthetic gradients.
- **Training**: {steps:,} steps of {batch} crops of {side}x{side}, {minutes:.0f} minutes on one CPU core (bf16
  autocast), AdamW {rate}, cosine, moving average of the weights. Made by `scripts/train_release.py --network {letter}`.
- **Scores**: see the tables in README.md, made by `scripts/evaluate_levels.py`.
- **Limits**: trained on cells of 1/64 and more; finer quantization is passed through nearly unchanged.
"""


def model_card(name: str, trainer: Trainer) -> str:
    """The Markdown card of a trained cellnet."""
    return CARD.format(
        name=name,
        letter=name[-1],
        parameters=count_parameters(trainer.average),
        macs=trainer.net.spec.macs,
        radius=trainer.net.spec.radius,
        steps=trainer.steps,
        batch=trainer.settings.batch,
        side=trainer.settings.side,
        minutes=trainer.seconds / 60,
        rate=trainer.settings.rate,
    )
