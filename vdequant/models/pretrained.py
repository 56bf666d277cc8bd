"""A base that others trained and an encoder for it, as a :class:`~vdequant.models.denoiser.Denoiser`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vdequant.models.pretrained_bases import PretrainedBase
from vdequant.models.pretrained_encoder import PretrainedEncoder, read_pretrained_encoder, spec_of
from vdequant.models.pretrained_files import read_base


class Pretrained:
    """See :class:`~vdequant.models.denoiser.Denoiser`.

    Args:
        base: frozen.
        encoder: that was trained for it.
    """

    def __init__(self, base: PretrainedBase, encoder: PretrainedEncoder) -> None:
        self.base, self.encoder = base, encoder
        self.texture = encoder.spec.texture
        self.multiple, self.factor, self.channels = base.multiple, base.factor, base.channels
        self.schedule: dict[str, Any] = base.schedule

    def to(self, device: torch.device, dtype: torch.dtype) -> Pretrained:
        """See :class:`~vdequant.models.denoiser.Denoiser`."""
        self.base.moved(device, dtype)
        self.encoder.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    @torch.no_grad()
    def predict(self, noisy: Tensor, step: Tensor, planes: Tensor) -> Tensor:
        """See :class:`~vdequant.models.denoiser.Denoiser`."""
        dtype = self.encoder.text.dtype
        return answer(self.base, self.encoder, noisy.to(dtype), step, planes, None).float()

    @torch.no_grad()
    def decode(self, clean: Tensor) -> Tensor:
        """See :class:`~vdequant.models.denoiser.Denoiser`."""
        return self.base.decode(clean)


def answer(
    base: PretrainedBase, encoder: torch.nn.Module, noisy: Tensor, step: Tensor, planes: Tensor, grain: Tensor | None
) -> Tensor:
    """What the base predicts when the encoder tells it the planes.

    Args:
        base: see :class:`~vdequant.models.pretrained_bases.PretrainedBase`.
        encoder: a :class:`~vdequant.models.pretrained_encoder.PretrainedEncoder`, or a copy on several devices.
        noisy, step, planes: see :class:`~vdequant.models.denoiser.Denoiser`.
        grain: see :meth:`~vdequant.models.pretrained_bases.PretrainedBase.shown`.
    """
    seen, label = base.shown(noisy, planes, grain)
    text, added = encoder(seen, step, label, planes)
    return base(seen, step, text, label, added)  # type: ignore[no-any-return]


def load_pretrained(encoder: Path, base: str = "") -> Pretrained:
    """A base and an encoder on the CPU.

    Args:
        encoder: file of the encoder.
        base: name or folder of the base; "" for the one that the encoder was trained for.

    Raises:
        ModelError: one of them is missing or damaged, or they do not fit each other.
    """
    found = read_base(base or spec_of(encoder).base)
    return Pretrained(found, read_pretrained_encoder(encoder, found))
