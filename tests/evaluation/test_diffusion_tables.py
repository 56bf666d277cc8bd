"""The diffusion tables measured: a value a picture, a reason where there is none, nothing measured twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vdequant.errors import InputError, ModelError
from vdequant.evaluation import diffusion_answers
from vdequant.evaluation.degradations import Stored, to_tensor
from vdequant.evaluation.diffusion_answers import Models
from vdequant.evaluation.diffusion_questions import columns_of
from vdequant.evaluation.diffusion_scenes import find_scenes
from vdequant.evaluation.diffusion_tables import Order, measure_tables, standard_error
from vdequant.evaluation.methods import Nothing, Work
from vdequant.evaluation.rows import Row
from vdequant.metrics.fidelity import psnr
from vdequant.models.denoiser import Embedded
from vdequant.restorers.sampling import Sampling
from vdequant.schedule.device import Engine

QUICK = Sampling("dpm", 1)
TABLES = ("figure-3", "table-1")


class Broken:
    """A peer that cannot run."""

    name = "broken"

    def key(self, degradation: str) -> str:
        return self.name

    def prepare(self, degradation: str) -> Work:
        def work(stored: Stored) -> torch.Tensor:
            raise InputError("expected a program, found none")

        return work


def silent(*_: object) -> None:
    """Says nothing."""


def test_every_cell_has_a_value_of_each_picture(pictures: Path, models: Models) -> None:
    scenes, told = find_scenes([pictures]), list[tuple[int, int, Row]]()
    found = measure_tables(
        scenes, models, Order(QUICK, (Nothing(),), TABLES), lambda *words: told.append(words)
    )  # fmt: skip
    expected = 6 * 3 + sum(len(column.rows) for column in columns_of(("table-1",)))
    assert len(found.rows) == expected
    assert [done for done, *_ in told] == list(range(1, 2 * expected + 1))
    assert {total for _, total, _ in told} == {2 * expected}
    for row in found.rows:
        assert row.pictures == ("a.png", "b.webp")
        assert all(len(values) == 2 and all(map(math.isfinite, values)) for values in row.values.values())
    row = found.row("table-1", "off, 8 colors", "L-post")
    assert row is not None
    assert set(row.values) == {"palette-psnr", "palette-ssim"}
    assert found.seconds > 0


def test_doing_nothing_scores_as_the_stored_picture(pictures: Path, models: Models) -> None:
    scene = find_scenes([pictures])[0]
    found = measure_tables([scene], models, Order(QUICK, (Nothing(),), ("figure-3",)), silent)
    stored = columns_of(("figure-3",))[1].ask(scene).colors
    assert found.mean("figure-3", "N=8", "nothing", "psnr") == pytest.approx(
        float(psnr(stored, to_tensor(scene.truth)))
    )


def test_a_missing_encoder_and_a_broken_peer_say_so_in_their_rows(
    pictures: Path, engine: Engine, tiny_diffusion: Callable[[str], Embedded]
) -> None:
    def make(kind: str) -> Embedded:
        if kind == "G":
            raise ModelError("expected the weights of G")
        return tiny_diffusion(kind)

    scene = find_scenes([pictures])[0]
    found = measure_tables(
        [scene], Models(engine, make), Order(QUICK, (Nothing(), Broken()), ("figure-3", "table-3")), silent
    )  # fmt: skip
    notes = {row.method: row.note for row in found.rows if row.note}
    assert notes == {"G": "expected the weights of G", "broken": "expected a program, found none"}
    assert math.isnan(found.mean("table-3", "on", "G", "psnr"))


def test_without_any_model_nothing_is_measured(pictures: Path, engine: Engine) -> None:
    def make(kind: str) -> Embedded:
        raise ModelError(f"expected the weights of {kind}")

    with pytest.raises(ModelError, match="weights of L"):
        measure_tables(find_scenes([pictures]), Models(engine, make), Order(QUICK), silent)


def test_what_is_known_is_not_drawn_again(
    pictures: Path, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = find_scenes([pictures])
    order = Order(QUICK, (Nothing(),), ("table-3",), tmp_path / "cache")
    first = measure_tables(scenes[:1], models, order, silent)
    drawn = []

    def counted(*words: object) -> torch.Tensor:
        drawn.append(words)
        return torch.full((1, 3, 40, 40), 0.5)

    monkeypatch.setattr(diffusion_answers, "draw", counted)
    assert measure_tables(scenes[:1], models, order, silent).rows == first.rows
    assert drawn == []
    more = measure_tables(scenes, models, order, silent)
    assert len(drawn) == 6  # T, G and L, with texture and without, of the second picture alone
    assert [row.values["psnr"][0] for row in more.rows] == [row.values["psnr"][0] for row in first.rows]


@pytest.mark.parametrize("changed", [{"seed": 1}, {"steps": 3}, {"sampler": "ddpm"}, {"samples": 2}])
def test_other_sampling_is_another_result(
    changed: dict[str, object], pictures: Path, models: Models, tmp_path: Path
) -> None:
    scene = find_scenes([pictures])[:1]
    order = Order(Sampling("dpm", 2), (), ("table-4",), tmp_path / "cache")
    first = measure_tables(scene, models, order, silent)
    other = replace(order, sampling=replace(order.sampling, **changed))  # type: ignore[arg-type]
    again = measure_tables(scene, models, other, silent)
    assert first.mean("table-4", "on", "T", "palette-psnr") != again.mean("table-4", "on", "T", "palette-psnr")


def test_the_standard_error_is_that_of_the_mean() -> None:
    row = Row("a", "b", ("1", "2", "3", "4"), {"psnr": (1.0, 2.0, 3.0, 4.0)})
    assert standard_error(row, "psnr") == pytest.approx(1.2909944 / 2)
    assert math.isnan(standard_error(Row("a", "b", ("1",), {"psnr": (1.0,)}), "psnr"))
