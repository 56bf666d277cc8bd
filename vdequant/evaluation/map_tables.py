"""Tables I and II and figure 6 of *map* again, with doing nothing and cellnet-m beside its methods.

The true pictures are quantized (columns), each method restores all of them in one batch (rows), and the error is the
mean squared one over values in [0, 1], as in the paper; PSNR and SSIM are means over the pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from vdequant.errors import UsageError
from vdequant.frame_work import Recipe, restore_native
from vdequant.frames import Layout
from vdequant.metrics.fidelity import psnr, ssim
from vdequant.models.prior_weights import Prior
from vdequant.quantizers.base import Cells, Quantizer
from vdequant.quantizers.threshold import ThresholdQuantizer, otsu_thresholds
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.loading import load_restorer
from vdequant.restorers.map_objective import YehObjective
from vdequant.restorers.map_search import Found, Search, Told, guess, pictures_of, search
from vdequant.restorers.map_transforms import Identity, SoftUnknown, Transform, threshold, transform_of

PEER = "cellnet-m"
SMALL_STEPS = 0.03  # of a search begun at PEER's picture, which is near already
LEVELS = ("m=2", "m=3", "m=4", "m=5")  # table I
THRESHOLDS = ("delta=0.5", "delta=0.4", "delta=otsu")  # table II


@dataclass(frozen=True)
class Column:
    """One way to quantize, and the pictures that it was done to.

    Attributes:
        name: of LEVELS or THRESHOLDS.
        truth: ``(N, 3, side, side)``.
        quantizer: that stored them.
        transform: what the search is told about it.
        delta: the true thresholds ``(N,)`` where the search is not told them, else None.
    """

    name: str
    truth: Tensor
    quantizer: Quantizer
    transform: Transform
    delta: Tensor | None = None

    @cached_property
    def stored(self) -> Tensor:
        """The quantized pictures."""
        return self.quantizer.quantize(self.truth)

    @cached_property
    def cells(self) -> Cells:
        """Where the truth must be."""
        return self.quantizer.cells(self.stored)


def column_of(name: str, truth: Tensor) -> Column:
    """A column of the tables; the threshold 0.5 is known to the search, others it has to estimate.

    Raises:
        UsageError: for another name.
    """
    if name in LEVELS:
        uniform = UniformQuantizer.of_levels(int(name[2:]))
        return Column(name, truth, uniform, transform_of(uniform))
    if name not in THRESHOLDS:
        raise UsageError(f"expected a column of {', '.join((*LEVELS, *THRESHOLDS))}, got {name!r}")
    if name == "delta=0.5":
        known = ThresholdQuantizer(0.5)
        return Column(name, truth, known, transform_of(known))
    delta = otsu_thresholds(truth) if name == "delta=otsu" else torch.full((len(truth),), 0.4)
    return Column(name, truth, ThresholdQuantizer(delta), SoftUnknown(), delta)


@dataclass(frozen=True)
class Score:
    """A cell of the tables.

    Attributes:
        column, method: where.
        error: mean squared.
        psnr, ssim: means over the pictures.
        seconds: for all pictures.
    """

    column: str
    method: str
    error: float
    psnr: float
    ssim: float
    seconds: float


@dataclass(frozen=True)
class Curve:
    """How the estimate of a threshold comes nearer (figure 6).

    Attributes:
        column: which.
        steps: of the search.
        variance: mean of the squared error of the estimate over the pictures, at each step.
    """

    column: str
    steps: list[int]
    variance: list[float]


@dataclass(frozen=True)
class Tables:
    """Everything that was measured."""

    scores: list[Score]
    curves: list[Curve]
    pictures: int
    steps: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def markdown(self) -> str:
        """Tables I and II: a row for each method, error / PSNR / SSIM for each column."""
        return "\n\n".join(filter(None, (self._table(LEVELS), self._table(THRESHOLDS))))

    def _table(self, names: tuple[str, ...]) -> str:
        shown = [name for name in names if any(score.column == name for score in self.scores)]
        methods = list(dict.fromkeys(score.method for score in self.scores if score.column in shown))
        found = {(score.method, score.column): score for score in self.scores}
        lines = ["| error / PSNR / SSIM | " + " | ".join(shown) + " |", "| --- " * (1 + len(shown)) + "|"]
        for method in methods:
            cells = [found.get((method, name)) for name in shown]
            words = ["–" if c is None else f"{c.error:.4f} / {c.psnr:.2f} / {c.ssim:.3f}" for c in cells]
            lines.append(f"| {method} | " + " | ".join(words) + " |")
        return "\n".join(lines) if shown else ""


class Bench:
    """The methods of the tables.

    Args:
        prior: of the pictures' kind; without a critic the row of Yeh et al. is left out.
        settings: of every search; its trace is kept for figure 6.
        weight: of the critic in the method of Yeh et al.
        told: of every step of every search.
    """

    def __init__(self, prior: Prior, settings: Search, weight: float = 0.1, told: Told | None = None) -> None:
        self.prior, self.settings, self.weight, self.told = prior, settings, weight, told
        self.peer = load_restorer(PEER)

    def _found(self, column: Column, transform: Transform) -> Found:
        return search(self.prior, transform, column.stored, self.settings, told=self.told)

    def nothing(self, column: Column) -> Tensor:
        """The quantized pictures as they are."""
        return column.stored

    def cellnet(self, column: Column) -> Tensor:
        """cellnet-m, told the cells, its result moved into them."""
        height, width = column.truth.shape[-2:]
        recipe = Recipe(self.peer, column.quantizer, Layout(width, height, "rgb", 16))
        return restore_native(recipe, column.stored)

    def yeh(self, column: Column) -> Tensor:
        """The method that *map* calls [7]."""
        if self.prior.critic is None:
            raise UsageError(
                "expected a prior with a critic for the row of Yeh et al.; train_prior.py critic makes one"
            )
        objective = YehObjective(self.prior.critic, self.weight)
        return search(
            self.prior, Identity(), column.stored, self.settings, objective=objective, told=self.told
        ).pictures  # fmt: skip

    def identity(self, column: Column) -> Tensor:
        """Eq. 11."""
        return self._found(column, Identity()).pictures

    def from_peer(self, column: Column) -> Tensor:
        """Eq. 6 from the input behind cellnet-m's picture on, half of what it changes added to that, in the cells."""
        peer = self.cellnet(column)
        begin = guess(self.prior, peer)
        settings = replace(self.settings, rate=min(self.settings.rate, SMALL_STEPS))
        found = search(self.prior, column.transform, column.stored, settings, begin=begin, told=self.told)
        changed = found.pictures - pictures_of(self.prior, begin)
        return column.cells.project((peer + changed / 2).clamp(0, 1))

    def rows(self, column: Column) -> Iterator[tuple[str, Callable[[Column], Tensor]]]:
        """Names and methods other than eq. 6 itself."""
        yield "do nothing", self.nothing
        yield PEER, self.cellnet
        # The paper leaves it out for Otsu's threshold: its weight cannot be tuned for a quantizer that always changes.
        if self.prior.critic is not None and column.name != "delta=otsu":
            yield "Yeh et al.", self.yeh
        yield "identity", self.identity
        if self.prior.encoder is not None:
            yield f"begun at {PEER}, projected", self.from_peer

    def measure(self, column: Column) -> tuple[list[Score], Curve | None]:
        """All methods on one column."""
        scores = []
        for name, method in self.rows(column):
            began = time.perf_counter()
            scores.append(_score(column, name, method(column), time.perf_counter() - began))
        began = time.perf_counter()
        found = self._found(column, column.transform)
        seconds = time.perf_counter() - began
        name = "softmax" if column.name in LEVELS else "sigmoid"
        scores.insert(-1, _score(column, name, found.pictures, seconds))
        scores.insert(-1, _score(column, f"{name}, projected", _own_cells(column, found), seconds))
        return scores, _curve(column, found)


