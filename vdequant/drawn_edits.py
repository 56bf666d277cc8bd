"""What palette transfer and recoloring share where a diffusion model draws: the model, its time, several samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vdequant.errors import UsageError
from vdequant.frames import SourceInfo
from vdequant.planning import cost_words
from vdequant.restorers.sampling import Sampling, check_drawn
from vdequant.schedule.device import Engine
from vdequant.settings import Settings

if TYPE_CHECKING:
    from vdequant.restorers.diffusion import Diffusion

SMALLEST_TILE = 64  # pixels; below, tiles are all overlap


def sample_paths(path: str, samples: int) -> list[str]:
    """``path`` for one picture; of several, "name-1.png", "name-2.png" and so on."""
    target = Path(path)
    if samples <= 1:
        return [path]
    return [str(target.with_name(f"{target.stem}-{number + 1}{target.suffix}")) for number in range(samples)]


def check_samples(settings: Settings, *, drawn: bool, still: bool) -> None:
    """Raise :class:`UsageError` for options of drawing where nothing is drawn, and for several pictures of a video."""
    check_drawn(settings, drawn=drawn)
    if settings.samples > 1 and not still:
        raise UsageError(f"expected --samples 1 for video, got {settings.samples}; --seed draws another one")


def load_model(texture: str, settings: Settings, engine: Engine) -> Diffusion:
    """The model on its device, with the encoder that this texture takes.

    Raises:
        ModelError: its weights cannot be read, or are for another texture.
    """
    from vdequant.edits.drawing import ENCODERS  # what draws takes seconds to load, and most jobs do not draw
    from vdequant.models.denoisers import denoiser_for
    from vdequant.restorers.diffusion import Diffusion

    sampling = Sampling.of(settings)
    if settings.tile:
        tile = max(settings.tile, SMALLEST_TILE)
        sampling = replace(sampling, tile=tile, overlap=min(sampling.overlap, tile // 4))
    denoiser = denoiser_for(ENCODERS[texture], settings.base, settings.encoder)
    return Diffusion(denoiser, sampling).to(engine.device, engine.dtype)


def cost_of_drawing(model: Diffusion, info: SourceInfo, engine: Engine, size: tuple[int, int]) -> str:
    """How long it takes, for the plan line. A still has all cores, frames of video one each.

    Args:
        size: height and width of what is drawn of a picture.
    """
    still, threads = info.kind == "image", torch.get_num_threads()
    torch.set_num_threads(engine.workers if still else 1)
    each = model.seconds(*size) / model.sampling.samples
    torch.set_num_threads(threads)
    return cost_words(each, None if still else info.frames, engine.workers)


def words_of(sampling: Sampling) -> str:
    """How pictures are drawn, for the plan line."""
    samples = "" if sampling.samples == 1 else f", {sampling.samples} samples"
    return f"{sampling.sampler}, {sampling.count} steps, seed {sampling.seed}{samples}"
