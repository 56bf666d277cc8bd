"""Training a prior: losses fall, a resumed run ends the same, held-back pictures stay out, all kinds are written."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vdequant.errors import InputError, UsageError
from vdequant.models.prior import Critic, Generator, PriorSpec
from vdequant.models.prior_local import LocalSpec
from vdequant.models.prior_vae import Vae
from vdequant.models.prior_weights import read_prior
from vdequant.training import recipe_prior
from vdequant.training.growing import GrowingCritic, GrowingGenerator, stage_of
from vdequant.training.lesson_prior import PriorLesson, vae_loss
from vdequant.training.loop import Trainer, TrainSettings
from vdequant.training.loop_gan import GanTrainer
from vdequant.training.prior_pictures import PriorBatch, PriorPictures, PriorSampler, coarse, cutout, read
from vdequant.training.recipe_prior import PriorOrder, train_prior

TINY = PriorSpec(6, (8, 8, 4))  # pictures of 16x16
HELD = "picture39"  # a name whose checksum puts it on the validation side


def smooth(seed: int, side: int = 32) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small")
    for i in range(6):
        Image.fromarray(smooth(i)).save(path / f"picture{i}_0.png")
    Image.fromarray(smooth(9)).save(path / f"{HELD}_0.png")
    return path


@pytest.fixture(scope="module")
def found(folder: Path) -> PriorPictures:
    return read([folder], TINY.side)


def settings(steps: int) -> TrainSettings:
    return TrainSettings(steps=steps, batch=4, rate=4e-3, validate_every=0, log_every=5, save_every=1e9)


def trainer_in(folder: Path, steps: int) -> Trainer[Vae, PriorBatch]:
    return Trainer(partial(Vae, TINY), vae_loss, settings(steps), folder, torch.device("cpu"))


def test_one_source_in_25_is_held_back(found: PriorPictures) -> None:
    assert (len(found.train), len(found.held)) == (6, 1)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected pictures of at least 16x16"):
        read([tmp_path], 16)


def test_cutouts_are_reduced_as_far_as_there_is_room() -> None:
    rng = np.random.default_rng(1)
    picture = smooth(3, 40)
    parts = [cutout(picture, 16, rng) for _ in range(20)]
    assert {part.shape for part in parts} == {(16, 16, 3)}
    spans = sorted(float(part.astype(float).std()) for part in parts)
    assert spans[-1] > spans[0]


def test_the_encoder_is_shown_what_the_paper_quantizes() -> None:
    rng = np.random.default_rng(5)
    truth = torch.rand(3, 16, 16)
    shown = [coarse(truth, rng) for _ in range(40)]
    counts = {len(picture.flatten(1).unique(dim=1)[0]) for picture in shown}
    grays = [bool((picture == picture[:1]).all()) for picture in shown]
    assert min(counts) >= 2
    assert any(grays)
    assert not all(grays)


def test_a_batch_depends_on_its_number_alone(found: PriorPictures) -> None:
    first, again, other = (PriorSampler(found, 6, 1).batch(4, number) for number in (3, 3, 4))
    assert torch.equal(first.truth, again.truth)
    assert torch.equal(first.noise, again.noise)
    assert not torch.equal(first.truth, other.truth)


def test_a_vaes_loss_falls(found: PriorPictures, tmp_path: Path) -> None:
    batch = PriorSampler(found, 6, 1).batch(4, 1)
    trainer = trainer_in(tmp_path, 200)
    losses = [trainer.step(batch) for _ in range(60)]
    assert losses[-1] < losses[0] - 0.1


def test_held_back_pictures_are_scored(found: PriorPictures) -> None:
    scores = PriorLesson(found, 6).score(Vae(TINY))
    assert set(scores) == {"psnr", "nats", "mean"}
    assert PriorLesson(PriorPictures(found.train, [], 16), 6).score(Vae(TINY)) == {}


def test_a_resumed_vae_ends_as_an_uninterrupted_one(found: PriorPictures, tmp_path: Path) -> None:
    whole = trainer_in(tmp_path / "whole", 8)
    whole.run(PriorLesson(found, 6))
    for batch in itertools.islice(map(partial(PriorSampler(found, 6, 1).batch, 4), itertools.count(1)), 5):
        half = trainer_in(tmp_path / "half", 8)
        half.step(batch)
        half.save()
    half = trainer_in(tmp_path / "half", 8)
    assert half.steps == 5
    half.run(PriorLesson(found, 6))
    for a, b in zip(whole.net.parameters(), half.net.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_resumed_gan_ends_as_an_uninterrupted_one(found: PriorPictures, tmp_path: Path) -> None:
    whole = GanTrainer(TINY, settings(6), tmp_path / "whole", torch.device("cpu"))
    whole.run(found)
    sampler = PriorSampler(found, 6, 1)
    half = GanTrainer(TINY, settings(6), tmp_path / "half", torch.device("cpu"))
    for number in range(1, 4):
        half.step(sampler.batch(4, number))
    half.checkpoints.save(half.progress)
    half = GanTrainer(TINY, settings(6), tmp_path / "half", torch.device("cpu"))
    half.run(found)
    assert half.progress.steps == whole.progress.steps == 6
    for a, b in zip(whole.average.parameters(), half.average.parameters(), strict=True):
        assert torch.equal(a, b)


def test_layers_fade_in_one_after_the_other() -> None:
    assert stage_of(0.0, 3) == (0, 1.0)
    assert stage_of(0.19, 3) == (0, 1.0)
    newest, share = stage_of(0.3, 3)
    assert (newest, share) == (1, pytest.approx(0.5))
    assert stage_of(0.5, 3) == (1, 1.0)
    assert stage_of(1.0, 3) == (2, 1.0)


def test_a_grown_gan_is_the_plain_one() -> None:
    generator, critic = Generator(TINY), Critic(TINY)
    z = torch.randn(2, 6)
    made = GrowingGenerator(generator)(z, 2, 1.0)
    torch.testing.assert_close(made, generator(z))
    torch.testing.assert_close(GrowingCritic(critic)(made, 2, 1.0), critic(made))


def test_a_layer_that_has_not_begun_to_fade_in_is_not_seen() -> None:
    maker, judge = GrowingGenerator(Generator(TINY)), GrowingCritic(Critic(TINY))
    z = torch.randn(2, 6)
    small = maker(z, 1, 1.0)
    large = maker(z, 2, 0.0)
    torch.testing.assert_close(large, small.repeat_interleave(2, -1).repeat_interleave(2, -2))
    torch.testing.assert_close(judge(large, 2, 0.0), judge(small, 1, 1.0))


def order(kind: str, folder: Path, out: Path, runs: Path) -> PriorOrder:
    return PriorOrder((folder,), kind, "tiny", out, runs, settings(3))


def test_all_kinds_are_written_with_what_they_have(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recipe_prior.SIZES, "tiny", TINY)
    out = tmp_path / "prior.safetensors"
    train_prior(order("vae", folder, out, tmp_path / "vae"))
    vae = read_prior(out)
    assert list(vae.parts()) == ["generator", "encoder"]
    assert "variational autoencoder" in out.with_suffix(".md").read_text()
    train_prior(order("critic", folder, out, tmp_path / "critic"))
    judged = read_prior(out)
    assert list(judged.parts()) == ["generator", "encoder", "critic"]
    assert torch.equal(judged.generator.first.weight, vae.generator.first.weight)
    train_prior(order("gan", folder, out, tmp_path / "gan"))
    assert list(read_prior(out).parts()) == ["generator", "critic"]


def test_an_unknown_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="vae, gan, critic"):
        train_prior(order("flow", folder, tmp_path / "x.safetensors", tmp_path))


def test_a_local_prior_is_trained_and_judged_as_others_are_but_not_grown(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = LocalSpec(4, 2, (8, 6), 1)
    monkeypatch.setitem(recipe_prior.SIZES, "tiny", spec)
    out = tmp_path / "prior.safetensors"
    train_prior(order("vae", folder, out, tmp_path / "vae"))
    train_prior(order("critic", folder, out, tmp_path / "critic"))
    judged = read_prior(out)
    assert judged.spec == spec
    assert list(judged.parts()) == ["generator", "encoder", "critic"]
    with pytest.raises(UsageError, match="--size small"):
        train_prior(order("gan", folder, out, tmp_path / "gan"))
