"""The search of *map*: from stored pictures to the generator's inputs that explain them best.

starts (the encoder's guess, or zero; random ones) ─► a few steps on a coarse view ─► the best of each picture
                                                            ─► steps on the full view ─► the best point on the way
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vdequant.models.prior_local import LocalSpec
from vdequant.models.prior_weights import Prior
from vdequant.restorers.descent import DESCENTS
from vdequant.restorers.map_objective import MapObjective, Objective
from vdequant.restorers.map_transforms import Transform

ROWS = 4  # pictures computed at a time, always so many: another number could round otherwise
COARSE = 4  # pixels a side of the means that the coarse view compares
SLOWEST = 0.1  # share of the rate at the end

Told = Callable[[int, int, float], None]  # steps done, of how many at most, mean objective


@dataclass(frozen=True, slots=True)
class Search:
    """How long and how to look.

    Attributes:
        steps: at most, of the full view.
        coarse: steps of the coarse view before, with every start.
        restarts: random starts besides the first one.
        start: the first start: "guess" is the encoder's, from what is stored; "zero"; or "noise", a random one.
        descent: of DESCENTS.
        rate: size of a step.
        patience: a picture rests after so many steps without a gain; 0: never.
        gain: what counts as one, in nats.
        seed: of the random starts.
        every: steps between two entries of the trace; 0: none is kept.
    """

    steps: int = 100
    coarse: int = 20
    restarts: int = 1
    start: str = "guess"
    descent: str = "adam"
    rate: float = 0.1
    patience: int = 15
    gain: float = 1.0
    seed: int = 0
    every: int = 0


FAST = Search()
# A local generator can make almost anything, so the picture of the lowest objective is not the best one: a few small
# steps from the encoder's guess. On 16 held-back pictures of 2 levels 8, 16 and 32 steps gave 18.6, 18.8 and 18.5 dB.
NEAR = Search(16, 0, 0, rate=0.05, patience=0)
PUBLISHED = Search(200_000, 0, 0, "noise", "published", patience=0)


def quick_search(prior: Prior) -> Search:
    """The quick search that suits a prior."""
    return NEAR if isinstance(prior.spec, LocalSpec) and prior.encoder is not None else FAST


@dataclass
class Trace:
    """What a search went through.

    Attributes:
        steps: done at each entry.
        objective: ``(N,)`` each.
        alpha: ``(N, A)`` each, see map_transforms.
    """

    steps: list[int] = field(default_factory=list)
    objective: list[Tensor] = field(default_factory=list)
    alpha: list[Tensor] = field(default_factory=list)

    def add(self, step: int, objective: Tensor, alpha: Tensor) -> None:
        """One more entry."""
        self.steps.append(step)
        self.objective.append(objective.clone())
        self.alpha.append(alpha.clone())


@dataclass(frozen=True)
class Found:
    """The end of a search.

    Attributes:
        z: ``(N, latent)``; give it to the next search of a similar picture as ``begin``.
        alpha: ``(N, A)``.
        objective: ``(N,)``, of the full view.
        pictures: ``(N, 3, side, side)`` float32 in [0, 1].
        steps: taken by the longest of them.
        trace: of the full view.
    """

    z: Tensor
    alpha: Tensor
    objective: Tensor
    pictures: Tensor
    steps: int
    trace: Trace


@dataclass
class _Rows:
    """Where each row is, the best place that it has been to, and how long it has not got better."""

    z: Tensor
    alpha: Tensor
    best: Tensor
    best_z: Tensor
    best_alpha: Tensor
    waited: Tensor

    @classmethod
    def at(cls, z: Tensor, alpha: Tensor) -> _Rows:
        """Rows that have been nowhere yet."""
        best = torch.full((len(z),), math.inf, device=z.device)
        return cls(z.clone(), alpha.clone(), best, z.clone(), alpha.clone(), torch.zeros(len(z), device=z.device))

    def note(self, objective: Tensor, gain: float) -> None:
        """Remember what is better than before."""
        better = objective < self.best
        self.waited = torch.where(objective < self.best - gain, 0, self.waited + 1)
        self.best = torch.where(better, objective, self.best)
        self.best_z = torch.where(better[:, None], self.z, self.best_z)
        self.best_alpha = torch.where(better[:, None], self.alpha, self.best_alpha)


def in_rows(work: Callable[..., list[Tensor]], *tensors: Tensor) -> list[Tensor]:
    """``work`` on ROWS rows of the tensors at a time, the last time filled up with zeros; results are joined."""
    count = len(tensors[0])
    filled = [torch.cat([t, t.new_zeros(-count % ROWS, *t.shape[1:])]) for t in tensors]
    parts = [work(*rows) for rows in zip(*(torch.split(t, ROWS) for t in filled), strict=True)]
    return [torch.cat(column)[:count] for column in zip(*parts, strict=True)]


@torch.no_grad()
def guess(prior: Prior, pictures: Tensor) -> Tensor:
    """The inputs that the prior's encoder sees behind pictures ``(N, 3, side, side)``: ``(N, latent)``.

    Raises:
        ValueError: when it has no encoder.
    """
    encoder = prior.encoder
    if encoder is None:
        raise ValueError("expected a prior with an encoder, got a generator alone; start a search at zero")
    return in_rows(lambda part: [encoder(part)[0]], pictures)[0]


@torch.no_grad()
def pictures_of(prior: Prior, z: Tensor) -> Tensor:
    """What the generator makes of ``z`` ``(N, latent)``: ``(N, 3, side, side)`` float32 in [0, 1]."""
    return in_rows(lambda part: [prior.generator(part).clamp(0, 1)], z)[0]


class Searcher:
    """Searches for batches of pictures of the prior's size; see :func:`search` for the words."""

    def __init__(self, prior: Prior, objective: Objective, stored: Tensor) -> None:
        self.prior, self.objective, self.stored = prior, objective, stored

    def _slopes(self, z: Tensor, alpha: Tensor, stored: Tensor, objective: Objective) -> list[Tensor]:
        """The objective ``(N,)`` and its gradients."""

        def work(z: Tensor, alpha: Tensor, stored: Tensor) -> list[Tensor]:
            here, at = z.detach().requires_grad_(), alpha.detach().requires_grad_()
            value = objective(self.prior.generator(here), here, at, stored)
            to_z, to_alpha = torch.autograd.grad(value.sum(), [here, at], allow_unused=True)
            return [value.detach(), to_z, torch.zeros_like(alpha) if to_alpha is None else to_alpha]

        return in_rows(work, z, alpha, stored)

    @torch.no_grad()
    def values(self, z: Tensor, alpha: Tensor, stored: Tensor, objective: Objective) -> Tensor:
        """The objective alone, ``(N,)``."""

        def work(z: Tensor, alpha: Tensor, stored: Tensor) -> list[Tensor]:
            return [objective(self.prior.generator(z), z, alpha, stored)]

        return in_rows(work, z, alpha, stored)[0]

    def first(self, settings: Search, begin: Tensor | None) -> list[Tensor]:
        """The starts, ``(N, latent)`` each; random ones are the same for every picture."""
        count, latent = len(self.stored), self.prior.spec.latent
        chance = torch.Generator().manual_seed(settings.seed)
        noise = torch.randn(1 + settings.restarts, latent, generator=chance).to(self.stored.device)
        starts = [row.expand(count, latent).clone() for row in noise]
        if begin is not None:
            starts[0] = begin.clone()
        elif settings.start == "guess" and self.prior.encoder is not None:
            starts[0] = guess(self.prior, self.stored[:, :3])
        elif settings.start != "noise":
            starts[0] = torch.zeros_like(starts[0])
        return starts

    def descend(
        self, rows: _Rows, stored: Tensor, objective: Objective, settings: Search, steps: int, told: Told, trace: Trace
    ) -> int:
        """Go downhill; returns the steps taken."""
        descent = DESCENTS[settings.descent](settings.rate)
        for step in range(steps):
            objectives, *slopes = self._slopes(rows.z, rows.alpha, stored, objective)
            rows.note(objectives, settings.gain)
            told(step, steps, float(rows.best.mean()))
            if settings.every and step % settings.every == 0:
                trace.add(step, objectives, rows.alpha)
            moving = (rows.waited < settings.patience) if settings.patience else torch.ones_like(objectives).bool()
            if not bool(moving.any()):
                return step
            before = [rows.z.clone(), rows.alpha.clone()]
            rate = 1.0 if settings.descent == "published" else _slowing(step / steps)
            descent.step([rows.z, rows.alpha], slopes, rate)
            rows.z = torch.where(moving[:, None], rows.z, before[0])
            rows.alpha = torch.where(moving[:, None], rows.alpha, before[1])
        rows.note(self.values(rows.z, rows.alpha, stored, objective), settings.gain)
        return steps

    def choose(self, starts: list[Tensor], settings: Search, transform: Transform) -> tuple[Tensor, Tensor]:
        """Z and alpha to go on from: of the starts, each a few coarse steps further, the best for each picture."""
        count, many = len(self.stored), len(starts)
        z, alpha = torch.cat(starts), transform.start(count * many).to(self.stored.device)
        if many == 1 and settings.coarse == 0:
            return z, alpha
        stored = self.stored.repeat(many, 1, 1, 1)
        if settings.coarse:
            rows = _Rows.at(z, alpha)
            coarse = MapObjective(transform, COARSE)
            self.descend(rows, stored, coarse, settings, settings.coarse, _silent, Trace())
            z, alpha = torch.cat([z, rows.best_z]), torch.cat([alpha, rows.best_alpha])
            stored, many = stored.repeat(2, 1, 1, 1), 2 * many
        chosen = self.values(z, alpha, stored, self.objective).view(many, count).argmin(0)
        at = chosen * count + torch.arange(count, device=chosen.device)
        return z[at], alpha[at]


