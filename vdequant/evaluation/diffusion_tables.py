"""Measures the diffusion tables: every row of every column on every picture, each kept as soon as it is known.

It goes on picture by picture, so that what an interrupted run has in its cache are whole pictures, and the same
command on more of them measures only the new ones.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from statistics import median, stdev

import torch
from torch import Tensor

from vdequant.edits.palette_transfer import Requantizer
from vdequant.errors import InputError, ModelError
from vdequant.evaluation.diffusion_answers import WAYS, Answers, Models
from vdequant.evaluation.diffusion_questions import TABLES, Column, Question, columns_of, patch_of
from vdequant.evaluation.diffusion_scenes import Scene
from vdequant.evaluation.methods import Method
from vdequant.evaluation.rows import Cache, Key, Row
from vdequant.metrics.fidelity import psnr, ssim
from vdequant.metrics.palette_fidelity import palette_psnr, palette_ssim
from vdequant.restorers.sampling import Sampling

PROTOCOL = 1  # part of every key of the cache
CODE = (
    "vdequant.models.conditioning",
    "vdequant.models.denoiser",
    "vdequant.models.diffusion",
    "vdequant.restorers.denoising",
    "vdequant.evaluation.diffusion_answers",
    "vdequant.evaluation.diffusion_augment",
    "vdequant.evaluation.diffusion_questions",
)

Told = Callable[[int, int, Row], None]  # cells known, cells in all, the newest


@dataclass(frozen=True)
class Order:
    """What is to be measured.

    Attributes:
        sampling: how pictures are drawn.
        methods: restorers and peers, which have rows in figure 3 beside doing nothing.
        tables: of TABLES.
        cache: folder of what is already known, and is kept.
    """

    sampling: Sampling
    methods: tuple[Method, ...] = ()
    tables: tuple[str, ...] = TABLES
    cache: Path | None = None


@dataclass(frozen=True)
class DiffusionTables:
    """Everything that was measured.

    Attributes:
        order: what was asked for.
        scenes: names of the pictures.
        rows: one for each row and column, with a value for each picture; ``degradation`` is "table: column".
        engine: where, in words.
        patch: mean share of the pixels that tables 3 and 4 repaint.
        restoring: the encoder of figure 3, which is told no texture.
    """

    order: Order
    scenes: tuple[str, ...]
    rows: tuple[Row, ...]
    engine: str
    patch: float
    restoring: str

    @cached_property
    def _places(self) -> dict[tuple[str, str], Row]:
        return {(row.degradation, row.method): row for row in self.rows}

    def row(self, table: str, column: str, method: str) -> Row | None:
        """A cell; None where there is none."""
        return self._places.get((f"{table}: {column}", method))

    def mean(self, table: str, column: str, method: str, metric: str) -> float:
        """Its mean over the pictures; nan where it was not measured."""
        row = self.row(table, column, method)
        return math.nan if row is None else row.mean(metric)

    @property
    def seconds(self) -> float:
        """Median of what drawing a sample took; nan where none was drawn."""
        known = [row.seconds for row in self.rows if row.seconds and row.method in WAYS]
        return median(known) / self.order.sampling.samples if known else math.nan


def standard_error(row: Row, metric: str) -> float:
    """Of the mean over the pictures; nan for fewer than two."""
    values = [value for value in row.values.get(metric, ()) if math.isfinite(value)]
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


@lru_cache(maxsize=1)
def _code() -> str:
    """A checksum of the source files that decide the answers."""
    found = hashlib.sha256()
    for name in CODE:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            found.update(Path(spec.origin).read_bytes())
    return found.hexdigest()[:16]


def _values(answer: Tensor, question: Question) -> dict[str, tuple[float, ...]]:
    """Every score that makes sense for the question."""
    values: dict[str, tuple[float, ...]] = {}
    if question.truth is not None:
        values["psnr"] = (float(psnr(answer, question.truth)),)
        values["ssim"] = (float(ssim(answer, question.truth)),)
    if question.palette:
        again = Requantizer(question.palette)
        values["palette-psnr"] = (float(palette_psnr(answer, question.colors, again)),)
        values["palette-ssim"] = (float(palette_ssim(answer, question.colors, again)),)
    return values


class _Measuring:
    """One run."""

    def __init__(self, models: Models, order: Order) -> None:
        self.models, self.order, self.cache = models, order, Cache(order.cache)
        self.methods = {method.name: method for method in order.methods}
        self.engine = models.engine.describe()

    def rows_of(self, column: Column) -> tuple[str, ...]:
        """Those of restorers and peers first."""
        return (*self.methods, *column.rows) if column.loss else column.rows

    def _key(self, picture: str, column: Column, row: str) -> Key:
        """Everything that a cell depends on; raise :class:`ModelError` where its encoder is not there."""
        common = {"protocol": PROTOCOL, "picture": picture, "table": column.table, "column": column.name}
        if row in self.methods and column.loss:
            return {**common, "method": self.methods[row].key(column.loss)}
        key = {**common, "row": row, "code": _code()}
        if row in WAYS:
            sampling = self.order.sampling
            how = (sampling.sampler, sampling.count, sampling.seed, sampling.samples, sampling.ratio, sampling.most)
            kind = self.models.kind(WAYS[row].kind)
            key |= {
                "weights": self.models.checksum(kind),
                "sampling": str(how),
                "engine": str(self.models.engine.dtype),
            }
        return key

    def column(self, scene: Scene, column: Column) -> Iterator[Row]:
        """The cells of a column for one picture; nothing is asked when all are known."""
        picture = scene.digest
        asked: list[Answers] = []
        for row in self.rows_of(column):
            label = f"{column.table}: {column.name}"
            try:
                key = self._key(picture, column, row)
                found = self.cache.get(key)
                if found is None:
                    asked = asked or [Answers(column.ask(scene), self.models, self.order.sampling)]
                    found = self.cache.put(key, self._measured(scene, column, row, asked[0]))
            except (ModelError, InputError) as error:
                found = Row(row, label, note=str(error))
            yield found

    @torch.inference_mode()
    def _measured(self, scene: Scene, column: Column, row: str, answers: Answers) -> Row:
        question = answers.question
        method = self.methods.get(row) if column.loss else None
        if method is not None and question.stored is not None:
            answer, seconds = method.prepare(column.loss)(question.stored).cpu().float(), 0.0
        else:
            answer, seconds = answers.of(row)
        label = f"{column.table}: {column.name}"
        return Row(row, label, (scene.name,), _values(answer, question), seconds)


def _joined(found: Sequence[Row]) -> Row:
    """The cells of all pictures as one; the first reason why one is missing is that of the whole."""
    for row in found:
        if row.note:
            return row
    values = {metric: tuple(value for row in found for value in row.values[metric]) for metric in found[0].values}
    drawn = [row.seconds for row in found if row.seconds]
    names = tuple(name for row in found for name in row.pictures)
    return Row(found[0].method, found[0].degradation, names, values, median(drawn) if drawn else 0.0)


def measure_tables(scenes: Sequence[Scene], models: Models, order: Order, told: Told) -> DiffusionTables:
    """Measure all of it.

    Args:
        scenes: see :func:`~vdequant.evaluation.diffusion_scenes.find_scenes`.
        models: with the encoders that are there; the rows of others say why they have no values.
        order: what is to be measured.
        told: is called after every cell.

    Raises:
        InputError: a picture cannot be read, or is too small.
        ModelError: there is no model at all.
    """
    restoring = models.kind()
    run, columns = _Measuring(models, order), columns_of(order.tables)
    total = len(scenes) * sum(len(run.rows_of(column)) for column in columns)
    found: dict[tuple[str, str], list[Row]] = {}
    done = 0
    for scene in scenes:
        for column in columns:
            for row in run.column(scene, column):
                done += 1
                found.setdefault((row.degradation, row.method), []).append(row)
                told(done, total, row)
    patch = sum(float(patch_of(scene).mean()) for scene in scenes) / len(scenes)
    return DiffusionTables(
        order,
        tuple(scene.name for scene in scenes),
        tuple(_joined(rows) for rows in found.values()),
        run.engine,
        patch,
        restoring,
    )
