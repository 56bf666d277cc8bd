"""What a sampler asks of a diffusion model, and the model that ships.

Models differ in what they work on (pixels, or the numbers of an autoencoder) and in what they predict; a sampler needs
to know neither.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from vdequant.models.diffusion import NOISE, TRAINED_STEPS, Base, Encoder
from vdequant.models.diffusion_weights import packaged_base, packaged_encoder


class Denoiser(Protocol):
    """A base and an encoder that was trained for it.

    Attributes:
        texture: "L", "G" or "T", what the encoder was trained with.
        multiple: height and width of a picture are multiples of this.
        factor: pixels on each side for one sample of what it works on; 1 for models in pixel space.
        channels: of what it works on; 3 for models in pixel space.
        schedule: of the noise, and what is predicted, as the schedulers of diffusers are told: ``beta_schedule``,
            ``num_train_timesteps``, ``prediction_type`` and others.
    """

    @property
    def texture(self) -> str: ...
    @property
    def multiple(self) -> int: ...
    @property
    def factor(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def schedule(self) -> dict[str, Any]: ...

    def to(self, device: torch.device, dtype: torch.dtype) -> Denoiser:
        """The same on ``device`` with weights of ``dtype``; may return itself."""
        ...

    def predict(self, noisy: Tensor, step: Tensor, planes: Tensor) -> Tensor:
        """What ``schedule`` says that is predicted, float32, of the shape of ``noisy``.

        Args:
            noisy: ``(N, channels, H / factor, W / factor)`` float32.
            step: ``(N,)`` int64, the level of noise.
            planes: ``(N, 7, H, W)``, see :mod:`vdequant.models.conditioning`.
        """
        ...

    def decode(self, clean: Tensor) -> Tensor:
        """Pictures ``(N, 3, H, W)`` in about [-1, 1] of what the model works on."""
        ...


class Embedded:
    """The model that ships; see :class:`Denoiser`.

    Args:
        texture: "L", "G" or "T": which of its encoders.
        base, encoder: networks of one's own; None for the packaged ones.
    """

    factor, channels = 1, 3

    def __init__(self, texture: str = "L", base: Base | None = None, encoder: Encoder | None = None) -> None:
        self.texture = texture
        self.base = base or packaged_base()
        self.encoder = encoder or packaged_encoder(texture)
        self.multiple = self.base.spec.multiple
        self.schedule: dict[str, Any] = {
            "num_train_timesteps": TRAINED_STEPS,
            "beta_schedule": NOISE,
            "prediction_type": "v_prediction",
        }

    def to(self, device: torch.device, dtype: torch.dtype) -> Embedded:
        """See :class:`Denoiser`."""
        for net in (self.base, self.encoder):
            net.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    @torch.no_grad()
    def predict(self, noisy: Tensor, step: Tensor, planes: Tensor) -> Tensor:
        """See :class:`Denoiser`."""
        found: Tensor = self.encoder(self.base, noisy, step, planes)
        return found

    def decode(self, clean: Tensor) -> Tensor:
        """See :class:`Denoiser`."""
        return clean
