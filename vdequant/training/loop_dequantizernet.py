"""The adversarial training loop of DequantizerNet: two networks, two optimizers, one checkpoint.

                        ┌─ discriminator: truth or answer? ─► telling loss ─► its step
batch of step n ─► generator ─► answer
(from (seed, n))        └─ fooling loss + picture losses ─► its step ─┬─ every save_every seconds ──► last.pt
                                                                      └─ every epoch, held-back PSNR ─► best.pt

Section 3.3 of the paper: a checkpoint holds both networks and both optimizers, and the one of the best validation PSNR
is kept. A run that was killed goes on from last.pt and ends with the same weights as an uninterrupted one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from vdequant.models.dequantizernet import Discriminator, DiscriminatorSpec, Generator, GeneratorSpec
from vdequant.schedule.allocator import keep_freed_memory
from vdequant.training.checkpoint import Checkpoints, Progress, Stateful
from vdequant.training.log import TrainLog
from vdequant.training.optimizing import MuonAdamW
from vdequant.training.pairs_dequantizernet import HeldBack, JpegSampler, Pairs, Tiles
from vdequant.training.perceptual import Extractor, make_extractor
from vdequant.training.picture_losses import LossWeights, PictureLoss, fooling_loss, telling_loss
from vdequant.training.prefetch import numbered
from vdequant.training.sitting import Sitting, share_done
from vdequant.training.tracking import make_tracker

Net = TypeVar("Net", bound=nn.Module)

WARMUP = 0.02  # share of a cosine schedule in which the rate climbs


@dataclass(frozen=True)
class AdversarialSettings:
    """One run; the defaults are the published ones.

    Attributes:
        qualities: of JPEG; each crop gets one of them.
        epochs: passes over the tiles, one crop of each; ignored when ``steps`` or ``minutes`` is given.
        steps, minutes: length otherwise. A run by minutes cannot be repeated to the last bit.
        batch, side: crops a step and their side in pixels.
        rate, betas: of both Adams.
        schedule: of the rate: constant, or a cosine to 1 % of it behind a short climb.
        muon: the generator learns by Muon instead of Adam, for short runs; see ``optimizing.py``.
        clip: largest norm of the generator's gradient; 0: any.
        average: decay of a moving average of the generator, which is then what is scored and written; 0: none.
        losses: the sum that the generator learns by.
        perceptual: where the features of the content and texture losses come from.
        track: tensorboard, wandb, or "".
        save_every: seconds between checkpoints.
        validate_every: steps between validations; 0: once an epoch.
        log_every: steps between lines of the log.
        seed: of weights and batches.
    """

    qualities: tuple[int, ...] = (1,)
    epochs: int = 50
    steps: int = 0
    minutes: float = 0.0
    batch: int = 16
    side: int = 96
    rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: Literal["constant", "cosine"] = "constant"
    muon: bool = False
    clip: float = 0.0
    average: float = 0.0
    losses: LossWeights = field(default_factory=LossWeights)
    perceptual: Extractor = "auto"
    track: str = ""
    save_every: float = 120.0
    validate_every: int = 0
    log_every: int = 20
    seed: int = 1


class AdversarialTrainer:
    """Holds both networks, both optimizers and the clock; everything in it survives in one checkpoint file.

    Args:
        generator, discriminator: their sizes.
        settings: of the run.
        tiles: to learn from, and held back.
        folder: of checkpoints and logs, named like the experiment; what is there is resumed.
        device: "cpu" or "cuda".

    Raises:
        ModelError: the folder holds a run of other networks, or VGG-19 was asked for and is not there.
        UsageError: a tracker was asked for and is not installed.
    """

    def __init__(
        self,
        generator: GeneratorSpec,
        discriminator: DiscriminatorSpec,
        settings: AdversarialSettings,
        tiles: Tiles,
        folder: Path,
        device: torch.device,
    ) -> None:
        torch.manual_seed(settings.seed)
        keep_freed_memory()
        self.settings, self.tiles, self.device = settings, tiles, device
        self.generator = _placed(Generator(generator), device)
        self.discriminator = _placed(Discriminator(discriminator), device)
        self.average = copy.deepcopy(self.generator) if settings.average else None
        self.optimizers: list[torch.optim.Optimizer | MuonAdamW] = [
            MuonAdamW(self.generator, settings.rate) if settings.muon else self._adam(self.generator),
            self._adam(self.discriminator),
        ]
        self.extractor_name, extractor = "", None
        if PictureLoss.needs_features(settings.losses):
            self.extractor_name, extractor = make_extractor(settings.perceptual)
            extractor = _placed(extractor, device)
        self.picture_loss = PictureLoss(settings.losses, extractor)
        self.checkpoints = Checkpoints(folder, self._parts(), device)
        self.progress = self.checkpoints.load() or Progress()
        self.log = TrainLog(folder / "log.csv", self.progress.steps)
        self.telling_log = TrainLog(folder / "discriminator.csv", self.progress.steps)
        self.tracker = make_tracker(settings.track, folder)

    def _adam(self, net: nn.Module) -> torch.optim.Adam:
        return torch.optim.Adam(net.parameters(), lr=self.settings.rate, betas=self.settings.betas)

    def _parts(self) -> dict[str, Stateful]:
        parts: dict[str, Stateful] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimizer": self.optimizers[0],
            "discriminator_optimizer": self.optimizers[1],
        }
        return {**parts, "average": self.average} if self.average is not None else parts

    @property
    def best(self) -> dict[str, float]:
        """The scores of the best checkpoint; empty before the first validation."""
        return self.progress.best

    @property
    def result(self) -> Generator:
        """What is scored and written: the moving average where there is one."""
        return self.generator if self.average is None else self.average

    @property
    def epoch_steps(self) -> int:
        """Steps of one pass over the tiles."""
        return max(1, -(-len(self.tiles.taught) // self.settings.batch))

    @property
    def done(self) -> float:
        """Share of the run that is behind, 0 to 1."""
        steps = self.settings.steps
        if not steps and not self.settings.minutes:
            steps = self.settings.epochs * self.epoch_steps
        return share_done(self.progress, steps, self.settings.minutes)

    def start_from(self, generator: Generator, discriminator: dict[str, Tensor] | None = None) -> None:
        """Begin with these weights instead of random ones, as experiment Phi does with Gimel's.

        Raises:
            ValueError: the generator is of another size or form.
        """
        if generator.spec != self.generator.spec:
            raise ValueError(f"expected weights of {self.generator.spec}, got {generator.spec}")
        for net in (self.generator, self.average):
            if net is not None:
                net.load_state_dict(generator.state_dict())
        if discriminator is not None:
            self.discriminator.load_state_dict(discriminator)

    def rate(self) -> float:
        """Learning rate of the next step."""
        if self.settings.schedule == "constant":
            return self.settings.rate
        climb = min(1.0, (self.done + 1e-3) / WARMUP)
        return self.settings.rate * climb * (0.01 + 0.99 * (1 + math.cos(math.pi * self.done)) / 2)

    def _verdicts(self, truth: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
        """The discriminator's logits for both kinds.

        They go through it as one batch: batch normalization would otherwise make the two kinds alike before they are
        compared (measured: the discriminator's loss then stays at that of guessing).
        """
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            both = self.discriminator.logit(torch.cat([truth, answer]))
        return both[: len(truth)], both[len(truth) :]

    def _tell(self, truth: Tensor, answer: Tensor) -> float:
        """One step of the discriminator; returns its loss."""
        self.discriminator.requires_grad_(True)
        loss = telling_loss(*self._verdicts(truth, answer.detach()))
        self.optimizers[1].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[1].step()
        self.discriminator.requires_grad_(False)
        return float(loss.detach())

    def step(self, pairs: Pairs) -> tuple[float, float]:
        """Learn from one batch; returns the generator's and the discriminator's loss."""
        for optimizer in self.optimizers:
            _set_rate(optimizer, self.rate())
        self.generator.train()
        self.discriminator.train()
        weight, told = self.settings.losses.adversarial, 0.0
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            answer = self.generator(pairs.stored)
        if weight:
            told = self._tell(pairs.truth, answer)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            loss = self.picture_loss(answer, pairs.truth, pairs.stored)
        if weight:
            loss = loss + weight * fooling_loss(self._verdicts(pairs.truth, answer)[1])
        self.optimizers[0].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.settings.clip:
            torch.nn.utils.clip_grad_norm_(self.generator.parameters(), self.settings.clip)
        self.optimizers[0].step()
        self._follow()
        self.progress.steps += 1
        return float(loss.detach()), told

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average toward the generator; faster at first, when there is little to average."""
        if self.average is None:
            return
        decay = min(self.settings.average, (1 + self.progress.steps) / (10 + self.progress.steps))
        for slow, fast in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            slow.lerp_(fast, 1 - decay)
        for held, seen in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            held.copy_(seen)

    def _batches(self) -> Iterator[Pairs]:
        settings = self.settings
        sampler = JpegSampler(self.tiles, settings.qualities, settings.side, settings.seed)
        return numbered(partial(sampler.batch, settings.batch), self.progress.steps + 1)

    def save(self) -> None:
        """Write the checkpoint."""
        self.checkpoints.save(self.progress)

    def run(self, told: Callable[[AdversarialTrainer, float], None] | None = None) -> Generator:
        """Train until the end of the schedule.

        Args:
            told: is called with the trainer and the recent mean loss at every line of the log.

        Returns:
            The generator of the best held-back PSNR, or the last one where nothing is held back.
        """
        held = HeldBack(self.tiles, self.settings.qualities, self.settings.side)
        period = self.settings.validate_every or self.epoch_steps
        sitting = Sitting(self.progress, self.save, self.settings.save_every)
        recent: list[tuple[float, float]] = []
        for pairs in self._batches():
            if self.done >= 1:
                break
            recent.append(self.step(pairs.to(self.device)))
            sitting.count()
            if self.progress.steps % self.settings.log_every == 0:
                self._write(recent, told)
                recent.clear()
            if self.progress.steps % period == 0 or self.done >= 1:
                self._validate(held)
            sitting.save_if_due()
        self.save()
        self.tracker.close()
        if self.best:
            self.checkpoints.load("best")
        return self.result.eval()

    def _write(
        self, recent: list[tuple[float, float]], told: Callable[[AdversarialTrainer, float], None] | None
    ) -> None:
        made, telling = (sum(values) / len(recent) for values in zip(*recent, strict=True))
        step, seconds, rate = self.progress.steps, self.progress.seconds, self.rate()
        self.log.write(step, seconds, made, rate)
        self.telling_log.write(step, seconds, telling, rate)
        self.tracker.add(step, {"loss/generator": made, "loss/discriminator": telling, "rate": rate})
        if told is not None:
            told(self, made)

    def _validate(self, held: HeldBack) -> None:
        """Score on held-back pictures; the best so far is kept."""
        net = self.result.eval()
        scores = held.score(net)
        if not scores:
            return
        self.log.validated(self.progress.steps, scores)
        self.tracker.add(self.progress.steps, {f"psnr/{name}": value for name, value in scores.items()})
        if scores["mean"] > self.best.get("mean", -math.inf):
            self.progress.best = {**scores, "steps": float(self.progress.steps)}
            self.checkpoints.save(self.progress, "best")


def _set_rate(optimizer: torch.optim.Optimizer | MuonAdamW, rate: float) -> None:
    if isinstance(optimizer, MuonAdamW):
        optimizer.rate = rate
        return
    for group in optimizer.param_groups:
        group["lr"] = rate


def _placed(net: Net, device: torch.device) -> Net:
    return net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
