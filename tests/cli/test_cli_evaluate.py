"""``vdequant evaluate``: three files and the tables, or one line that says what was wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from make import grained
from PIL import Image

from vdequant.cli.evaluate import FILES, parser
from vdequant.evaluation.peers import PEERS
from vdequant.evaluation.scores import SCORES

FAST = ("--restorer", "deband", "--peers", "bilateral", "--quantizer", "m=8", "--device", "cpu")


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A folder with one clean picture."""
    folder = tmp_path / "clean"
    folder.mkdir()
    Image.fromarray(grained(1)).save(folder / "a.png")
    return folder


def test_an_evaluation_writes_json_markdown_and_a_contact_sheet(run: Any, clean: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = run("evaluate", "--data", clean, *FAST, "-o", output)
    assert done.code == 0, done.err
    assert sorted(path.name for path in output.iterdir()) == sorted(FILES)
    values = json.loads((output / FILES[0]).read_text())
    assert [row["method"] for row in values["rows"]] == ["nothing", "deband", "OpenCV bilateral"]
    assert "| nothing |" in done.out
    assert done.out.strip() == (output / FILES[1]).read_text().strip()
    with Image.open(output / FILES[2]) as sheet:
        assert sheet.format == "PNG"


def test_json_on_standard_output_is_one_object(run: Any, clean: Path, tmp_path: Path) -> None:
    done = run("evaluate", "--data", clean, *FAST, "-o", tmp_path / "out", "--json", "--metrics", "psnr", "banding")
    assert json.loads(done.out)["metrics"] == ["psnr", "banding"]


def test_results_are_not_replaced_unasked(run: Any, clean: Path, tmp_path: Path) -> None:
    (tmp_path / FILES[1]).write_text("dear to someone")
    words = ("evaluate", "--data", clean, *FAST, "-o", tmp_path)
    refused = run(*words)
    assert (refused.code, (tmp_path / FILES[1]).read_text()) == (1, "dear to someone")
    assert "-y" in refused.err
    assert run(*words, "-y").code == 0


def test_a_peer_that_cannot_run_is_a_warning(run: Any, clean: Path, tmp_path: Path) -> None:
    done = run("evaluate", "--data", clean, *FAST, "--peers", "libjpeg", "-o", tmp_path / "out")
    assert done.code == 0
    assert "warning: libjpeg (m=8)" in done.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--data", "{empty}"), 1, "found none"),
        (("--data", "{empty}/gone"), 1, "does not exist"),
        (("--data", "{clean}", "--quantizer", "sepia"), 2, "sepia"),
        (("--data", "{clean}", "--restorer", "magic"), 2, "cellnet-s"),
        (("--data", "{clean}", "--peers", "photoshop"), 2, "bilateral"),
        (("--data", "{clean}", "--peers", "gone.pth"), 1, "spandrel"),
        (("--data", "{clean}", "--metrics", "beauty"), 2, "ssim-uniform"),
        (("--data", "{clean}", "--held-out"), 1, "held out"),
        (("--data", "{clean}", "--limit", "-1"), 2, "--limit"),
        (("--data", "{clean}", "--fidelity", "2"), 2, "--fidelity"),
        ((), 2, "--data"),
    ],
)
def test_bad_words_are_refused_in_one_line(
    words: tuple[str, ...], code: int, says: str, run: Any, clean: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("vdequant.restorers.community.import_module", absent)
    empty = tmp_path / "empty"
    empty.mkdir()
    given = [word.format(empty=empty, clean=clean) for word in words]
    done = run("evaluate", *given, "--device", "cpu", "-o", tmp_path / "out")
    assert done.code == code
    assert says in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_help_names_every_peer_and_metric() -> None:
    text = " ".join(parser().format_help().split()).replace("- ", "-")  # argparse breaks lines at hyphens
    for name in (*PEERS, *SCORES):
        assert f" {name}" in text
