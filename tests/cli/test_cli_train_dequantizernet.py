"""``vdequant train dequantizernet``: the smoke run learns, words become settings, wrong ones get one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vdequant.cli.main import main
from vdequant.cli.train import parser
from vdequant.cli.train_dequantizernet import discriminator_of, form_of

NEEDED = ["dequantizernet", "--data", "x", "-o", "w.safetensors"]


def test_the_smoke_run_lowers_the_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "dequantizernet", "--smoke", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["last_loss"] < answer["first_loss"]


@pytest.mark.parametrize(("name", "blocks", "quality"), [("alef", 5, 1), ("phi", 10, 50)])
def test_published_experiments_bring_their_settings(name: str, blocks: int, quality: int) -> None:
    spec, settings = form_of(parser().parse_args([*NEEDED, "--experiment", name]), name)
    assert (spec.channels, spec.blocks, spec.norm, spec.long_skip) == (64, blocks, "batch", False)
    assert (settings.qualities, settings.epochs, settings.rate) == ((quality,), 50, 1e-4)
    assert settings.losses.describe() == "0.001 adversarial + 1 content"


@pytest.mark.parametrize(
    ("words", "widths", "transfer"),
    [
        (["--experiment", "alef"], (64, 128, 256, 512), "leaky-relu"),
        (["--experiment", "phi", "--discriminator-transfer", "gelu"], (64, 128, 256, 512), "gelu"),
        (["--form", "published"], (64, 128, 256, 512), "leaky-relu"),
        (["--experiment", "alef", "--form", "shipped"], (16, 32, 64, 128), "leaky-relu"),
        ([], (16, 32, 64, 128), "leaky-relu"),
    ],
)
def test_what_is_published_is_trained_against_the_published_discriminator(
    words: list[str], widths: tuple[int, ...], transfer: str
) -> None:
    args = parser().parse_args([*NEEDED, *words])
    spec = discriminator_of(args, vars(args).get("experiment", "own"))
    assert (spec.widths, spec.transfer) == (widths, transfer)


def test_runs_of_ones_own_have_the_shipped_form_unless_told_otherwise() -> None:
    own, settings = form_of(parser().parse_args([*NEEDED, "--quality", "7", "9", "--l2", "2", "--alpha", "0"]), "own")
    assert own.long_skip
    assert settings.qualities == (7, 9)
    assert (settings.losses.l2, settings.losses.adversarial) == (2.0, 0.0)
    words = [*NEEDED, "--form", "published", "--blocks", "3", "--channels", "8", "--steps", "5"]
    published, settings = form_of(parser().parse_args(words), "own")
    assert (published.channels, published.blocks, published.long_skip) == (8, 3, False)
    assert settings.steps == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "x"], "expected --data DIR and -o FILE"),
        (["--data", "x", "-o", "w.pth"], "expected -o with the suffix .safetensors"),
        ([*NEEDED[1:], "--epochs", "0"], "expected epochs above 0, got 0"),
        ([*NEEDED[1:], "--alpha", "-1"], "expected --alpha of 0 or more"),
        ([*NEEDED[1:], "--quality", "0"], "expected --quality between 1 and 100, got 0"),
        ([*NEEDED[1:], "--side", "300"], "expected an even --side between 16 and 256, got 300"),
        ([*NEEDED[1:], "--experiment", "a/b"], "expected --experiment as a plain name"),
        ([*NEEDED[1:], "--experiment", "phi"], "train gimel first, or give --init"),
    ],
)
def test_wrong_words_are_a_usage_error(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "dequantizernet", *words, "--runs", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
