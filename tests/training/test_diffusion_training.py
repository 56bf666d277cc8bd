"""Training the diffusion model: crops are what the paper describes, both parts learn, a run resumes to the same end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training_tiles import fill, smooth_tile

from vdequant.errors import ModelError, UsageError
from vdequant.models.conditioning import COLORS, FINENESS, KNOWN, TEXTURE, texture_of
from vdequant.models.diffusion import TINY
from vdequant.models.diffusion_weights import read_base, read_encoder
from vdequant.training.data import SIDE
from vdequant.training.diffusion_pairs import DiffusionPairs, median_cut, random_patch
from vdequant.training.loop import TrainSettings
from vdequant.training.recipe_diffusion import DiffusionOrder, EncoderTrainer, smoke, train_diffusion

SETTINGS = TrainSettings(steps=3, batch=2, side=16, rate=1e-3, log_every=1, validate_every=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("photos"), 1)


def order(folder: Path, part: str, tmp_path: Path) -> DiffusionOrder:
    return DiffusionOrder((folder,), part, tmp_path / "weights", tmp_path / "runs", SETTINGS, spec=TINY)


def test_crops_are_quantized_by_median_cut_to_powers_of_two() -> None:
    pairs = DiffusionPairs([smooth_tile(1)], "L", SIDE, seed=1)
    found = set()
    for number in range(12):
        batch = pairs.batch(1, number)
        fineness = batch.planes[:, FINENESS].unique().tolist()
        if fineness == [1 / 256] or len(fineness) > 1:
            continue  # a repainted one
        colors = round(fineness[0] * 256)
        found.add(colors)
        codes = (batch.planes[0, COLORS] * 255).round().flatten(1).T
        assert len(torch.unique(codes, dim=0)) <= colors
    assert found <= {4, 8, 16, 32, 64, 128}
    assert len(found) > 2


def test_texture_is_told_everywhere_or_nowhere_or_not_in_a_patch() -> None:
    pairs = DiffusionPairs([smooth_tile(2)], "G", 32, seed=2)
    kinds = set()
    for number in range(16):
        batch = pairs.batch(4, number)
        for planes, truth in zip(batch.planes, batch.truth, strict=True):
            known, patched = planes[KNOWN], planes[FINENESS] == 1 / 256
            texture = texture_of((truth[None] + 1) / 2, "G")[0]
            torch.testing.assert_close(planes[TEXTURE], texture * known, rtol=0, atol=1e-6)
            if patched.any():
                assert torch.equal(known == 0, patched) or known.all()
            kinds.add((bool(patched.any()), float(known.mean()) in (0.0, 1.0), bool(known.any())))
    assert kinds == {(False, True, False), (False, True, True), (True, True, True), (True, False, True)}


def test_a_patch_has_its_mean_color_and_the_rest_is_true() -> None:
    pairs = DiffusionPairs([smooth_tile(3)], "T", 32, seed=3)
    seen = 0
    for number in range(8):
        batch = pairs.batch(4, number)
        for planes, truth in zip(batch.planes, (batch.truth + 1) / 2, strict=True):
            patch = planes[FINENESS][0] == 1 / 256
            if not patch.any():
                continue
            seen += 1
            torch.testing.assert_close(planes[COLORS][:, ~patch], truth[:, ~patch])
            wanted = truth[:, patch].mean(dim=1, keepdim=True).expand(-1, int(patch.sum()))
            torch.testing.assert_close(planes[COLORS][:, patch], wanted)
    assert seen > 3


def test_a_patch_is_never_empty_and_never_everything() -> None:
    shares = [random_patch(np.random.default_rng(seed), 32).mean() for seed in range(60)]
    assert min(shares) > 0
    assert max(shares) < 0.7
    assert 0.05 < float(np.mean(shares)) < 0.25


def test_a_batch_is_the_same_for_its_number() -> None:
    one, again = (DiffusionPairs([smooth_tile(4), smooth_tile(5)], "L", 16, seed=7).batch(3, 5) for _ in range(2))
    assert torch.equal(one.planes, again.planes)
    assert torch.equal(one.noise, again.noise)
    assert torch.equal(one.step, again.step)
    other = DiffusionPairs([smooth_tile(4), smooth_tile(5)], "L", 16, seed=7).batch(3, 6)
    assert not torch.equal(one.noise, other.noise)


def test_median_cut_is_that_of_pillow() -> None:
    expected = Image.fromarray(smooth_tile(1)).quantize(16, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    assert np.array_equal(median_cut(smooth_tile(1), 16), np.asarray(expected.convert("RGB")))


def test_an_encoder_learns(tmp_path: Path) -> None:
    before, after = smoke(tmp_path)
    assert after < 0.97 * before


def test_base_and_encoders_are_trained_one_after_the_other(folder: Path, tmp_path: Path) -> None:
    train_diffusion(order(folder, "base", tmp_path))
    weights = tmp_path / "weights"
    frozen = (weights / "diffusion-base.safetensors").read_bytes()
    trained = train_diffusion(order(folder, "L", tmp_path))
    assert {"off 8 at 950", "on 32 at 600", "mean"} <= set(trained.best)
    train_diffusion(replace(order(folder, "T", tmp_path), start="L"))
    assert (weights / "diffusion-base.safetensors").read_bytes() == frozen
    assert read_base(weights / "diffusion-base.safetensors").spec == TINY
    assert read_encoder(weights / "diffusion-t.safetensors").spec == TINY
    card = (weights / "diffusion-t.md").read_text()
    assert "from `diffusion-l`, 3 steps" in card
    assert str(folder) in card


class PowerLossError(Exception):
    """As if the power had gone."""


def test_a_run_that_was_killed_goes_on_to_the_same_weights(folder: Path, tmp_path: Path) -> None:
    train_diffusion(order(folder, "base", tmp_path))
    settings = replace(SETTINGS, steps=4, save_every=0.0, validate_every=0)
    wanted = replace(order(folder, "G", tmp_path), settings=settings)
    whole = train_diffusion(replace(wanted, runs=tmp_path / "whole"))

    def kill(trainer: EncoderTrainer, loss: float) -> None:
        if trainer.steps == 3:
            raise PowerLossError

    with pytest.raises(PowerLossError):
        train_diffusion(wanted, kill)
    resumed = train_diffusion(wanted)
    for one, other in zip(whole.net.parameters(), resumed.net.parameters(), strict=True):
        assert torch.equal(one, other)


def test_an_encoder_needs_a_base(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"diffusion-base\.safetensors"):
        train_diffusion(order(folder, "L", tmp_path))


def test_an_unknown_part_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected base, L, G, T to train, got 'X'"):
        train_diffusion(order(folder, "X", tmp_path))
