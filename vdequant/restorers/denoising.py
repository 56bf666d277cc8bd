"""Draws pictures from a diffusion model: from noise to a picture, step by step, kept inside the cells all the way.

    noise ─► network, tile by tile ─► clean picture ─► thresholded ─► into the cells ─► scheduler ─► less noise ─┐
               ▲                                                                                               │
               └───────────────────────────────────────────────────────────────────────────────────────────────┘

The schedulers are those of diffusers; they are told the clean picture, whatever the network predicts. Tiles look at
one noise and one picture: their answers are faded into each other before each step, so no seam can form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from diffusers.pipelines.deepfloyd_if.timesteps import super27_timesteps
from torch import Tensor

from vdequant.models.denoiser import Denoiser
from vdequant.quantizers.base import Cells, toward_cells
from vdequant.restorers.sampling import SUPER27, Sampling

Told = Callable[[int, int, float], None]  # steps done, steps in all, root mean square change of the picture


def scheduler_of(schedule: dict[str, Any], sampling: Sampling) -> Any:
    """A scheduler of diffusers with its steps set, which expects clean pictures."""
    config = {**schedule, "prediction_type": "sample"}
    if sampling.sampler == "ddpm":
        ddpm = DDPMScheduler(**config, clip_sample=False, timestep_spacing="trailing")
        if sampling.count == SUPER27 and config["num_train_timesteps"] == 1000:
            ddpm.set_timesteps(timesteps=super27_timesteps)
        else:
            ddpm.set_timesteps(sampling.count)
        return ddpm
    if sampling.sampler == "ddim":
        made: Any = DDIMScheduler(**config, clip_sample=False, timestep_spacing="trailing")
    else:
        made = DPMSolverMultistepScheduler(**config, algorithm_type="dpmsolver++", timestep_spacing="trailing")
    made.set_timesteps(sampling.count)
    return made


def clean_of(answer: Tensor, noisy: Tensor, kept: Tensor, kind: str) -> Tensor:
    """The clean picture that the network's answer means.

    Args:
        answer: of the network.
        noisy: what it was shown.
        kept: the scheduler's share of the clean picture's power in ``noisy``.
        kind: "v_prediction", "epsilon" or "sample".
    """
    alpha, sigma = kept.sqrt(), (1 - kept).sqrt()
    if kind == "sample":
        return answer
    return alpha * noisy - sigma * answer if kind == "v_prediction" else (noisy - sigma * answer) / alpha


def thresholded(clean: Tensor, ratio: float, most: float) -> Tensor:
    """Dynamic thresholding (Saharia et al. 2022, section 2.3): clipped at a quantile, which is brought to 1."""
    reach = clean.abs().flatten(1).quantile(ratio, dim=1) if clean[0].numel() < 1 << 24 else _quantile(clean, ratio)
    reach = reach.clamp(1, most).view(-1, 1, 1, 1)
    return clean.clamp(-reach, reach) / reach


def _quantile(clean: Tensor, ratio: float) -> Tensor:
    """Of every so many samples: torch refuses to sort more than 2**24."""
    flat = clean.abs().flatten(1)
    return flat[:, :: flat.shape[1] // (1 << 22) + 1].quantile(ratio, dim=1)


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along a side, evenly, so that they cover it and overlap by ``overlap`` at least."""
    if length <= tile:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return [round(number * (length - tile) / (count - 1)) for number in range(count)]


def _ramp(side: int, overlap: int) -> Tensor:
    places = torch.arange(1, side + 1)
    return torch.minimum(places, side + 1 - places).clamp(max=max(overlap, 1)).float()


def predict(denoiser: Denoiser, noisy: Tensor, step: Tensor, planes: Tensor, sampling: Sampling) -> Tensor:
    """The network's answer for a picture of any size, tile by tile."""
    height, width = noisy.shape[-2:]
    factor, multiple = denoiser.factor, denoiser.multiple // denoiser.factor
    tile, overlap = sampling.tile // factor // multiple * multiple, sampling.overlap // factor
    if height <= tile and width <= tile:
        return denoiser.predict(noisy, step, planes)
    rows, columns = min(tile, height), min(tile, width)
    weight = (_ramp(rows, overlap)[:, None] * _ramp(columns, overlap)).to(noisy.device)
    total, weights = torch.zeros_like(noisy), noisy.new_zeros(1, 1, height, width)
    for top in starts(height, rows, overlap):
        for left in starts(width, columns, overlap):
            view = (..., slice(top, top + rows), slice(left, left + columns))
            pixels = (..., slice(top * factor, (top + rows) * factor), slice(left * factor, (left + columns) * factor))
            total[view] += weight * denoiser.predict(noisy[view], step, planes[pixels])
            weights[view] += weight
    return total / weights


@torch.no_grad()
def draw(
    denoiser: Denoiser,
    planes: Tensor,
    sampling: Sampling,
    cells: Cells | None = None,
    told: Told | None = None,
    number: int = 0,
) -> Tensor:
    """Draw one sample of each picture.

    Args:
        denoiser: the model, on the device of ``planes``.
        planes: ``(N, 7, H, W)``, multiples of ``denoiser.multiple``.
        sampling: how.
        cells: of the pictures; each step's clean pictures are moved into them, for models in pixel space.
        told: is called after every step.
        number: of the sample, 0 to ``sampling.samples`` - 1.

    Returns:
        ``(N, 3, H, W)`` float32 in [0, 1]. Each picture has the same noise, whatever is beside it in the batch.
    """
    chance = [torch.Generator().manual_seed(sampling.seed + number) for _ in planes]
    scheduler = scheduler_of(denoiser.schedule, sampling)
    size = [side // denoiser.factor for side in planes.shape[-2:]]
    begun = [torch.randn(1, denoiser.channels, *size, generator=one) for one in chance]
    noisy = torch.cat(begun).to(planes.device) * scheduler.init_noise_sigma
    extra = {"generator": chance} if sampling.sampler == "ddpm" else {}
    kind, clean, total = denoiser.schedule["prediction_type"], noisy, len(scheduler.timesteps)
    if told is not None and number == 0:
        told(0, total * sampling.samples, 0.0)
    for done, step in enumerate(scheduler.timesteps):
        before = clean
        answer = predict(denoiser, noisy, step.to(planes.device).expand(len(planes)), planes, sampling)
        clean = clean_of(answer, noisy, scheduler.alphas_cumprod[step].to(planes.device), kind)
        if denoiser.factor == 1:
            clean = _believable(clean, sampling, cells)
        noisy = scheduler.step(clean, step, noisy, **extra).prev_sample
        if told is not None:
            change = float((clean - before).square().mean().sqrt())
            told(number * total + done + 1, total * sampling.samples, change)
    return ((denoiser.decode(clean) + 1) / 2).clamp_(0, 1)


def _believable(clean: Tensor, sampling: Sampling, cells: Cells | None) -> Tensor:
    """Thresholded, and in the cells."""
    clean = thresholded(clean, sampling.ratio, sampling.most)
    if cells is None:
        return clean
    return toward_cells((clean + 1) / 2, cells, sampling.fidelity) * 2 - 1
