"""The training loop: bf16 autocast, channels_last, moving average, cosine schedule, checkpoint, best and exact resume.

batch of step n ─► loss ─► step ─► average ─┬─ every save_every seconds ─► last.pt
(drawn from (seed, n), so a resumed run     └─ every validate_every steps ─► held-back pictures ─► best.pt
 sees the same batches)
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from vdequant.models.cellnet import Cellnet, CellnetSpec
from vdequant.schedule.allocator import keep_freed_memory
from vdequant.training.data import Bank, Batch, Sampler
from vdequant.training.log import TrainLog
from vdequant.training.optimizing import MuonAdamW
from vdequant.training.parallel import Ranks
from vdequant.training.prefetch import numbered
from vdequant.training.validation import Validation


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
    save_every: float = 120.0
    validate_every: int = 2000
    log_every: int = 200
    loaders: int = 0
    seed: int = 1


HALF_SHARE = 0.03  # of the squared half cell in the unit of the loss; palettes' cells are wide, their errors small


def cell_loss(answer: Tensor, batch: Batch) -> Tensor:
    """Squared error in units of the do-nothing error of each picture, so that every kind and depth weighs alike.

    A small part of the squared half cell is added to the unit: pictures that were stored without loss (flat art) would
    otherwise divide by zero, and this is how much a change of them counts.
    """
    squared = (answer - batch.truth).square().mean(dim=(1, 2, 3))
    nothing = (batch.stored - batch.truth).square().mean(dim=(1, 2, 3))
    half = ((batch.high - batch.low) / 2).square().mean(dim=(1, 2, 3))
    return (squared / (nothing + HALF_SHARE * half).clamp(min=1e-7)).mean()


class Trainer:
    """Holds network, optimizer, moving average and clock; everything in it survives in one checkpoint file."""

    def __init__(
        self,
        spec: CellnetSpec,
        settings: TrainSettings,
        folder: Path,
        device: torch.device,
        ranks: Ranks | None = None,
    ) -> None:
        torch.manual_seed(settings.seed)
        keep_freed_memory()
        self.settings, self.folder, self.device, self.ranks = settings, folder, device, ranks or Ranks()
        self.net = Cellnet(spec).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average: Cellnet = copy.deepcopy(self.net)
        self.optimizer = MuonAdamW(self.net, settings.rate)
        self.steps, self.seconds = 0, 0.0
        self.best: dict[str, float] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "last.pt").exists():
            self._load(folder / "last.pt")
        self.log = TrainLog(folder / "log.csv", self.steps)
        self.parallel: nn.Module = self.ranks.wrap(self.net)

    def _load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps, self.seconds, self.best = state["steps"], state["seconds"], state["best"]

    def start_from(self, net: Cellnet) -> None:
        """Take the weights of ``net`` as the beginning of the run.

        Its spec is the same but for fewer blocks: those it lacks answer zero at first, so the network starts as good.

        Raises:
            ValueError: when another layer is missing or of another size.
        """
        state = net.state_dict()
        missing = set(self.net.state_dict()) - set(state)
        if any(not name.startswith("blocks.") for name in missing):
            raise ValueError(f"expected weights of every layer but blocks, these are missing: {sorted(missing)}")
        self.net.load_state_dict(state, strict=False)
        self.average.load_state_dict(self.net.state_dict())

    def save(self) -> None:
        """Write the checkpoint beside and rename, so that a kill never leaves half of one."""
        if not self.ranks.first:
            return
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
            "seconds": self.seconds,
            "best": self.best,
        }
        torch.save(state, self.folder / "next.pt")
        (self.folder / "next.pt").replace(self.folder / "last.pt")

    @property
    def done(self) -> float:
        """Share of the schedule that is behind, 0 to 1."""
        whole = self.settings.steps or self.settings.minutes * 60
        return min(1.0, (self.steps if self.settings.steps else self.seconds) / whole)

    def _rate(self) -> float:
        climb = min(1.0, self.done / self.settings.warmup) if self.settings.warmup else 1.0
        return self.settings.rate * climb * (0.01 + 0.99 * (1 + math.cos(math.pi * self.done)) / 2)

    def step(self, batch: Batch) -> float:
        """Learn from one batch; returns its loss."""
        self.optimizer.rate = self._rate()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            answer = self.parallel(batch.stored, batch.low, batch.high, batch.room, batch.spread, batch.facts)
        loss = cell_loss(answer, batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        decay = min(self.settings.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.net.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        self.steps += 1
        return float(loss.detach())

    def _batches(self, bank: Bank) -> Iterator[Batch]:
        """From the next step's on; each process draws others."""
        sampler = Sampler(bank, self.settings.seed, self.settings.side)
        first = (self.steps + 1) * self.ranks.count + self.ranks.rank
        draw = partial(sampler.batch, self.settings.batch)
        return numbered(draw, first, self.ranks.count, processes=self.settings.loaders)

    def run(self, bank: Bank, told: Callable[[Trainer, float], None] | None = None) -> Cellnet:
        """Train until the schedule's end.

        Args:
            bank: where batches and validation pictures come from.
            told: is called with the trainer and the recent mean loss at every line of the log.

        Returns:
            The moving average that did best on the held-back pictures, or the last one without validation.
        """
        validation = Validation(bank) if self.settings.validate_every else None
        saved, mark, recent = time.monotonic(), time.monotonic(), []
        before = self.seconds
        for drawn in self._batches(bank):
            if self.done >= 1:
                break
            recent.append(self.step(drawn.to(self.device)))
            self.seconds = before + time.monotonic() - mark
            if self.steps % self.settings.log_every == 0:
                mean = sum(recent) / len(recent)
                self.log.write(self.steps, self.seconds, mean, self._rate())
                recent.clear()
                if told is not None:
                    told(self, mean)
            if validation and self.steps % self.settings.validate_every == 0:
                self._validate(validation)
            if time.monotonic() - saved > self.settings.save_every:
                self.save()
                saved = time.monotonic()
        if validation and self.steps % self.settings.validate_every:
            self._validate(validation)
        self.save()
        return self._best_average()

    def _validate(self, validation: Validation) -> None:
        """Score the average; keep it when it is the best so far. Only the first process does."""
        if not self.ranks.first:
            return
        scores = validation.score(self.average)
        if not scores:
            return
        self.log.validated(self.steps, scores)
        if scores["mean"] > self.best.get("mean", -math.inf):
            self.best = {**scores, "steps": float(self.steps)}
            torch.save(self.average.state_dict(), self.folder / "best.next.pt")
            (self.folder / "best.next.pt").replace(self.folder / "best.pt")

    def _best_average(self) -> Cellnet:
        path = self.folder / "best.pt"
        if self.best and path.exists():
            self.average.load_state_dict(torch.load(path, map_location=self.device, weights_only=True))
        return self.average
