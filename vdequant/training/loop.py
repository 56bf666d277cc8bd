"""The training loop: bf16 autocast, channels_last, EMA, cosine by time spent, checkpoint and resume."""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vdequant.models.cellnet import Cellnet, CellnetSpec
from vdequant.schedule.allocator import keep_freed_memory
from vdequant.training.data import Bank, Batch, Sampler


@dataclass(frozen=True)
class TrainSettings:
    """One training run.

    Attributes:
        minutes: length of the schedule in minutes of training time; a resumed run counts what came before.
        batch, side: crops a step and their side in pixels.
        rate: peak learning rate of AdamW; cosine to 1 % of it.
        warmup: share of the time in which the rate climbs.
        decay: of the exponential moving average of the weights.
        save_every: seconds between checkpoints.
    """

    minutes: float
    batch: int = 16
    side: int = 64
    rate: float = 2e-3
    warmup: float = 0.02
    decay: float = 0.999
    save_every: float = 120.0
    seed: int = 1


def cell_loss(answer: Tensor, batch: Batch) -> Tensor:
    """Squared error in units of the do-nothing error of each picture, so that every kind and depth weighs alike.

    A tenth of the squared half cell is added to the unit: pictures that were stored without loss (flat art) would
    otherwise divide by zero, and this is how much a change of them counts.
    """
    squared = (answer - batch.truth).square().mean(dim=(1, 2, 3))
    nothing = (batch.stored - batch.truth).square().mean(dim=(1, 2, 3))
    half = ((batch.high - batch.low) / 2).square().mean(dim=(1, 2, 3))
    return (squared / (nothing + 0.1 * half).clamp(min=1e-7)).mean()


class Trainer:
    """Holds network, optimizer, moving average and clock; everything in it survives in one checkpoint file."""

    def __init__(self, spec: CellnetSpec, settings: TrainSettings, folder: Path, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        keep_freed_memory()
        self.settings, self.folder, self.device = settings, folder, device
        self.net = Cellnet(spec).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average: Cellnet = copy.deepcopy(self.net)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=settings.rate, weight_decay=1e-4)
        self.steps, self.seconds = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "last.pt").exists():
            self._load(folder / "last.pt")

    def _load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps, self.seconds = state["steps"], state["seconds"]

    def start_from(self, net: Cellnet) -> None:
        """Take the weights of ``net``, which has the same spec, as the beginning of the run."""
        self.net.load_state_dict(net.state_dict())
        self.average.load_state_dict(net.state_dict())

    def save(self) -> None:
        """Write the checkpoint beside and rename, so that a kill never leaves half of one."""
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
            "seconds": self.seconds,
        }
        torch.save(state, self.folder / "next.pt")
        (self.folder / "next.pt").replace(self.folder / "last.pt")

    def _rate(self) -> float:
        done = min(1.0, self.seconds / (self.settings.minutes * 60))
        climb = min(1.0, done / self.settings.warmup) if self.settings.warmup else 1.0
        return self.settings.rate * climb * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)

    def _step(self, batch: Batch) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            answer = self.net(batch.stored, batch.low, batch.high, batch.spread, batch.facts)
        loss = cell_loss(answer, batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        decay = min(self.settings.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.net.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        return float(loss.detach())

    def run(self, bank: Bank) -> Cellnet:
        """Train until the schedule's end; log a line every 200 steps to ``log.jsonl``; return the average."""
        sampler = Sampler(bank, self.settings.seed * 1000 + self.steps, self.settings.side)
        saved, recent = time.monotonic(), []
        while self.seconds < self.settings.minutes * 60:
            began = time.monotonic()
            drawn = sampler.batch(self.settings.batch)
            batch = Batch(*(getattr(drawn, name).to(self.device) for name in Batch.__dataclass_fields__))
            recent.append(self._step(batch))
            self.steps += 1
            self.seconds += time.monotonic() - began
            if self.steps % 200 == 0:
                line = {"step": self.steps, "seconds": round(self.seconds, 1), "loss": sum(recent) / len(recent)}
                with (self.folder / "log.jsonl").open("a") as log:
                    log.write(json.dumps(line) + "\n")
                recent.clear()
            if time.monotonic() - saved > self.settings.save_every:
                self.save()
                saved = time.monotonic()
        self.save()
        return self.average
