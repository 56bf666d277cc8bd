"""``vdequant train``: the smoke run learns, wrong words are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vdequant.cli.main import main


def test_the_smoke_run_lowers_the_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "cellnet", "--smoke", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["last_loss"] < answer["first_loss"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "x"], "expected --data DIR and -o FILE"),
        (["-o", "w.safetensors"], "expected --data DIR and -o FILE"),
        (["--data", "x", "-o", "w.pth"], "expected -o with the suffix .safetensors"),
        (["--data", "x", "-o", "w.safetensors", "--steps", "0"], "expected steps above 0, got 0"),
        (["--data", "x", "-o", "w.safetensors", "--steps", "5", "--minutes", "5"], "not allowed with"),
    ],
)
def test_wrong_words_are_a_usage_error(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "cellnet", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "cellnet", "--data", str(tmp_path / "none"), "-o", str(tmp_path / "w.safetensors")]
    assert main([*words, "--runs", str(tmp_path / "runs")]) == 1
    assert "expected folders with pictures" in capsys.readouterr().err
    assert not (tmp_path / "w.safetensors").exists()
