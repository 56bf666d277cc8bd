"""The recipe of DequantizerNet: weights and card, the published experiments, one starting from another."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from make import grained
from PIL import Image
from training_tiles import kill_and_resume

from vdequant.errors import InputError, ModelError, UsageError
from vdequant.models.dequantizernet import DiscriminatorSpec, GeneratorSpec
from vdequant.models.dequantizernet_weights import read_generator
from vdequant.training.data import SIDE
from vdequant.training.loop_dequantizernet import AdversarialSettings
from vdequant.training.picture_losses import LossWeights
from vdequant.training.recipe_dequantizernet import EXPERIMENTS, DequantizernetOrder, start_of, train_dequantizernet

SPEC = GeneratorSpec(channels=4, blocks=1, ends=3)
SETTINGS = AdversarialSettings((1,), steps=2, batch=2, side=16, losses=LossWeights(1e-3, 0, 1.0), validate_every=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures")
    for name in ("picture1_0", "picture39_0"):  # the checksum of the second puts it on the validation side
        Image.fromarray(grained(len(name), SIDE)).save(path / f"{name}.webp", lossless=True)
    return path


def order(folder: Path, place: Path, experiment: str = "alef") -> DequantizernetOrder:
    output = place / f"{experiment}.safetensors"
    return DequantizernetOrder(
        (folder,), output, place / "runs", SETTINGS, experiment, SPEC, DiscriminatorSpec((4,))
    )  # fmt: skip


def test_the_published_experiments_are_those_of_table_1() -> None:
    found = {name: (item.qualities, item.blocks, item.start) for name, item in EXPERIMENTS.items()}
    assert found["alef"] == ((1,), 5, "")
    assert found["beta"] == ((50,), 5, "")
    assert found["gimel"] == ((1,), 10, "")
    assert found["phi"] == ((50,), 10, "gimel")


def test_the_recipe_writes_weights_that_load_and_a_card(folder: Path, tmp_path: Path) -> None:
    asked = order(folder, tmp_path)
    trainer = train_dequantizernet(asked)
    restored = read_generator(asked.output)
    assert restored.spec == SPEC
    x = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(restored(x), trainer.result(x))
    card = asked.output.with_suffix(".md").read_text()
    assert "Experiment alef" in card
    assert "0.001 adversarial + 1 l1" in card
    assert "Trained against a discriminator: widths (4,), transfer leaky-relu." in card
    assert f"q1 {trainer.best['q1']:.2f}" in card
    assert (tmp_path / "runs" / "alef" / "best.pt").exists()


def test_phi_starts_from_gimels_checkpoint(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="to start phi from; train gimel first, or give --init"):
        start_of("phi", tmp_path / "runs")
    train_dequantizernet(order(folder, tmp_path, "gimel"))
    start = start_of("phi", tmp_path / "runs")
    assert start is not None
    still = replace(SETTINGS, rate=1e-12, qualities=(50,))
    phi = train_dequantizernet(replace(order(folder, tmp_path, "phi"), init=start, settings=still))
    gimel = read_generator(tmp_path / "gimel.safetensors")
    torch.testing.assert_close(phi.result.head.weight, gimel.head.weight)
    assert "from the weights of" in (tmp_path / "phi.md").read_text()
    assert start_of("alef", tmp_path) is None
    assert start_of("my own", tmp_path) is None


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_of_another_size_are_refused(folder: Path, tmp_path: Path, suffix: str) -> None:
    train_dequantizernet(order(folder, tmp_path))
    init = tmp_path / "alef.safetensors" if suffix == ".safetensors" else tmp_path / "runs" / "alef" / "best.pt"
    other = replace(order(folder, tmp_path, "beta"), init=init, generator=replace(SPEC, channels=8))
    with pytest.raises(ModelError, match="expected --init to hold a network of 1 blocks of 8 channels"):
        train_dequantizernet(other)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected folders with pictures"):
        train_dequantizernet(order(tmp_path / "none", tmp_path))
    assert not (tmp_path / "alef.safetensors").exists()


def started(folder: Path, runs: Path) -> subprocess.Popen[bytes]:
    words = ["--data", str(folder), "--runs", str(runs), "--steps", "40", "--batch", "2", "--side", "32", "-q"]
    small = ["--channels", "4", "--blocks", "1", "--experiment", "tiny", "--beta", "0", "--save-every", "0.1"]
    command = [sys.executable, "-m", "vdequant", "train", "dequantizernet", *words, *small, "-o", f"{runs}.safetensors"]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.mark.slow
def test_a_run_killed_at_any_moment_resumes_to_the_same_weights(folder: Path, tmp_path: Path) -> None:
    assert started(folder, tmp_path / "whole").wait(200) == 0
    assert kill_and_resume(lambda: started(folder, tmp_path / "cut"), (4.0, 6.0, 8.0), 200) == 0
    whole, cut = (read_generator(tmp_path / f"{name}.safetensors").state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
