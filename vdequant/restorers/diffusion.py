"""The restorer *diffusion*: a picture drawn from a conditioned diffusion model (Vavilala, Shaik and Forsyth).

It is told the quantized picture and the number of its colors. Texture is not told when restoring, since there is no
source to take it from; palette transfer and recoloring do (:mod:`vdequant.edits`).
"""

from __future__ import annotations

import time

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.models.conditioning import FINEST, PLANES, fineness_of, planes_of
from vdequant.models.denoiser import Denoiser, Embedded
from vdequant.quantizers.base import Cells
from vdequant.restorers.base import WHOLE_PICTURE, Needs
from vdequant.restorers.denoising import Told, draw, predict, starts
from vdequant.restorers.sampling import Sampling
from vdequant.settings import Settings

MOST_COLORS = 128  # that it was trained with; with more it would take the picture for true
TRIAL = 128  # side of the picture that is timed


class Diffusion:
    """See the module docstring, and :class:`~vdequant.restorers.base.Restorer` for the promises.

    Args:
        denoiser: the model; None for the packaged one with the encoder that was trained longest.
        sampling: how pictures are drawn; of several samples the mean is the result.
    """

    weights = ("diffusion-base", "diffusion-l")

    def __init__(self, denoiser: Denoiser | None = None, sampling: Sampling | None = None) -> None:
        self.denoiser = denoiser or Embedded("L")
        self.sampling = sampling or Sampling.to_restore(Settings())
        self.told: Told | None = None
        multiple = self.denoiser.multiple
        self.needs = Needs(multiple_of=multiple, halo=WHOLE_PICTURE, min_size=2 * multiple)
        self.device = torch.device("cpu")

    def to(self, device: torch.device, dtype: torch.dtype) -> Diffusion:
        """Move the networks; ``dtype`` is that of their layers, pictures stay float32."""
        self.denoiser, self.device = self.denoiser.to(device, dtype), device
        return self

    def watch(self, told: Told) -> None:
        """Tell ``told`` after every step how many are done, of how many, and how much the picture still changed."""
        self.told = told

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Propose the true picture for ``y`` ``(N, 3, H, W)`` float32; the same shape, in [0, 1]."""
        check_picture(y, "y")
        planes = planes_of(y, fineness_of(y).clamp(max=MOST_COLORS / FINEST))
        total = torch.zeros_like(y)
        for number in range(self.sampling.samples):
            total += draw(self.denoiser, planes, self.sampling, cells, self.told, number)
        return total / self.sampling.samples

    def seconds(self, height: int, width: int) -> float:
        """About how long a picture of this size takes on this device, from one step on a small one."""
        planes = torch.full((1, PLANES, TRIAL, TRIAL), 0.5, device=self.device)
        side = TRIAL // self.denoiser.factor
        noisy = torch.zeros(1, self.denoiser.channels, side, side, device=self.device)
        step = torch.tensor([500], device=self.device)
        predict(self.denoiser, noisy, step, planes, self.sampling)  # the first one is slower
        began = time.perf_counter()
        predict(self.denoiser, noisy, step, planes, self.sampling)
        a_step = time.perf_counter() - began
        tile, overlap = self.sampling.tile, self.sampling.overlap
        seen = [min(side, tile) * len(starts(side, tile, overlap)) for side in (height, width)]
        return a_step * self.sampling.count * self.sampling.samples * seen[0] * seen[1] / TRIAL**2