def _slowing(done: float) -> float:
    """The share of the rate at a share of the steps: a cosine."""
    return SLOWEST + (1 - SLOWEST) * (1 + math.cos(math.pi * done)) / 2


def _silent(done: int, total: int, objective: float) -> None:
    """Tells nobody."""


def search(
    prior: Prior,
    transform: Transform,
    stored: Tensor,
    settings: Search = FAST,
    *,
    objective: Objective | None = None,
    begin: Tensor | None = None,
    told: Told | None = None,
) -> Found:
    """Minimize the objective of *map* over Z and alpha, for each picture by itself.

    Args:
        prior: the generator, on the device of ``stored``.
        transform: T.
        stored: pictures of the prior's side, ``(N, 3, side, side)`` in [0, 1]; with more channels where T says so.
        settings: how.
        objective: another one than eq. 6; alpha is then for it to use.
        begin: ``(N, latent)`` instead of the first start.
        told: is called after every step of the full view.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        stored = stored.detach().clone()
        searcher = Searcher(prior, objective or MapObjective(transform), stored)
        starts = searcher.first(settings, begin)
        rows = _Rows.at(*searcher.choose(starts, settings, transform))
        trace = Trace()
        taken = searcher.descend(rows, stored, searcher.objective, settings, settings.steps, told or _silent, trace)
        pictures = pictures_of(prior, rows.best_z)
    return Found(rows.best_z, rows.best_alpha, rows.best, pictures, taken, trace)
