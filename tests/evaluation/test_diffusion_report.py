"""The report of the diffusion tables: our numbers beside the paper's, and a word where there are none."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from vdequant.evaluation.diffusion_answers import Models
from vdequant.evaluation.diffusion_questions import DRAWN, TABLES
from vdequant.evaluation.diffusion_report import TITLES, as_json, markdown, notes, write_json
from vdequant.evaluation.diffusion_scenes import find_scenes
from vdequant.evaluation.diffusion_tables import DiffusionTables, Order, measure_tables
from vdequant.evaluation.methods import Nothing
from vdequant.evaluation.rows import Row
from vdequant.restorers.sampling import Sampling


@pytest.fixture
def some() -> DiffusionTables:
    values = {"palette-psnr": (20.0, 22.0), "palette-ssim": (0.5, 0.7)}
    rows = (
        Row("T", "table-1: on, 8 colors", ("a.png", "b.png"), values, 4.0),
        Row("G", "table-1: on, 8 colors", note="expected the weights of G"),
        Row(DRAWN, "figure-3: N=4", ("a.png", "b.png"), {"psnr": (20.0, 22.0), "ssim": (0.5, 0.7)}, 6.0),
        Row("nothing", "figure-3: N=4", ("a.png", "b.png"), {"psnr": (math.inf, math.inf), "ssim": (1.0, 1.0)}),
    )
    order = Order(Sampling("dpm", 0, seed=7), (Nothing(),), ("figure-3", "table-1"))
    return DiffusionTables(order, ("a.png", "b.png"), rows, "cpu, float32", 0.134, "T")


def test_the_heading_says_how_it_was_measured(some: DiffusionTables) -> None:
    head = markdown(some).splitlines()[0]
    for words in (
        "2 pictures",
        "sampler dpm, 10 steps, seed 7",
        "5.0 s a sample",
        "cpu, float32",
        "encoder T",
        "13.4%",
    ):
        assert words in head


def test_the_papers_numbers_stand_below_ours(some: DiffusionTables) -> None:
    lines = markdown(some).splitlines()
    place = lines.index("| T | 21.00 / 0.600 | – | – | – |")
    assert (
        lines[place + 1] == "| *T, the paper* | *23.00 / 0.774* | *27.40 / 0.874* | *25.20 / 0.842* | *28.80 / 0.901* |"
    )


def test_a_row_without_values_says_so_and_why(some: DiffusionTables) -> None:
    text = markdown(some)
    assert "| G (not measured) | – | – | – | – |" in text
    assert text.endswith("Not measured:\n\n- G: expected the weights of G\n")
    assert notes(some) == ["G: expected the weights of G"]


def test_figures_have_standard_errors_and_infinite_values_a_sign(some: DiffusionTables) -> None:
    text = markdown(some)
    assert f"| {DRAWN} | 21.00 ± 1.00 | – |" in text
    assert "| nothing | ∞ | – |" in text


def test_json_has_no_number_that_is_none(some: DiffusionTables, tmp_path: Path) -> None:
    write_json(some, tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    values = json.loads(text)
    assert values == json.loads(json.dumps(as_json(some)))
    assert values["rows"][0] | {"values": 0} == {
        "table": "table-1", "column": "on, 8 colors", "row": "T", "note": "", "values": 0,
        "mean": {"palette-psnr": 21.0, "palette-ssim": 0.6},
        "standard_error": {"palette-psnr": pytest.approx(1.0), "palette-ssim": pytest.approx(0.1)},
    }  # fmt: skip
    assert values["sampling"]["steps"] == 10
    assert values["claims"]["table-1"][0]["holds"] is None


def test_everything_that_is_measured_is_shown(pictures: Path, models: Models) -> None:
    scene = find_scenes([pictures])[:1]
    found = measure_tables(scene, models, Order(Sampling("dpm", 1), (Nothing(),)), lambda *_: None)
    text = markdown(found)
    assert "not measured" not in text.lower()
    assert [line for line in text.splitlines() if line.startswith("### ")] == [f"### {TITLES[t]}" for t in TABLES]
    for row in ("T, texture on, N=8", "T, texture off, N=32", "nothing, N=8", "L, outside kept", "T, projected"):
        assert f"\n| {row} |" in text
