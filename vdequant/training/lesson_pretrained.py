"""What an encoder learns for a base that others trained: to lead it to the ground truth, by the base's own loss.

It is the training of Vavilala et al., section 3: the base is frozen, and only the encoder beside it learns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from vdequant.models.diffusion import TRAINED_STEPS, at
from vdequant.models.pretrained import answer
from vdequant.models.pretrained_bases import PretrainedBase
from vdequant.models.pretrained_encoder import PretrainedEncoder
from vdequant.training.diffusion_pairs import DiffusionBatch, DiffusionPairs
from vdequant.training.lesson_diffusion import LOOKED_AT, DiffusionLesson

SIDE = 128  # of held-back crops
Loss = Callable[[nn.Module, DiffusionBatch], Tensor]


def noise_of(batch: DiffusionBatch, base: PretrainedBase) -> Tensor:
    """Noise for what the base works on: that of the batch, whose numbers are as many or more."""
    return functional.pixel_unshuffle(batch.noise, base.factor)[:, : base.channels]


def wanted_of(clean: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor, kind: str) -> Tensor:
    """What a base of this ``prediction_type`` is to answer: the noise, v = alpha * noise - sigma * clean, or clean."""
    if kind == "sample":
        return clean
    return noise if kind == "epsilon" else alpha * noise - sigma * clean


def pretrained_loss(base: PretrainedBase) -> Loss:
    """The squared error of what a frozen ``base`` predicts when an encoder tells it the planes."""
    alphas, sigmas = base.levels()

    def loss(net: nn.Module, batch: DiffusionBatch) -> Tensor:
        with torch.no_grad(), torch.autocast(batch.truth.device.type, enabled=False):
            clean = base.encode(batch.truth)
        step = batch.step * len(alphas) // TRAINED_STEPS
        noise, alpha, sigma = noise_of(batch, base), at(alphas, step), at(sigmas, step)
        height, width = batch.noise.shape[-2:]
        grain = torch.roll(batch.noise, (height // 2, width // 2), (-2, -1))  # other than that of the same pixel
        found = answer(base, net, alpha * clean + sigma * noise, step, batch.planes, grain)
        wanted = wanted_of(clean, noise, alpha, sigma, base.schedule["prediction_type"])
        error: Tensor = (found.float() - wanted).square().mean()
        return error

    return loss


class PretrainedLesson(DiffusionLesson):
    """What an encoder learns from; ``loss`` is that of :func:`pretrained_loss`."""

    loss: Loss | None = None

    @torch.no_grad()
    def score(self, net: PretrainedEncoder) -> dict[str, float]:
        """Minus the loss on held-back tiles, at several noise levels, and their mean."""
        if self.loss is None or not self.held:
            return {}
        device = next(net.parameters()).device
        scores: dict[str, float] = {}
        for step in LOOKED_AT:
            batch = DiffusionPairs(self.held, self.kind, SIDE, 0).batch(len(self.held), step).to(device)
            batch = replace(batch, step=torch.full_like(batch.step, step))
            with torch.autocast(device.type, dtype=torch.bfloat16):
                scores[f"step {step}"] = -float(self.loss(net, batch))
        return {**scores, "mean": sum(scores.values()) / len(scores)}
