"""``vdequant evaluate diffusion-tables``: two files and the tables, or one line that says what was wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from make import grained_folder

from vdequant.cli.evaluate_diffusion import FILES
from vdequant.errors import ModelError
from vdequant.models.diffusion import TINY, Base, Encoder

FAST = ("--only", "table-3", "--sampler", "dpm", "--steps", "1", "--device", "cpu")


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A folder with two clean pictures."""
    return grained_folder(tmp_path / "clean", 2, 24)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny model in place of the packaged one, without the encoder for G."""
    torch.manual_seed(1)
    base = Base(TINY).requires_grad_(False)

    def encoder(kind: str) -> Encoder:
        if kind == "G":
            raise ModelError("expected the weights of G, found none")
        torch.manual_seed(ord(kind))
        return Encoder(base).requires_grad_(False)

    monkeypatch.setattr("vdequant.models.denoiser.packaged_base", lambda: copy.deepcopy(base))
    monkeypatch.setattr("vdequant.models.denoiser.packaged_encoder", encoder)


@pytest.mark.usefixtures("tiny")
def test_the_tables_are_printed_and_written_and_say_what_is_missing(run: Any, clean: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = run("evaluate", "diffusion-tables", "--data", clean, *FAST, "-o", output)
    assert done.code == 0, done.err
    assert sorted(path.name for path in output.iterdir()) == sorted(FILES)
    assert done.out.strip() == (output / FILES[1]).read_text().strip()
    assert "| G (not measured) |" in done.out
    assert "warning: G: expected the weights of G" in done.err
    assert "24 of 24: 1.png table-3: off" in done.err
    values = json.loads((output / FILES[0]).read_text())
    assert values["pictures"] == ["0.png", "1.png"]
    assert values["sampling"]["sampler"] == "dpm"


@pytest.mark.usefixtures("tiny")
def test_the_same_command_takes_what_is_in_its_cache(
    run: Any, clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ("--cache", tmp_path / "cache", "-o", tmp_path / "out")
    words = ("evaluate", "diffusion-tables", "--data", clean, *FAST, *kept)
    first = run(*words, "--json")
    assert first.code == 0, first.err
    refused = run(*words)
    assert refused.code == 1
    assert "-y" in refused.err
    monkeypatch.setattr("vdequant.evaluation.diffusion_answers.draw", None)
    second = run(*words, "--json", "-y")
    assert second.code == 0, second.err
    assert json.loads(second.out) == json.loads(first.out)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--data", "{clean}/gone"), 1, "does not exist"),
        (("--data", "{clean}/0.png"), 1, "two pictures"),
        (("--data", "{clean}", "--only", "table-5"), 2, "figure-9"),
        (("--data", "{clean}", "--quantizer", "m=8"), 2, "no --quantizer"),
        (("--data", "{clean}", "--fidelity", "0"), 2, "no --fidelity"),
        (("--data", "{clean}", "--limit", "-1"), 2, "--limit"),
        (("--data", "{clean}", "--steps", "-1"), 2, "--steps"),
        (("--data", "{clean}", "--base", "their/model"), 1, "expected --encoder FILE"),
        (("--data", "{clean}", "--peers", "photoshop"), 2, "bilateral"),
        (("--data", "{clean}", "--restorer", "magic"), 2, "cellnet-s"),
    ],
)
def test_bad_words_are_refused_in_one_line(
    words: tuple[str, ...], code: int, says: str, run: Any, clean: Path, tmp_path: Path
) -> None:
    given = [word.format(clean=clean) for word in words]
    done = run("evaluate", "diffusion-tables", *given, "--device", "cpu", "-o", tmp_path / "out")
    assert done.code == code
    assert says in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_other_evaluations_have_no_such_tables(run: Any, clean: Path, tmp_path: Path) -> None:
    done = run("evaluate", "--data", clean, "--only", "table-1", "-o", tmp_path / "out")
    assert (done.code, (tmp_path / "out").exists()) == (2, False)
    assert "diffusion-tables" in done.err
    assert run("evaluate", "other-tables", "--data", clean).code == 2
