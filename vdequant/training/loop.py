"""The training loop: bf16 autocast, channels_last, moving average, cosine schedule, checkpoint, best and exact resume.

batch of step n ─► loss ─► step ─► average ─┬─ every save_every seconds ─► last.pt
(drawn from (seed, n), so a resumed run     └─ every validate_every steps ─► held-back pictures ─► best.pt
 sees the same batches)
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from vdequant.schedule.allocator import keep_freed_memory
from vdequant.training.checkpoint import Checkpoints, Progress, Stateful
from vdequant.training.log import TrainLog
from vdequant.training.optimizing import MuonAdamW
from vdequant.training.parallel import Ranks
from vdequant.training.prefetch import numbered
from vdequant.training.sitting import Sitting, share_done
from vdequant.training.widening import start_from


@dataclass(frozen=True)
class TrainSettings:
    """One training run; its length is given in steps, or in minutes of training time.

    Attributes:
        minutes: length of the schedule; a resumed run counts what came before. Ignored when ``steps`` is given.
        steps: length of the schedule. Only then is a resumed run equal to an uninterrupted one to the last bit.
        batch, side: crops a step (a process) and their side in pixels.
        rate: peak learning rate; cosine to 1 % of it.
        warmup: share of the run in which the rate climbs.
        decay: of the exponential moving average of the weights.
        muon: kernels are learned by Muon; else by AdamW, as everything beside them.
        save_every: seconds between checkpoints.
        validate_every: steps between validations; 0 for none.
        log_every: steps between lines of the log.
        loaders: processes that make batches; 0: a thread, which is enough for a CPU.
    """

    minutes: float = 0.0
    steps: int = 0
    batch: int = 16
    side: int = 64
    rate: float = 2.5e-3
    warmup: float = 0.02
    decay: float = 0.999
    muon: bool = True
    save_every: float = 120.0
    validate_every: int = 2000
    log_every: int = 200
    loaders: int = 0
    seed: int = 1


N = TypeVar("N", bound=nn.Module)
B = TypeVar("B", bound="Movable")
L = TypeVar("L", bound="Movable", covariant=True)
M = TypeVar("M", bound=nn.Module, contravariant=True)


class Movable(Protocol):
    """A batch."""

    def to(self, device: torch.device) -> Any:
        """The same on ``device``."""
        ...


class Lesson(Protocol[M, L]):
    """What is learned from: batches by number, and held-back pictures."""

    def draw(self, settings: TrainSettings, number: int) -> L:
        """A batch; always the same one for the same settings and ``number``."""
        ...

    def score(self, net: M) -> dict[str, float]:
        """Scores on held-back pictures by name, higher is better, with "mean"; empty when nothing is held back."""
        ...


class Trainer(Generic[N, B]):
    """Holds network, optimizer, moving average and clock; everything in it survives in one checkpoint file.

    Args:
        make: gives the untrained network.
        loss: of the network's answer to a batch.
        settings: length and pace.
        folder: of checkpoints and logs; what is there is resumed.
        device: "cpu" or "cuda".
        ranks: which of several processes this is.
    """

    def __init__(
        self,
        make: Callable[[], N],
        loss: Callable[[nn.Module, B], Tensor],
        settings: TrainSettings,
        folder: Path,
        device: torch.device,
        ranks: Ranks | None = None,
    ) -> None:
        torch.manual_seed(settings.seed)
        keep_freed_memory()
        self.loss, self.settings, self.device, self.ranks = loss, settings, device, ranks or Ranks()
        self.net: N = make().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average: N = copy.deepcopy(self.net)
        self.optimizer = MuonAdamW(self.net, settings.rate, muon=settings.muon)
        parts: dict[str, Stateful] = {"net": self.net, "average": self.average, "optimizer": self.optimizer}
        self.checkpoints = Checkpoints(folder, parts, device)
        self.best_average = Checkpoints(folder, {"average": self.average}, device)
        self.progress = self.checkpoints.load() or Progress()
        self.log = TrainLog(folder / "log.csv", self.steps)
        self.parallel: nn.Module = self.ranks.wrap(self.net)

    @property
    def steps(self) -> int:
        """Done so far."""
        return self.progress.steps

    @property
    def seconds(self) -> float:
        """Of training so far, over all sittings."""
        return self.progress.seconds

    @property
    def best(self) -> dict[str, float]:
        """The best scores so far; empty before the first validation."""
        return self.progress.best

    def start_from(self, net: nn.Module) -> None:
        """Take the weights of ``net`` as the beginning of the run; it may be smaller, see :mod:`.widening`.

        Raises:
            ValueError: when its layers are others.
        """
        start_from(self.net, net)
        self.average.load_state_dict(self.net.state_dict())

    def save(self) -> None:
        """Write the checkpoint; only the first process does."""
        if self.ranks.first:
            self.checkpoints.save(self.progress)

    @property
    def done(self) -> float:
        """Share of the schedule that is behind, 0 to 1."""
        return share_done(self.progress, self.settings.steps, self.settings.minutes)

    def _rate(self) -> float:
        climb = min(1.0, self.done / self.settings.warmup) if self.settings.warmup else 1.0
        return self.settings.rate * climb * (0.01 + 0.99 * (1 + math.cos(math.pi * self.done)) / 2)

    def step(self, batch: B) -> float:
        """Learn from one batch; returns its loss."""
        self.optimizer.rate = self._rate()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            loss = self.loss(self.parallel, batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        decay = min(self.settings.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.net.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        self.progress.steps += 1
        return float(loss.detach())

    def _batches(self, lesson: Lesson[N, B]) -> Iterator[B]:
        """From the next step's on; each process draws others."""
        first = (self.steps + 1) * self.ranks.count + self.ranks.rank
        draw = partial(lesson.draw, self.settings)
        return numbered(draw, first, self.ranks.count, processes=self.settings.loaders)

    def run(self, lesson: Lesson[N, B], told: Callable[[Trainer[N, B], float], None] | None = None) -> N:
        """Train until the schedule's end.

        Args:
            lesson: where batches and scores come from.
            told: is called with the trainer and the recent mean loss at every line of the log.

        Returns:
            The moving average that did best on the held-back pictures, or the last one without validation.
        """
        validating = self.settings.validate_every > 0
        sitting = Sitting(self.progress, self.save, self.settings.save_every)
        recent: list[float] = []
        for drawn in self._batches(lesson):
            if self.done >= 1:
                break
            recent.append(self.step(drawn.to(self.device)))
            sitting.count()
            if self.steps % self.settings.log_every == 0:
                mean = sum(recent) / len(recent)
                self.log.write(self.steps, self.seconds, mean, self._rate())
                recent.clear()
                if told is not None:
                    told(self, mean)
            if validating and self.steps % self.settings.validate_every == 0:
                self._validate(lesson)
            sitting.save_if_due()
        if validating and self.steps % self.settings.validate_every:
            self._validate(lesson)
        self.save()
        return self._best_average()

    def _validate(self, lesson: Lesson[N, B]) -> None:
        """Score the average; keep it when it is the best so far. Only the first process does."""
        if not self.ranks.first:
            return
        scores = lesson.score(self.average)
        if not scores:
            return
        self.log.validated(self.steps, scores)
        if scores["mean"] > self.best.get("mean", -math.inf):
            self.progress.best = {**scores, "steps": float(self.steps)}
            self.best_average.save(self.progress, "best")

    def _best_average(self) -> N:
        if self.best:
            self.best_average.load("best")
        return self.average
