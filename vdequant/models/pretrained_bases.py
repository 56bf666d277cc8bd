"""Bases that others trained on billions of pictures: DeepFloyd IF stage II, and Stable Diffusion and what is like it.

    pixels    noisy picture + what it is to look like from afar ─► U-Net ─► noise
    latents   noisy latents ────────────────────────────────────► U-Net ─► noise, or v

Both have text to attend to, and are given that of the empty string. They are frozen; what they draw is decided by the
encoder beside them (:mod:`vdequant.models.pretrained_encoder`).
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from vdequant.models.conditioning import COLORS

AFAR = 4  # IF stage II makes pictures larger by this
AFAR_NOISE = 250  # level of the noise on what it enlarges: the default of its pipeline in diffusers
Maps = tuple[list[Tensor], Tensor]  # what an encoder adds to the maps on the way down, and to those in the middle


class PretrainedBase(nn.Module):
    """What both kinds have in common.

    Args:
        name: what the user calls it.
        unet: the frozen network.
        schedule: of the noise, see :class:`~vdequant.models.denoiser.Denoiser`.

    Attributes:
        factor, channels: of what it works on, see :class:`~vdequant.models.denoiser.Denoiser`.
        halvings: how often the planes are halved on their way to what it works on.
    """

    factor: int
    channels: int
    halvings: int

    def __init__(self, name: str, unet: UNet2DConditionModel, schedule: dict[str, Any]) -> None:
        super().__init__()
        self.name, self.unet, self.schedule = name, unet, schedule

    @property
    def multiple(self) -> int:
        """Height and width of a picture are multiples of this."""
        return self.factor << (len(self.unet.config.block_out_channels) - 1)

    def moved(self, device: torch.device, dtype: torch.dtype) -> None:
        """Put it on ``device``; the layers of the U-Net compute in ``dtype``."""
        # diffusers' own ``to`` warns of layers that are to stay in float32, also where there are none.
        nn.Module.to(self.unet, device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def levels(self) -> tuple[Tensor, Tensor]:
        """alpha and sigma of every step of its schedule, float32: noisy is alpha * clean + sigma * noise."""
        kept = DDPMScheduler(**self.schedule).alphas_cumprod.float()
        return kept.sqrt(), (1 - kept).sqrt()

    def shown(self, noisy: Tensor, planes: Tensor, grain: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """What the U-Net sees, and the label that goes with it.

        Args:
            noisy: ``(N, channels, h, w)``.
            planes: ``(N, 7, H, W)``.
            grain: noise ``(N, 3, H, W)``, for bases that want some on the picture from afar; None for their own.
        """
        raise NotImplementedError

    def encode(self, pictures: Tensor) -> Tensor:
        """What the base works on, of pictures ``(N, 3, H, W)`` in [-1, 1]."""
        raise NotImplementedError

    def decode(self, clean: Tensor) -> Tensor:
        """Pictures in about [-1, 1] of what the base works on."""
        raise NotImplementedError

    def forward(self, seen: Tensor, step: Tensor, text: Tensor, label: Tensor | None, added: Maps) -> Tensor:
        """What the schedule says that is predicted, ``(N, channels, h, w)``.

        Args:
            seen, label: of :meth:`shown`.
            step: ``(N,)`` int64.
            text: ``(N, words, width)``.
            added: by an encoder.
        """
        found: Tensor = self.unet(
            seen,
            step,
            encoder_hidden_states=text,
            class_labels=label,
            down_block_additional_residuals=added[0],
            mid_block_additional_residual=added[1],
            return_dict=False,
        )[0]
        return found[:, : self.channels]  # what follows in some is the variance that they learned, which is not used


class PixelBase(PretrainedBase):
    """DeepFloyd IF stage II: enlarges pictures by 4, in pixel space.

    Here the picture to be enlarged is the quantized one, made as small before. As in its own pipeline, noise is laid
    over the enlarged one, and the level of that noise is told: so the base does not take its colors for the truth.
    """

    factor, channels, halvings = 1, 3, 0

    def __init__(
        self, name: str, unet: UNet2DConditionModel, schedule: dict[str, Any], noising: dict[str, Any]
    ) -> None:
        super().__init__(name, unet, schedule)
        kept = float(DDPMScheduler(**noising).alphas_cumprod[AFAR_NOISE])
        self.kept = kept**0.5, (1 - kept) ** 0.5

    @property
    def multiple(self) -> int:
        """See :attr:`PretrainedBase.multiple`."""
        return max(AFAR, super().multiple)

    def shown(self, noisy: Tensor, planes: Tensor, grain: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See :meth:`PretrainedBase.shown`."""
        small = functional.avg_pool2d(planes[:, COLORS] * 2 - 1, AFAR)
        afar = functional.interpolate(small, planes.shape[-2:], mode="bilinear", align_corners=True)
        if grain is None:  # the same noise for every picture, step and run
            chance = torch.Generator().manual_seed(0)
            grain = torch.randn(1, *afar.shape[1:], generator=chance).to(afar.device)
        shown = torch.cat([noisy, (self.kept[0] * afar + self.kept[1] * grain).to(noisy.dtype)], dim=1)
        return shown, torch.full((len(noisy),), AFAR_NOISE, device=noisy.device)

    def encode(self, pictures: Tensor) -> Tensor:
        """See :meth:`PretrainedBase.encode`."""
        return pictures

    def decode(self, clean: Tensor) -> Tensor:
        """See :meth:`PretrainedBase.decode`."""
        return clean


class LatentBase(PretrainedBase):
    """Stable Diffusion: works on what an autoencoder makes of a picture, which is smaller on each side."""

    def __init__(
        self, name: str, unet: UNet2DConditionModel, schedule: dict[str, Any], autoencoder: AutoencoderKL
    ) -> None:
        super().__init__(name, unet, schedule)
        self.autoencoder = autoencoder
        self.autoencoder.enable_tiling()  # in bounded memory
        self.halvings = len(autoencoder.config.block_out_channels) - 1
        self.factor, self.channels = 1 << self.halvings, autoencoder.config.latent_channels

    def shown(self, noisy: Tensor, planes: Tensor, grain: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See :meth:`PretrainedBase.shown`."""
        return noisy, None

    def moved(self, device: torch.device, dtype: torch.dtype) -> None:
        """See :meth:`PretrainedBase.moved`. The autoencoder stays in float32: bfloat16 would show as bands."""
        super().moved(device, dtype)
        self.autoencoder.to(device)

    def encode(self, pictures: Tensor) -> Tensor:
        """See :meth:`PretrainedBase.encode`."""
        config = self.autoencoder.config
        middle: Tensor = self.autoencoder.encode(pictures).latent_dist.mode()
        scaled: Tensor = (middle - (config.shift_factor or 0.0)) * config.scaling_factor
        return scaled

    def decode(self, clean: Tensor) -> Tensor:
        """See :meth:`PretrainedBase.decode`."""
        config = self.autoencoder.config
        found: Tensor = self.autoencoder.decode(clean / config.scaling_factor + (config.shift_factor or 0.0)).sample
        return found
