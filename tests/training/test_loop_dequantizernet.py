"""The adversarial loop: both networks learn, the best checkpoint holds all four parts, resuming is exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from make import grained

from vdequant.errors import ModelError
from vdequant.models.dequantizernet import DiscriminatorSpec, Generator, GeneratorSpec
from vdequant.training.data import SIDE
from vdequant.training.loop_dequantizernet import AdversarialSettings, AdversarialTrainer
from vdequant.training.pairs_dequantizernet import HeldBack, JpegSampler, Tiles
from vdequant.training.picture_losses import LossWeights

SPEC = GeneratorSpec(channels=4, blocks=1, ends=3)
JUDGE = DiscriminatorSpec((4,))
TINY = AdversarialSettings(
    (5,), steps=6, batch=2, side=16, rate=1e-3, losses=LossWeights(0.01, 0.1, 1.0), validate_every=2, log_every=2
)


@pytest.fixture(scope="module")
def tiles() -> Tiles:
    return Tiles([grained(seed, SIDE) for seed in range(3)], [grained(9, SIDE)])


def trainer_in(folder: Path, tiles: Tiles, settings: AdversarialSettings = TINY) -> AdversarialTrainer:
    return AdversarialTrainer(SPEC, JUDGE, settings, tiles, folder, torch.device("cpu"))


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_defaults_are_the_published_settings() -> None:
    settings = AdversarialSettings()
    assert (settings.epochs, settings.batch, settings.side, settings.rate) == (50, 16, 96, 1e-4)
    assert settings.betas == (0.9, 0.999)
    assert settings.schedule == "constant"


def test_twelve_steps_reduce_the_loss(tiles: Tiles, tmp_path: Path) -> None:
    settings = replace(TINY, losses=LossWeights(0, 0, 1.0), rate=3e-3)
    trainer = trainer_in(tmp_path, tiles, settings)
    pairs = JpegSampler(tiles, (5,), 32, 1).batch(4, 0)
    losses = [trainer.step(pairs)[0] for _ in range(12)]
    assert losses[-1] < losses[0]


def test_both_networks_learn_only_with_an_adversarial_part(tiles: Tiles, tmp_path: Path) -> None:
    pairs = JpegSampler(tiles, (5,), 16, 1).batch(2, 0)
    for weight in (0.0, 0.01):
        trainer = trainer_in(tmp_path / str(weight), tiles, replace(TINY, losses=LossWeights(weight, 0, 1.0)))
        before = [p.detach().clone() for p in trainer.discriminator.parameters()]
        _, told = trainer.step(pairs)
        moved = any(not torch.equal(a, b) for a, b in zip(before, trainer.discriminator.parameters(), strict=True))
        assert moved == bool(weight)
        assert (told > 0) == bool(weight)


def test_the_discriminator_learns_to_tell_blocks_from_pictures(tiles: Tiles, tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, tiles, replace(TINY, rate=5e-3, losses=LossWeights(1e-9, 0, 1e-9)))
    pairs = JpegSampler(tiles, (1,), 32, 1).batch(4, 0)
    told = [trainer.step(pairs)[1] for _ in range(40)]
    assert min(told[-5:]) < 0.8 * told[0]


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_an_interrupted_run_ends_with_the_same_weights(tiles: Tiles, tmp_path: Path, average: float) -> None:
    settings = replace(TINY, average=average, schedule="cosine" if average else "constant", validate_every=100)
    whole = trainer_in(tmp_path / "whole", tiles, settings)
    whole.run()
    cut = trainer_in(tmp_path / "cut", tiles, settings)
    for number in range(1, 4):
        cut.step(JpegSampler(tiles, (5,), 16, 1).batch(2, number))
    cut.checkpoints.save(cut.progress)
    resumed = trainer_in(tmp_path / "cut", tiles, settings)
    assert resumed.progress.steps == 3
    resumed.run()
    assert same(whole.result, resumed.result)
    assert same(whole.discriminator, resumed.discriminator)


def test_the_best_on_held_back_pictures_is_kept_whole(tiles: Tiles, tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, tiles)
    best = trainer.run()
    assert HeldBack(tiles, (5,), 16).score(best)["mean"] == pytest.approx(trainer.best["mean"], abs=1e-3)
    state = torch.load(tmp_path / "best.pt", weights_only=True)
    assert {"generator", "discriminator", "generator_optimizer", "discriminator_optimizer"} <= set(state)
    lines = (tmp_path / "validation.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "2", "4", "6"]
    assert (tmp_path / "discriminator.csv").read_text().count("\n") == 4


def test_a_run_lasts_its_epochs(tiles: Tiles, tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, tiles, replace(TINY, steps=0, epochs=2))
    trainer.run()
    assert trainer.epoch_steps == 2
    assert trainer.progress.steps == 4


def test_a_cosine_ends_at_a_hundredth_of_its_rate(tiles: Tiles, tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, tiles, replace(TINY, schedule="cosine", steps=1000))
    rates = []
    for done in (0, 30, 500, 1000):
        trainer.progress.steps = done
        rates.append(trainer.rate() / TINY.rate)
    assert rates[0] < 0.1
    assert rates[1] > 0.95
    assert rates[2] == pytest.approx(0.505)
    assert rates[3] == pytest.approx(0.01)


def test_a_run_starts_from_other_weights_of_its_size_only(tiles: Tiles, tmp_path: Path) -> None:
    first = trainer_in(tmp_path / "a", tiles)
    first.run()
    second = trainer_in(tmp_path / "b", tiles, replace(TINY, average=0.9, seed=2))
    second.start_from(first.generator, first.discriminator.state_dict())
    assert same(second.generator, first.generator)
    assert same(second.average, first.generator)
    assert same(second.discriminator, first.discriminator)
    with pytest.raises(ValueError, match="expected weights of GeneratorSpec"):
        second.start_from(Generator(replace(SPEC, blocks=2)))


def test_a_folder_of_another_run_is_refused(tiles: Tiles, tmp_path: Path) -> None:
    trainer_in(tmp_path, tiles).run()
    with pytest.raises(ModelError, match="expected the checkpoint of this run"):
        AdversarialTrainer(replace(SPEC, channels=8), JUDGE, TINY, tiles, tmp_path, torch.device("cpu"))
