"""Encoders for bases of others: they learn what the base was taught, as published, and are written to be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_bases import KINDS, WIDTH, WORDS, save_base
from training_tiles import fill, smooth_tile

from vdequant.errors import ModelError, UsageError
from vdequant.models.denoisers import denoiser_for
from vdequant.models.pretrained_encoder import PretrainedEncoder, spec_of
from vdequant.models.pretrained_files import read_base
from vdequant.models.pretrained_text import FILE, write_text
from vdequant.training.diffusion_pairs import DiffusionPairs
from vdequant.training.lesson_pretrained import PretrainedLesson, noise_of, pretrained_loss, wanted_of
from vdequant.training.loop import Trainer, TrainSettings
from vdequant.training.recipe_diffusion import DiffusionOrder
from vdequant.training.recipe_pretrained import BATCH, RATE, SIDE, encoder_name, train_pretrained

SETTINGS = TrainSettings(steps=2, batch=2, side=16, rate=RATE, log_every=1, validate_every=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiles to learn from, and a base of each kind."""
    path = tmp_path_factory.mktemp("training")
    (path / "tiles").mkdir()
    fill(path / "tiles", 1)
    for kind in KINDS:
        save_base(path / kind, kind)
    return path


def order(folder: Path, part: str, output: Path) -> DiffusionOrder:
    """With the text of the base beside the weights, as a training before leaves it."""
    output.mkdir(exist_ok=True)
    write_text(torch.randn(1, WORDS, WIDTH), output / FILE)
    return DiffusionOrder((folder / "tiles",), part, output, output / "runs", SETTINGS)


def test_the_settings_are_the_published_ones() -> None:
    assert (BATCH, SIDE, RATE) == (12, 256, 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns(folder: Path, kind: str, tmp_path: Path) -> None:
    base = read_base(str(folder / kind))
    lesson = PretrainedLesson([smooth_tile(1), smooth_tile(2)], [], "L")
    loss = lesson.loss = pretrained_loss(base)
    settings = replace(SETTINGS, steps=16, batch=4, rate=2e-2, muon=False)
    trainer = Trainer(
        lambda: PretrainedEncoder(base, "L", torch.randn(1, WORDS, WIDTH)),
        loss,
        settings,
        tmp_path,
        torch.device("cpu"),
    )
    unseen, before = lesson.draw(replace(settings, batch=8), 0), {k: v.clone() for k, v in base.state_dict().items()}
    first = float(loss(trainer.net, unseen).detach())
    assert float(loss(trainer.net, unseen).detach()) == first  # all chance is in the batch, for exact resume
    net = trainer.run(lesson)
    assert float(loss(net, unseen).detach()) < 0.97 * first
    assert all(torch.equal(before[key], tensor) for key, tensor in base.state_dict().items())


def test_scores_are_of_several_noise_levels(folder: Path) -> None:
    base = read_base(str(folder / "latents"))
    lesson = PretrainedLesson([smooth_tile(1)], [smooth_tile(3)], "L")
    net = PretrainedEncoder(base, "L", torch.randn(1, WORDS, WIDTH))
    assert lesson.score(net) == {}
    lesson.loss = pretrained_loss(base)
    scores = lesson.score(net)
    assert set(scores) == {"step 950", "step 600", "step 200", "mean"}
    assert all(np.isfinite(value) and value < 0 for value in scores.values())


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_of_the_size_that_the_base_works_on(folder: Path, kind: str) -> None:
    base = read_base(str(folder / kind))
    noise = noise_of(DiffusionPairs([smooth_tile(1)], "L", 64, 1).batch(2, 3), base)
    assert noise.shape == base.encode(torch.zeros(2, 3, 64, 64)).shape
    assert abs(float(noise.std()) - 1) < 0.05


def test_what_is_wanted_is_what_the_base_predicts() -> None:
    clean, noise = torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    alpha, sigma = torch.tensor(0.8), torch.tensor(0.6)
    noisy = alpha * clean + sigma * noise
    assert torch.equal(wanted_of(clean, noise, alpha, sigma, "epsilon"), noise)
    assert torch.equal(wanted_of(clean, noise, alpha, sigma, "sample"), clean)
    v = wanted_of(clean, noise, alpha, sigma, "v_prediction")
    torch.testing.assert_close(alpha * noisy - sigma * v, clean)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_writes_what_can_be_used(folder: Path, kind: str, tmp_path: Path) -> None:
    name = str(folder / kind)
    trainer = train_pretrained(order(folder, "G", tmp_path / "out"), name)
    assert trainer.steps == 2
    assert trainer.optimizer.kernels == []  # AdamW alone, as published
    path = tmp_path / "out" / f"{kind}-g.safetensors"
    assert spec_of(path).base == name
    assert denoiser_for("G", encoder=str(path)).texture == "G"
    card = path.with_suffix(".md").read_text()
    assert f"--base {name} --encoder {kind}-g.safetensors" in card
    assert "AdamW at 1e-05" in card


def test_an_encoder_for_one_texture_starts_from_that_for_another(folder: Path, tmp_path: Path) -> None:
    name, output = str(folder / "latents"), tmp_path / "out"
    first = train_pretrained(order(folder, "L", output), name).average
    trainer = train_pretrained(
        replace(order(folder, "T", output), start="L", settings=replace(SETTINGS, steps=1)), name
    )
    assert spec_of(output / "latents-t.safetensors").texture == "T"
    torch.testing.assert_close(trainer.average.way.conv_in.weight, first.way.conv_in.weight, rtol=1e-2, atol=1e-3)
    assert torch.equal(trainer.average.text, first.text.half().float())


def test_names_come_of_the_base_and_the_texture() -> None:
    assert encoder_name("DeepFloyd/IF-II-L-v1.0", "T") == "if-ii-l-v1.0-t"


def test_what_cannot_be_trained_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected L, G, T to train for the base x, got 'base'"):
        train_pretrained(order(folder, "base", tmp_path), "x")
    with pytest.raises(ModelError, match="expected the base x in the Hugging Face cache"):
        train_pretrained(order(folder, "L", tmp_path), "x")
    odd = replace(order(folder, "L", tmp_path), settings=replace(SETTINGS, side=18))
    with pytest.raises(UsageError, match=r"expected --side of a multiple of 4 for .*, got 18"):
        train_pretrained(odd, str(folder / "latents"))
    (tmp_path / FILE).unlink()
    with pytest.raises(ModelError, match="expected the text encoder of"):
        train_pretrained(replace(odd, settings=SETTINGS), str(folder / "latents"))
