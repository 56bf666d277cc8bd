"""Tables, JSON and the contact sheet of a small evaluation."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vdequant.evaluation.datasets import find_items
from vdequant.evaluation.degradations import parse_degradation
from vdequant.evaluation.methods import Restoring
from vdequant.evaluation.peers import make_peer
from vdequant.evaluation.report import CROP, LABEL, contact_sheet, markdown, table, write_json
from vdequant.evaluation.rows import Row
from vdequant.evaluation.run import TRUTH, Evaluation
from vdequant.schedule.device import Engine

ROWS = (
    Row("nothing", "m=4", ("a", "b"), {"psnr": (20.0, 22.0), "banding": (0.5, 0.5)}, 0.0, 1 << 20),
    Row("ours", "m=4", ("a", "b"), {"psnr": (24.0, 26.25), "banding": (0.1, 0.1)}, 0.5, 3 << 20),
    Row("absent", "m=4", note="found none"),
    Row(TRUTH, "m=4", ("a", "b"), {"banding": (0.0, 0.0)}),
    Row("nothing", "m=8", ("a", "b"), {"psnr": (30.0, math.inf), "banding": (0.5, math.nan)}, 0.0, 1 << 20),
    Row("ours", "m=8", ("a", "b"), {"psnr": (31.0, 32.0), "banding": (0.1, 0.1)}, 1.5, 5 << 20),
    Row("absent", "m=8", note="found none"),
    Row(TRUTH, "m=8", ("a", "b"), {"banding": (0.0, 0.0)}),
)
EVALUATION = Evaluation(
    ("a", "b"), ("m=4", "m=8"), ("nothing", "ours", "absent", TRUTH), ("psnr", "banding"), ROWS, "cpu", "a machine"
)


def test_a_table_holds_means_gains_over_nothing_seconds_and_memory() -> None:
    lines = table(EVALUATION, "psnr").splitlines()
    assert lines[0] == "| method | m=4 | m=8 | s | MiB |"
    assert lines[2] == "| nothing | 21.00 | ∞ | 0.00 | 1 |"
    assert lines[3].startswith("| ours | 25.12 (+4.12) | 31.50")
    assert lines[3].endswith("| 1.00 | 5 |")
    assert len(lines) == 4  # neither what could not run nor the truth, whose PSNR is no news


def test_the_truths_row_is_shown_where_it_means_something() -> None:
    lines = table(EVALUATION, "banding").splitlines()
    assert lines[-1].startswith(f"| {TRUTH} | 0.0000 | 0.0000 |")
    assert "| nothing | 0.5000 | 0.5000 |" in lines[2]  # the picture without a value is left out of the mean


def test_a_table_may_show_some_of_the_losses() -> None:
    assert table(EVALUATION, "psnr", ["m=8"]).splitlines()[0] == "| method | m=8 | s | MiB |"


def test_the_report_says_what_could_not_run_once() -> None:
    text = markdown(EVALUATION)
    assert text.count("found none") == 1
    assert "absent (m=4, m=8): found none" in text
    assert "**psnr** (higher is better)" in text
    assert "**banding** (lower is better)" in text


def test_json_is_valid_where_numbers_are_none(tmp_path: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    write_json(EVALUATION, tmp_path / "x.json")
    values = json.loads((tmp_path / "x.json").read_text(), parse_constant=refuse)
    assert values["rows"][1]["mean"]["psnr"] == 25.125
    assert values["rows"][4]["values"]["psnr"] == [30.0, None]
    assert values["rows"][2]["note"] == "found none"


def test_the_contact_sheet_shows_truth_input_and_every_method_that_ran(
    pictures: Path, engine: Engine, tmp_path: Path
) -> None:
    methods = [Restoring("identity", engine), make_peer("libjpeg")]
    losses = [parse_degradation("m=2"), parse_degradation("jpeg:20")]
    items = find_items([pictures])[:1]
    contact_sheet(items, losses, methods, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (LABEL + 2 * (CROP + 4 + LABEL), 4 * (CROP + 4), 3)
    crops = [sheet[2 * LABEL : 2 * LABEL + 48, i * (CROP + 4) : i * (CROP + 4) + 48] for i in range(4)]
    truth = items[0].read()[0]
    assert np.array_equal(crops[0], truth)
    assert np.array_equal(crops[1], truth // 128 * 128 + 64)
    assert np.array_equal(crops[2], crops[1])
    assert (crops[3] == 255).all()  # libjpeg reads no picture of two levels


def test_a_method_that_can_run_nowhere_has_no_column(pictures: Path, tmp_path: Path) -> None:
    losses = [parse_degradation("m=2")]
    contact_sheet(find_items([pictures])[:1], losses, [make_peer("libjpeg")], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 2 * (CROP + 4)


@pytest.mark.parametrize("metric", ["psnr", "banding"])
def test_every_table_has_as_many_cells_in_every_line(metric: str) -> None:
    assert {line.count("|") for line in table(EVALUATION, metric).splitlines()} == {6}
