"""How a picture is drawn from a diffusion model: which sampler, how many steps, which chance."""

from __future__ import annotations

from dataclasses import dataclass

from vdequant.errors import UsageError
from vdequant.settings import Settings

SUPER27 = 27  # steps of the published schedule of ddpm
DEFAULT_STEPS = {"ddpm": SUPER27, "ddim": 20, "dpm": 10}
RESTORING_STEPS, RESTORING_SAMPLES = 5, 4  # of dpm; see Sampling.to_restore


@dataclass(frozen=True, slots=True)
class Sampling:
    """Settings of a sampler.

    Attributes:
        sampler: of SAMPLERS: "ddpm" as published, "ddim" and "dpm" (DPM-Solver++) for fewer steps.
        steps: of the sampler; 0 for its default.
        seed: of all that is random; the same one gives the same picture.
        samples: how many pictures are drawn, with the seeds that follow.
        fidelity: share of the way that each step's picture is moved into the cells, where there are some.
        ratio: of dynamic thresholding, *p* of Vavilala et al.: the quantile of the samples that is brought to 1.
        most: of dynamic thresholding, *c*: no sample is thought to lie beyond; 1 is plain clipping.
        tile: side in pixels of what the network sees at once.
        overlap: of tiles, in pixels; their answers are faded into each other there.
    """

    sampler: str = "ddpm"
    steps: int = 0
    seed: int = 0
    samples: int = 1
    fidelity: float = 1.0
    ratio: float = 0.95
    most: float = 1.0
    tile: int = 256
    overlap: int = 32

    @classmethod
    def of(cls, settings: Settings) -> Sampling:
        """Those of a job that wants a picture to look at: as published, unless its settings say otherwise."""
        sampler = settings.sampler or "ddpm"
        return cls(sampler, settings.steps, settings.seed, settings.samples or 1, settings.fidelity)

    @classmethod
    def to_restore(cls, settings: Settings) -> Sampling:
        """Those of a job that wants the picture that there was: the mean of some quick samples.

        One sample of what could have been is farther from what was than the mean of all. On six Kodak crops in 8
        colors the stored picture has 25.71 dB, one sample 25.57, the mean of four 26.12; more in the README's table.
        """
        sampler = settings.sampler or "dpm"
        steps = settings.steps or (0 if settings.sampler else RESTORING_STEPS)
        samples = settings.samples or RESTORING_SAMPLES
        return cls(sampler, steps, settings.seed, samples, settings.fidelity)

    @property
    def count(self) -> int:
        """Of steps."""
        return self.steps or DEFAULT_STEPS[self.sampler]


def check_drawn(settings: Settings, *, drawn: bool) -> None:
    """Raise :class:`UsageError` for options of drawing where nothing is ``drawn``."""
    told = {"--sampler": settings.sampler, "--steps": settings.steps, "--seed": settings.seed}
    for option, value in (told | {"--samples": settings.samples}).items():
        if value and not drawn:
            raise UsageError(f"expected --restorer diffusion with {option} {value}; nothing is drawn without")
