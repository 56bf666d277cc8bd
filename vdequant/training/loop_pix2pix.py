"""The training loop of pix2pix: a generator and a discriminator in turn, Adam, constant then falling rate.

batch of step n ─► discriminator: real or made? ─► generator: seem real, and be near the target (L1)
(drawn from (seed, n), as dropout is: a resumed run ends with the same weights as an uninterrupted one)
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vdequant.models.patchgan import PatchGan, PatchSpec
from vdequant.models.pix2pix import Unet, UnetSpec
from vdequant.schedule.allocator import keep_freed_memory
from vdequant.training.checkpoint import Checkpoints, Progress, Stateful
from vdequant.training.log import TrainLog
from vdequant.training.pix2pix_pairs import Pair, Pairs
from vdequant.training.prefetch import numbered
from vdequant.training.sitting import Sitting, share_done

BETAS = (0.5, 0.999)  # of Adam, as published
CONSTANT = 0.5  # share of the run before the rate begins to fall to zero: 100 of 200 epochs in the published code
LOSSES = ("g_adversarial", "g_l1", "d_real", "d_fake")
LEAST_LOSS = 1e-3  # of a crop, in units of the scaled picture: flat ones that lost nothing would divide by zero
Losses = dict[str, float]


@dataclass(frozen=True)
class PixSettings:
    """One training run; its length is given in steps, or in minutes of training time.

    Attributes:
        minutes: length of the schedule; a resumed run counts what came before. Ignored when ``steps`` is given.
        steps: length of the schedule. Only then is a resumed run equal to an uninterrupted one to the last bit.
        batch, side: crops a step and their side in pixels; published: whole pictures of 256x256, one at a time.
        rate: Adam's learning rate.
        l1_weight: of the L1 loss beside the adversarial one; 0 for the adversarial one alone.
        relative: L1 is counted in units of what each crop lost, so that all levels weigh alike; published: no.
        fine_from: share of the steps after which crops that lost little become more frequent, see ``Pairs``; published:
            1, never. Runs whose length is given in minutes do not know their steps, and never do it.
        decay: of the exponential moving average of the generator; 0: its last weights, as published.
        save_every: seconds between checkpoints.
        log_every: steps between lines of the log.
        seed: of weights, batches and dropout.
    """

    minutes: float = 0.0
    steps: int = 0
    batch: int = 1
    side: int = 256
    rate: float = 2e-4
    l1_weight: float = 100.0
    relative: bool = False
    fine_from: float = 1.0
    decay: float = 0.0
    save_every: float = 60.0
    log_every: int = 50
    seed: int = 1


def _cross_entropy(logits: Tensor, real: bool) -> Tensor:
    """Of the discriminator's answer to "real"."""
    goal = torch.ones_like(logits) if real else torch.zeros_like(logits)
    return functional.binary_cross_entropy_with_logits(logits, goal)


def l1_loss(made: Tensor, pair: Pair, relative: bool) -> Tensor:
    """Mean absolute difference of ``made`` and the target, or its ratio to that of the source, the mean over crops."""
    if not relative:
        return functional.l1_loss(made, pair.target)
    error, lost = ((picture - pair.target).abs().mean(dim=(1, 2, 3)) for picture in (made, pair.source))
    return (error / lost.clamp(min=LEAST_LOSS)).mean()


class PixTrainer:
    """Holds both networks, both optimizers, the moving average and the clock; one checkpoint file has all of it.

    Args:
        spec: of the generator; the discriminator has ``patch``.
        settings: length and pace.
        folder: of checkpoints and log; what is there is resumed.
        device: "cpu" or "cuda".
    """

    def __init__(
        self, spec: UnetSpec, patch: PatchSpec, settings: PixSettings, folder: Path, device: torch.device
    ) -> None:
        torch.manual_seed(settings.seed)
        keep_freed_memory()
        self.settings, self.device = settings, device
        self.generator, self.judge = Unet(spec).to(device), PatchGan(patch).to(device)
        for net in (self.generator, self.judge):
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.generator)
        self.optimizers = [
            torch.optim.Adam(net.parameters(), lr=settings.rate, betas=BETAS, fused=True)
            for net in (self.generator, self.judge)
        ]
        parts: dict[str, Stateful] = {
            "generator": self.generator,
            "discriminator": self.judge,
            "average": self.average,
            "generator_optimizer": self.optimizers[0],
            "discriminator_optimizer": self.optimizers[1],
        }
        self.checkpoints = Checkpoints(folder, parts, device)
        self.progress = self.checkpoints.load() or Progress()
        self.log = TrainLog(folder / "log.csv", self.progress.steps)

    @property
    def done(self) -> float:
        """Share of the schedule that is behind, 0 to 1."""
        return share_done(self.progress, self.settings.steps, self.settings.minutes)

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        return self.settings.rate * min(1.0, (1 - self.done) / (1 - CONSTANT))

    def _judge(self, source: Tensor, target: Tensor, real: bool) -> Tensor:
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self.judge(source, target)
        return _cross_entropy(logits, real)

    def _update(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        for group in optimizer.param_groups:
            group["lr"] = self.rate
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def step(self, pair: Pair) -> Losses:
        """Learn from one batch; returns the losses by name, L1 without its weight."""
        # Dropout is drawn from the step's number, so that no generator has to be saved.
        torch.manual_seed((self.settings.seed << 40) + self.progress.steps)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            made = self.generator(pair.source)
        real = self._judge(pair.source, pair.target, real=True)
        fake = self._judge(pair.source, made.detach(), real=False)
        # Halved as published, so that the discriminator learns more slowly than the generator.
        self._update(self.optimizers[1], (real + fake) / 2)
        self.judge.requires_grad_(False)
        fooled = self._judge(pair.source, made, real=True)
        near = l1_loss(made, pair, self.settings.relative)
        self._update(self.optimizers[0], fooled + self.settings.l1_weight * near)
        self.judge.requires_grad_(True)
        self.progress.steps += 1
        follow(self.average, self.generator, min(self.settings.decay, self.progress.steps / (10 + self.progress.steps)))
        return dict(zip(LOSSES, (float(loss.detach()) for loss in (fooled, near, real, fake)), strict=True))

    def save(self) -> None:
        """Write the checkpoint."""
        self.checkpoints.save(self.progress)

    def run(self, pairs: Pairs, told: Callable[[PixTrainer, Losses], None] | None = None) -> Unet:
        """Train until the schedule's end.

        Args:
            pairs: where batches come from.
            told: is called with the trainer and the mean losses at every line of the log.

        Returns:
            The moving average of the generator, or its last weights where the settings have no average.
        """
        sitting = Sitting(self.progress, self.save, self.settings.save_every)
        recent: list[Losses] = []
        for pair in numbered(lambda number: pairs.batch(self.settings.batch, number), self.progress.steps):
            if self.done >= 1:
                break
            recent.append(self.step(pair.to(self.device)))
            sitting.count()
            if self.progress.steps % self.settings.log_every == 0:
                mean = {name: sum(losses[name] for losses in recent) / len(recent) for name in LOSSES}
                self.log.named(self.progress.steps, self.progress.seconds, mean)
                recent.clear()
                if told is not None:
                    told(self, mean)
            sitting.save_if_due()
        self.save()
        return self.average.eval()


@torch.no_grad()
def follow(slow: nn.Module, fast: nn.Module, decay: float) -> None:
    """Move the average towards the network; whole numbers, which count batches, are copied."""
    for old, new in zip(slow.state_dict().values(), fast.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - decay)
        else:
            old.copy_(new)
