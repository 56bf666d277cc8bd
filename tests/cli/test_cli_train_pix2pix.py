"""``vdequant train pix2pix-fq`` and ``pix2pix``: what is refused, and a run from pictures to weights and log."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vdequant.cli.main import main
from vdequant.models.pix2pix_weights import read_unet

WORDS = ["--data", "x", "-o", "w.safetensors"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "w.safetensors"], "expected --data DIR and -o FILE"),
        (["--data", "x", "-o", "w.pth"], "expected -o with the suffix .safetensors"),
        ([*WORDS, "--size", "m"], "expected --size s or l for pix2pix-fq, got m"),
        ([*WORDS, "--init", "w.safetensors"], "expected no --init"),
        ([*WORDS, "--steps", "0"], "expected steps above 0, got 0"),
        ([*WORDS, "--epochs", "-1"], "expected epochs above 0, got -1"),
        ([*WORDS, "--l1-weight", "-1"], "expected --l1-weight of 0 or more"),
        ([*WORDS, "--average", "1"], "--average of at least 0 and below 1"),
        ([*WORDS, "--side", "40"], "expected --side as a multiple of 32 up to 256, got 40"),
        ([*WORDS, "--no-l1", "--l1-weight", "5"], "not allowed with"),
    ],
)
def test_wrong_words_are_a_usage_error(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "pix2pix-fq", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", str(tmp_path / "none"), "-o", str(tmp_path / "w.safetensors"), "--runs", str(tmp_path)]
    assert main(["train", "pix2pix", *words]) == 1
    assert "expected folders with pictures" in capsys.readouterr().err


def test_the_ablation_without_l1_writes_weights_card_and_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = np.random.default_rng(1).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    (tmp_path / "data").mkdir()
    Image.fromarray(codes).resize((256, 256), Image.Resampling.BICUBIC).save(tmp_path / "data" / "picture1_0.png")
    words = ["--data", str(tmp_path / "data"), "-o", str(tmp_path / "w.safetensors"), "--runs", str(tmp_path / "runs")]
    assert (
        main(["train", "pix2pix-fq", *words, "--no-l1", "--steps", "2", "--batch", "1", "--side", "32", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["steps"] == 2
    assert read_unet(tmp_path / "w.safetensors").spec.channels == 2
    card = (tmp_path / "w.md").read_text()
    assert "0 x L1" in card
    assert "not measured" in card  # nothing was held back
    assert (tmp_path / "runs" / "w" / "last.pt").exists()
