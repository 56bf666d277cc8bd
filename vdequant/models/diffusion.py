"""The embedded diffusion model: a small base that knows pictures, and encoders that tell it what is wanted.

    noisy picture ─────────┬─► base, its way down ─► + ─► its way up ─► clean picture
    seven planes ─► encoder ┘─► feature maps of every scale ─┴─► pixels: the told colors, and how sure they are

The base learns pictures without any condition and is then frozen. An encoder (ControlNet of Zhang et al. 2023) begins
as a copy of the base's way down, and adds to the feature maps through convolutions that are zero at first. Both are
the building blocks of diffusers; here every pixel block of 2x2 is a pixel of theirs, which is four times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from threading import get_ident

import torch
from diffusers import ControlNetModel, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from vdequant.models.conditioning import COLORS, PLANES

TRAINED_STEPS = 1000  # of noise, 0 the least
LEAST_SIGMA = 0.05
NOISE = "squaredcos_cap_v2"  # the cosine schedule of Nichol and Dhariwal 2021


@dataclass(frozen=True)
class DiffusionSpec:
    """Size of a base and of the encoders that fit it.

    Attributes:
        channels: of the feature maps, from fine to coarse; each is half as large as the one before.
        layers: residual blocks on each of them.
        block: side of the pixel blocks that are one pixel to the network.
        groups: of the group normalization.
    """

    channels: tuple[int, ...] = (64, 96, 128)
    layers: int = 1
    block: int = 2
    groups: int = 8

    @property
    def multiple(self) -> int:
        """Height and width of a picture are multiples of this."""
        return self.block << (len(self.channels) - 1)


SMALL = DiffusionSpec()
TINY = DiffusionSpec((8, 8), 1, 2, 4)  # for tests


def make_base(spec: DiffusionSpec) -> UNet2DConditionModel:
    """An untrained base; it has no text to attend to, so it has no attention."""
    levels = len(spec.channels)
    planes = 3 * spec.block**2
    return UNet2DConditionModel(
        in_channels=planes,
        out_channels=planes,
        down_block_types=("DownBlock2D",) * levels,
        mid_block_type="UNetMidBlock2D",
        up_block_types=("UpBlock2D",) * levels,
        block_out_channels=spec.channels,
        layers_per_block=spec.layers,
        norm_num_groups=spec.groups,
        cross_attention_dim=1,
    )


def make_encoder(base: UNet2DConditionModel, spec: DiffusionSpec) -> ControlNetModel:
    """An encoder that begins as a copy of the way down of ``base`` and answers zero."""
    return ControlNetModel.from_unet(
        base,
        conditioning_channels=PLANES * spec.block**2,
        conditioning_embedding_out_channels=(spec.channels[0],),
    )


def _nothing(x: Tensor) -> Tensor:
    """What stands for the text of a base without text."""
    return x.new_zeros(len(x), 1, 1)


class Base(nn.Module):
    """A frozen or learning base on pictures ``(N, 3, H, W)``.

    It predicts v = alpha * noise - sigma * picture, of which a step's picture follows (Salimans and Ho 2022).
    """

    def __init__(self, spec: DiffusionSpec) -> None:
        super().__init__()
        self.spec = spec
        self.unet = make_base(spec)

    def forward(self, noisy: Tensor, step: Tensor, added: tuple[list[Tensor], Tensor] | None = None) -> Tensor:
        """v for pictures ``(N, 3, H, W)`` at noise ``step`` ``(N,)``, to whose maps an encoder may have ``added``."""
        x = functional.pixel_unshuffle(noisy, self.spec.block)
        down, middle = added if added is not None else (None, None)
        found: Tensor = self.unet(
            x,
            step,
            encoder_hidden_states=_nothing(x),
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]
        return functional.pixel_shuffle(found, self.spec.block)

    def explained(self, noisy: Tensor, step: Tensor, added: tuple[list[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """The answer of :meth:`forward`, and the last feature maps that it is made of, ``(N, C, H / 2, W / 2)``."""
        thread, last = get_ident(), []

        def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if get_ident() == thread:  # others may be asking the same network
                last.append(inputs[0])

        hook = self.unet.conv_norm_out.register_forward_pre_hook(keep)
        try:
            return self(noisy, step, added), last[0]
        finally:
            hook.remove()


class Finest(nn.Module):
    """What an encoder adds at the scale of pixels: colors near those that it is told, and how sure it is of them.

    A base of this size carries no picture through its maps to within a code, so at this scale nothing is added to a
    map but to the picture: ``picture + share * (told + change - picture)``. ``share`` and ``change`` are zero at first.
    """

    def __init__(self, spec: DiffusionSpec) -> None:
        super().__init__()
        width, area = spec.channels[0], spec.block**2
        self.norm = nn.GroupNorm(spec.groups, width)
        self.first = nn.Conv2d(width + (3 + PLANES) * area + 1, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.last = nn.Conv2d(width, 4 * area, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        self.block = spec.block

    def forward(self, maps: Tensor, noisy: Tensor, told: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """``change`` ``(N, 3, H, W)`` and ``share`` ``(N, 1, H, W)``.

        Args:
            maps: the last ones of the base.
            noisy, told: pictures and planes, as pixel blocks.
            sigma: ``(N, 1, 1, 1)``.
        """
        level = sigma.to(maps.dtype).expand(-1, 1, *maps.shape[-2:])
        x = torch.cat([self.norm(maps), noisy, told, level], dim=1)
        x = functional.silu(self.second(functional.silu(self.first(x))))
        found = functional.pixel_shuffle(self.last(x), self.block)
        return found[:, :3], torch.tanh(found[:, 3:])


class Encoder(nn.Module):
    """Says with feature maps what seven planes say, and so steers a frozen base."""

    def __init__(self, base: Base) -> None:
        super().__init__()
        self.spec = base.spec
        self.control = make_encoder(base.unet, base.spec)
        self.finest = Finest(base.spec)

    def forward(self, base: Base, noisy: Tensor, step: Tensor, planes: Tensor) -> Tensor:
        """v of ``base`` with what this encoder adds to its maps.

        Args:
            base: the frozen base.
            noisy: ``(N, 3, H, W)``; step: ``(N,)``.
            planes: ``(N, 7, H, W)``, see :mod:`vdequant.models.conditioning`.

        Returns:
            ``(N, 3, H, W)`` float32.
        """
        dtype = next(self.parameters()).dtype
        x = functional.pixel_unshuffle(noisy.to(dtype), self.spec.block)
        told = functional.pixel_unshuffle(planes * 2 - 1, self.spec.block).to(dtype)
        down, middle = self.control(
            x, step, encoder_hidden_states=_nothing(x), controlnet_cond=told, return_dict=False
        )  # fmt: skip
        v, maps = base.explained(noisy.to(dtype), step, (list(down), middle))
        alpha, sigma = (at(levels, step) for levels in noise_levels())
        change, share = self.finest(maps, x, told, sigma)
        picture = picture_of(noisy, v.float(), alpha, sigma)
        better = planes[:, COLORS] * 2 - 1 + change.float()
        # Where there is hardly any noise the picture is known; dividing by less would make much of little.
        found: Tensor = v.float() - share.float() * (better - picture) / sigma.clamp(min=LEAST_SIGMA)
        return found


@cache
def noise_levels() -> tuple[Tensor, Tensor]:
    """alpha and sigma of every step, float32 ``(1000,)`` each: a noisy picture is alpha * picture + sigma * noise."""
    kept = DDPMScheduler(TRAINED_STEPS, beta_schedule=NOISE).alphas_cumprod.float()
    return kept.sqrt(), (1 - kept).sqrt()


def at(levels: Tensor, step: Tensor) -> Tensor:
    """The level of each picture's ``step``, ``(N, 1, 1, 1)``."""
    return levels.to(step.device)[step].view(-1, 1, 1, 1)


def picture_of(noisy: Tensor, v: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The clean picture, in [-1, 1], that ``v`` says is behind ``noisy``."""
    return alpha * noisy - sigma * v
