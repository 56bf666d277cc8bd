"""The measuring itself: every method on every degradation of every picture, each row once, cached when asked for."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from vdequant.errors import InputError, VdequantError
from vdequant.evaluation.cost import Cost
from vdequant.evaluation.datasets import Item, digest
from vdequant.evaluation.degradations import Degradation, to_tensor
from vdequant.evaluation.methods import Method, Nothing
from vdequant.evaluation.published import published_rows
from vdequant.evaluation.rows import Cache, Row
from vdequant.evaluation.scores import SETS, SHOW_TRUTH, Case, check_scores, score
from vdequant.evaluation.set_features import SET_FEATURES
from vdequant.metrics.perceptual import frechet_distance
from vdequant.schedule.device import Engine

PROTOCOL = 1  # part of every cache key: one more when results of the same settings would differ
TRUTH = "the truth itself"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All rows of one run, and what they were measured on."""

    items: tuple[str, ...]
    degradations: tuple[str, ...]
    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    device: str
    machine: str

    def row(self, method: str, degradation: str) -> Row:
        """The row of a method and a degradation."""
        return next(row for row in self.rows if (row.method, row.degradation) == (method, degradation))


class _Sums:
    """The values of one row while its pictures go by."""

    def __init__(self, metrics: Sequence[str]) -> None:
        self.each: dict[str, list[float]] = {name: [] for name in metrics if name not in SETS}
        self.features = {name: SET_FEATURES[name]() for name in metrics if name in SETS}
        self.found: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in self.features}

    def add(self, case: Case) -> None:
        for name, values in self.each.items():
            values.append(score(name, case))
        for name, features in self.features.items():
            self.found[name].append((features(case.result), features(case.reference)))

    def values(self) -> dict[str, tuple[float, ...]]:
        """All of them; a distance of sets of fewer than two rows of features is nan."""
        known = {name: tuple(values) for name, values in self.each.items()}
        for name, found in self.found.items():
            first, second = (torch.cat(side) for side in zip(*found, strict=True))
            known[name] = (frechet_distance(first, second) if len(first) > 1 else math.nan,)
        return known


@torch.inference_mode()
def measure(method: Method, degradation: Degradation, items: Sequence[Item], metrics: Sequence[str]) -> Row:
    """One row, freshly measured. A method that cannot run here gives a row without values and a note that says why."""
    sums = _Sums(metrics)
    seconds, peaks, first = list[float](), list[int | None](), True
    try:
        work = method.prepare(degradation.text)
        for item in items:
            truth = item.read()
            stored = degradation.apply(truth)
            if first:
                work(stored)  # not timed: tables are made and programs are read from disk
                first = False
            with Cost() as cost:
                result = work(stored)
            seconds.append(cost.seconds)
            peaks.append(cost.peak)
            sums.add(Case(result, truth, stored, degradation))
    except InputError as error:
        if isinstance(method, Nothing):
            raise
        return Row(method.name, degradation.text, note=str(error))
    known = [peak for peak in peaks if peak is not None]
    names = tuple(item.name for item in items)
    return Row(method.name, degradation.text, names, sums.values(), median(seconds), max(known) if known else None)


@torch.inference_mode()
def _measure_truth(degradation: Degradation, items: Sequence[Item], metrics: Sequence[str]) -> Row:
    """The clean pictures' own scores in the metrics that mean little without them."""
    sums = _Sums([name for name in metrics if name in SHOW_TRUTH])
    for item in items:
        truth = item.read()
        sums.add(Case(to_tensor(truth), truth, degradation.apply(truth), degradation))
    return Row(TRUTH, degradation.text, tuple(item.name for item in items), sums.values())


def _silent(_: Row) -> None:
    """An observer that says nothing."""


def evaluate(
    items: Sequence[Item],
    degradations: Sequence[Degradation],
    methods: Sequence[Method],
    *,
    engine: Engine,
    metrics: tuple[str, ...] = ("psnr",),
    cache: Path | None = None,
    done: Callable[[Row], None] = _silent,
) -> Evaluation:
    """Measure every method on every degradation; doing nothing is always the first row.

    Args:
        items: see :func:`~vdequant.evaluation.datasets.find_items`.
        metrics: of SCORES.
        cache: folder of rows that are already known and of those that are measured now.
        done: is told every row as soon as it is known.

    Published rows for the same pictures come last, see ``published.py``.

    Raises:
        UsageError: an unknown metric.
        InputError: a picture cannot be read.
        ModelError: a metric's network is not there.
    """
    check_scores(metrics)
    if not items or not degradations:
        raise VdequantError("expected at least one picture and one quantizer, got none")
    kept, checksum = Cache(cache), digest(items)
    methods = [Nothing(), *(method for method in methods if not isinstance(method, Nothing))]
    with_truth = any(name in SHOW_TRUTH for name in metrics)
    rows: list[Row] = []
    for degradation in degradations:
        common = {"protocol": PROTOCOL, "pictures": checksum, "loss": degradation.text, "metrics": sorted(metrics)}
        for method in methods:
            key = {**common, "method": method.key(degradation.text)}
            row = kept.get(key) or kept.put(key, measure(method, degradation, items, metrics))
            rows.append(replace(row, method=method.name))
            done(rows[-1])
        if with_truth:
            key = {**common, "method": TRUTH}
            rows.append(kept.get(key) or kept.put(key, _measure_truth(degradation, items, metrics)))
    others = published_rows([row for row in rows if row.method == Nothing.name], metrics)
    return Evaluation(
        tuple(item.name for item in items),
        tuple(degradation.text for degradation in degradations),
        (
            *(method.name for method in methods),
            *dict.fromkeys(row.method for row in others),
            *((TRUTH,) if with_truth else ()),
        ),
        metrics,
        (*rows, *others),
        engine.describe(),
        f"{platform.machine()}, torch {torch.__version__}, Python {platform.python_version()}",
    )
