"""Diffusion models for tests: a tiny random one, and one that only looks. They return data and assert nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from vdequant.models.conditioning import COLORS
from vdequant.models.denoiser import Embedded
from vdequant.models.diffusion import NOISE, TINY, TRAINED_STEPS, Base, Encoder
from vdequant.restorers.diffusion import Diffusion
from vdequant.restorers.sampling import Sampling


def tiny(texture: str = "L") -> Embedded:
    """Untrained networks two blocks deep; each texture has an encoder of its own, and its planes matter."""
    state = torch.get_rng_state()
    torch.manual_seed(5 + ord(texture))
    base = Base(TINY).requires_grad_(False)
    encoder = Encoder(base)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    torch.set_rng_state(state)
    return Embedded(texture, base.eval(), encoder.eval().requires_grad_(False))


def ship_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package find tiny networks where it would read its weights."""
    monkeypatch.setattr("vdequant.models.denoiser.packaged_base", lambda: tiny().base)
    monkeypatch.setattr("vdequant.models.denoiser.packaged_encoder", lambda texture: tiny(texture).encoder)


class Looking:
    """A denoiser that draws the colors that it is told, ``error`` brighter, pixel by pixel, and keeps what it saw."""

    multiple, factor, channels = 4, 1, 3
    schedule: dict[str, Any] = {  # noqa: RUF012 (read only)
        "num_train_timesteps": TRAINED_STEPS,
        "beta_schedule": NOISE,
        "prediction_type": "sample",
    }

    def __init__(self, texture: str = "L", error: float = 0.0) -> None:
        self.texture, self.error = texture, error
        self.noisy: list[Tensor] = []
        self.planes: list[Tensor] = []

    def to(self, device: torch.device, dtype: torch.dtype) -> Looking:
        """Itself."""
        return self

    def predict(self, noisy: Tensor, step: Tensor, planes: Tensor) -> Tensor:
        """The colors, with a little of the noise."""
        self.noisy.append(noisy)
        self.planes.append(planes)
        return planes[:, COLORS] * 2 - 1 + 2 * self.error + 0.01 * noisy

    def decode(self, clean: Tensor) -> Tensor:
        """Nothing to be done."""
        return clean


def model(denoiser: Any, sampler: str = "ddim", steps: int = 3, **sampling: int) -> Diffusion:
    """A drawing model of few steps."""
    return Diffusion(denoiser, Sampling(sampler, steps, **sampling))