def _own_cells(column: Column, found: Found) -> Tensor:
    """The pictures moved into the cells; where the threshold was estimated, into those of the estimate."""
    if column.delta is None:
        return column.cells.project(found.pictures)
    estimate = ThresholdQuantizer(threshold(found.alpha).clamp(1e-3, 1 - 1e-3))
    return estimate.cells(column.stored).project(found.pictures)


def _curve(column: Column, found: Found) -> Curve | None:
    if column.delta is None or not found.trace.steps:
        return None
    errors = [(threshold(alpha) - column.delta).square().mean() for alpha in found.trace.alpha]
    return Curve(column.name, found.trace.steps, [float(error) for error in errors])


def _score(column: Column, method: str, made: Tensor, seconds: float) -> Score:
    error = float((made - column.truth).square().mean())
    near, alike = float(psnr(made, column.truth).mean()), float(ssim(made, column.truth).mean())
    return Score(column.name, method, error, near, alike, seconds)


def measure_all(bench: Bench, truth: Tensor, columns: tuple[str, ...], done: Callable[[Score], None]) -> Tables:
    """All columns, one after the other.

    Args:
        bench: the methods.
        truth: ``(N, 3, side, side)``.
        columns: of LEVELS and THRESHOLDS.
        done: is told each score.
    """
    scores: list[Score] = []
    curves: list[Curve] = []
    for name in columns:
        new, curve = bench.measure(column_of(name, truth))
        for score in new:
            done(score)
        scores += new
        curves += [curve] if curve else []
    return Tables(scores, curves, len(truth), bench.settings.steps)


@dataclass(frozen=True)
class Race:
    """The quick search against the published one, on the same pictures from the same start.

    Attributes:
        steps: of each: published, quick.
        objective: mean at the end of each.
        reached: steps after which the quick one was as low as the published one ever got; None when it never was.
    """

    steps: tuple[int, int]
    objective: tuple[float, float]
    reached: int | None


def race(prior: Prior, column: Column, published: Search, quick: Search) -> Race:
    """See :class:`Race`; the mean over the pictures counts, of the best point that each was at so far."""
    slow = search(prior, column.transform, column.stored, replace(published, start=quick.start, every=1))
    fast = search(prior, column.transform, column.stored, replace(quick, every=1))
    goal = float(slow.objective.mean())
    lowest = torch.stack(fast.trace.objective).cummin(0).values.mean(1)
    lower = (lowest <= goal).nonzero()
    reached = fast.trace.steps[int(lower[0])] if len(lower) else None
    return Race((slow.steps, fast.steps), (goal, float(fast.objective.mean())), reached)
