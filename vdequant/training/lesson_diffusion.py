"""What a diffusion model is told to get right: the ground truth behind the noise, with and without being told more."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from vdequant.models.conditioning import COLORS, planes_of, texture_of
from vdequant.models.diffusion import Base, Encoder, at, noise_levels, picture_of
from vdequant.training.data import read_tiles, source_is_held, to_tensor
from vdequant.training.diffusion_pairs import DiffusionBatch, DiffusionPairs, median_cut
from vdequant.training.loop import TrainSettings

MOST = 24  # held-back tiles that are looked at
LOOKED_AT = (950, 600, 200)  # noise levels of the scores
LEAST_ERROR = 1e-3  # in the unit of the loss: a flat crop in many colors is hardly off at all
PALETTES = (8, 32, 128)


def noisy_of(batch: DiffusionBatch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The noisy picture, the v that is behind it, and alpha and sigma of each picture's step."""
    alpha, sigma = (at(levels, batch.step) for levels in noise_levels())
    return alpha * batch.truth + sigma * batch.noise, alpha * batch.noise - sigma * batch.truth, alpha, sigma


def base_loss(net: nn.Module, batch: DiffusionBatch) -> Tensor:
    """Squared error of v: that of the picture, weighted by 1 + its signal-to-noise ratio (Salimans and Ho 2022)."""
    noisy, wanted, _, _ = noisy_of(batch)
    loss: Tensor = (net(noisy, batch.step).float() - wanted).square().mean()
    return loss


def encoder_loss(base: Base) -> Callable[[nn.Module, DiffusionBatch], Tensor]:
    """For an encoder of a frozen ``base``: the squared error of the picture, in units of what the told colors are off.

    Without the unit the few colors are all that counts: in 128 colors a picture is off by a tenth of that in 4.
    """

    def loss(net: nn.Module, batch: DiffusionBatch) -> Tensor:
        noisy, wanted, _, sigma = noisy_of(batch)
        found = net(base, noisy, batch.step, batch.planes)
        squared = (sigma * (found.float() - wanted)).square().mean(dim=(1, 2, 3))
        usual = (batch.planes[:, COLORS] * 2 - 1 - batch.truth).square().mean(dim=(1, 2, 3))
        relative: Tensor = (squared / (usual + LEAST_ERROR)).mean()
        return relative

    return loss


class DiffusionLesson:
    """See :class:`~vdequant.training.loop.Lesson`; what a base and an encoder have in common.

    Args:
        tiles: ``(256, 256, 3)`` uint8 to learn from.
        held: tiles to be scored on.
        kind: of texture that the planes have; None for pictures alone.
    """

    def __init__(self, tiles: list[np.ndarray], held: list[np.ndarray], kind: str | None) -> None:
        self.tiles, self.held, self.kind = tiles, held, kind
        self.pairs: DiffusionPairs | None = None

    @classmethod
    def of_folders(cls, folders: list[Path], kind: str | None) -> Self:
        """Learns from the pictures of folders, but for some sources, on which it is scored.

        Raises:
            InputError: when a folder holds no picture of at least 256x256.
        """
        tiles, paths = read_tiles(folders)
        held = [i for i, path in enumerate(paths) if source_is_held(path)]
        kept = [tile for tile, path in zip(tiles, paths, strict=True) if not source_is_held(path)]
        step = max(1, math.ceil(len(held) / MOST))
        return cls(kept, [tiles[i] for i in held][::step], kind)

    def draw(self, settings: TrainSettings, number: int) -> DiffusionBatch:
        """See :class:`~vdequant.training.loop.Lesson`."""
        self.pairs = self.pairs or DiffusionPairs(self.tiles, self.kind, settings.side, settings.seed)
        return self.pairs.batch(settings.batch, number)


class BaseLesson(DiffusionLesson):
    """What a base learns from."""

    @torch.no_grad()
    def score(self, net: Base) -> dict[str, float]:
        """Minus the loss on held-back tiles, at several noise levels, and their mean."""
        scores: dict[str, float] = {}
        for step in LOOKED_AT if self.held else ():
            batch = DiffusionPairs(self.held, self.kind, 64, 0).batch(4 * len(self.held), step)
            batch = replace(batch, step=torch.full_like(batch.step, step)).to(next(net.parameters()).device)
            with torch.autocast(batch.truth.device.type, dtype=torch.bfloat16):
                scores[f"step {step}"] = -float(base_loss(net, batch))
        return {**scores, "mean": sum(scores.values()) / len(scores)} if scores else {}


class EncoderLesson(DiffusionLesson):
    """What an encoder learns from, for a frozen base."""

    def __init__(self, tiles: list[np.ndarray], held: list[np.ndarray], kind: str, base: Base | None = None) -> None:
        super().__init__(tiles, held, kind)
        self.base = base

    @torch.no_grad()
    def score(self, net: Encoder) -> dict[str, float]:
        """Gain in dB of the picture behind a noisy one over the stored one, by texture, colors and step; and "mean"."""
        if self.base is None or self.kind is None or not self.held:
            return {}
        device = next(net.parameters()).device
        truth = torch.stack([to_tensor(tile[:128, :128]) for tile in self.held]).to(device)
        scores: dict[str, float] = {}
        for colors in PALETTES:
            stored = torch.stack([to_tensor(median_cut(tile, colors)[:128, :128]) for tile in self.held]).to(device)
            for name, texture in (("off", None), ("on", texture_of(truth, self.kind))):
                planes = planes_of(stored, torch.tensor(colors / 256), texture)
                for step in LOOKED_AT[:2]:
                    scores[f"{name} {colors} at {step}"] = _gain(self.base, net, truth, planes, step)
        return {**scores, "mean": sum(scores.values()) / len(scores)}


def _gain(base: Base, net: Encoder, truth: Tensor, planes: Tensor, step: int) -> float:
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(step)).to(truth.device)
    steps = torch.full((len(truth),), step, device=truth.device)
    noisy, _, alpha, sigma = noisy_of(DiffusionBatch(truth * 2 - 1, planes, noise, steps))
    with torch.autocast(truth.device.type, dtype=torch.bfloat16):
        v = net(base, noisy, steps, planes)
    found = (picture_of(noisy, v.float(), alpha, sigma).clamp(-1, 1) + 1) / 2
    before = (planes[:, COLORS] - truth).square().mean()
    return float(10 * torch.log10(before / (found - truth).square().mean()))
