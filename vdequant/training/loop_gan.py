"""The published way to train a generator: a progressive GAN, resumed from its last checkpoint.

batch of step n ─► reduced to the stage's side ─► critic's step ─► generator's step ─► moving average
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.models.prior import Critic, Generator, PriorSpec
from vdequant.training.checkpoint import Checkpoints, Progress
from vdequant.training.growing import GrowingCritic, GrowingGenerator, stage_of
from vdequant.training.log import TrainLog
from vdequant.training.loop import TrainSettings
from vdequant.training.prefetch import numbered
from vdequant.training.prior_pictures import PriorBatch, PriorPictures, PriorSampler
from vdequant.training.sitting import Sitting, share_done

BETAS = (0.0, 0.99)  # of Adam, as in Karras et al.
PENALTY = 5.0  # weight of the squared slope of the critic at real pictures (R1 of Mescheder et al. 2018)
PENALTY_EVERY = 4  # steps, as it is costly


def critic_loss(critic: GrowingCritic, real: Tensor, fake: Tensor, stage: tuple[int, float], sloped: bool) -> Tensor:
    """Cross entropy, and every few steps the penalty on the critic's slope."""
    real = real.requires_grad_(sloped)
    verdict = critic(real, *stage)
    loss = functional.softplus(-verdict).mean() + functional.softplus(critic(fake, *stage)).mean()
    if sloped:
        (slope,) = torch.autograd.grad(verdict.sum(), real, create_graph=True)
        loss = loss + PENALTY * PENALTY_EVERY / 2 * slope.square().sum(dim=(1, 2, 3)).mean()
    return loss


class GanTrainer:
    """Holds both networks, their optimizers and the average; all of it survives in one checkpoint file.

    Args:
        spec: size of the networks.
        settings: length and pace; resuming is exact when the length is given in steps.
        folder: of checkpoints and logs; what is there is resumed.
        device: "cpu" or "cuda".
    """

    def __init__(self, spec: PriorSpec, settings: TrainSettings, folder: Path, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.device = settings, device
        self.generator, self.critic = Generator(spec), Critic(spec)
        self.maker = GrowingGenerator(self.generator).to(device)
        self.judge = GrowingCritic(self.critic).to(device)
        self.average = copy.deepcopy(self.generator)
        adam = partial(torch.optim.Adam, lr=settings.rate, betas=BETAS)
        self.optimizers = adam(self.maker.parameters()), adam(self.judge.parameters())
        parts = {"maker": self.maker, "judge": self.judge, "average": self.average}
        states = dict(zip(("making", "judging"), self.optimizers, strict=True))
        self.checkpoints = Checkpoints(folder, {**parts, **states}, device)
        self.progress = self.checkpoints.load() or Progress()
        self.log = TrainLog(folder / "log.csv", self.progress.steps)

    @property
    def done(self) -> float:
        """Share of the schedule that is behind, 0 to 1."""
        return share_done(self.progress, self.settings.steps, self.settings.minutes)

    def step(self, batch: PriorBatch) -> float:
        """One step of each network; returns the loss of the critic."""
        stage = stage_of(self.done, len(self.generator.layers))
        side = 4 << stage[0]
        real = functional.adaptive_avg_pool2d(batch.truth, side)
        making, judging = self.optimizers
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            made = self.maker(batch.noise, *stage)
            sloped = self.progress.steps % PENALTY_EVERY == 0
            loss = critic_loss(self.judge, real, made.detach(), stage, sloped)
        judging.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        judging.step()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            liked = functional.softplus(-self.judge(made, *stage)).mean()
        making.zero_grad()
        liked.backward()  # type: ignore[no-untyped-call]
        making.step()
        with torch.no_grad():
            decay = min(self.settings.decay, (1 + self.progress.steps) / (10 + self.progress.steps))
            for slow, fast in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        self.progress.steps += 1
        return float(loss.detach())

    def save(self) -> None:
        """Write the checkpoint."""
        self.checkpoints.save(self.progress)

    def run(
        self, pictures: PriorPictures, told: Callable[[int, float, float, dict[str, float]], None] | None = None
    ) -> None:
        """Train until the schedule's end.

        Args:
            pictures: to learn from.
            told: is called with steps, seconds, the critic's recent mean loss, and no scores, at every line of the log.
        """
        sampler = PriorSampler(pictures, self.generator.spec.latent, self.settings.seed)
        sitting = Sitting(self.progress, self.save, self.settings.save_every)
        recent: list[float] = []
        for batch in numbered(partial(sampler.batch, self.settings.batch), self.progress.steps + 1):
            if self.done >= 1:
                break
            recent.append(self.step(batch.to(self.device)))
            sitting.count()
            if self.progress.steps % self.settings.log_every == 0:
                mean = sum(recent) / len(recent)
                recent.clear()
                self.log.write(self.progress.steps, self.progress.seconds, mean, self.settings.rate)
                if told is not None:
                    told(self.progress.steps, self.progress.seconds, mean, {})
            sitting.save_if_due()
        self.save()
