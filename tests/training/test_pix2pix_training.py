"""Training of pix2pix: pairs, losses, exact resume after a kill, curves, and what the recipe writes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vdequant.errors import InputError
from vdequant.models.patchgan import PatchSpec
from vdequant.models.pix2pix import UnetSpec
from vdequant.models.pix2pix_weights import read_unet
from vdequant.restorers.disentangling import disentangle
from vdequant.training import recipe_pix2pix as recipe
from vdequant.training.curves_pix2pix import draw_losses, read_losses
from vdequant.training.data import SIDE, gradient
from vdequant.training.loop_pix2pix import LOSSES, PixSettings, PixTrainer, l1_loss
from vdequant.training.pix2pix_pairs import Pair, Pairs
from vdequant.training.recipe_pix2pix import PixOrder, smoke, train
from vdequant.training.validation_pix2pix import gains

TINY = UnetSpec(channels=2, width=2, downs=3, dropout=0.0, residual=0.1)
SETTINGS = PixSettings(steps=6, batch=2, side=32, log_every=2, decay=0.9)
CPU = torch.device("cpu")


def tiles(count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [gradient(rng, SIDE) for _ in range(count)]


def trainer_in(folder: Path, settings: PixSettings = SETTINGS) -> PixTrainer:
    return PixTrainer(TINY, PatchSpec(2, 4), settings, folder, CPU)


def pairs(channels: int = 2) -> Pairs:
    return Pairs(tiles(), channels, SETTINGS.side, seed=1)


def test_the_same_number_gives_the_same_pairs() -> None:
    first, again, other = pairs().batch(3, 5), pairs().batch(3, 5), pairs().batch(3, 6)
    assert torch.equal(first.source, again.source)
    assert torch.equal(first.target, again.target)
    assert not torch.equal(first.target, other.target)


@pytest.mark.parametrize("channels", [2, 3])
def test_sources_are_near_their_targets_and_coarser(channels: int) -> None:
    pair = pairs(channels).batch(4, 1)
    assert pair.source.shape == pair.target.shape == (4, channels, 32, 32)
    assert pair.target.abs().max() <= 1
    assert 0 < (pair.source - pair.target).abs().mean() < 0.2


def test_more_crops_lose_little_near_the_end() -> None:
    late = Pairs(tiles(), 3, SETTINGS.side, seed=1, fine_from=2)
    assert torch.equal(late.batch(4, 1).source, pairs(3).batch(4, 1).source)
    shares = []
    for made in (pairs(3), late):
        pair = made.batch(200, 2)
        lost = (pair.source - pair.target).abs().amax((1, 2, 3)) * 255 / 2
        shares.append(float((lost < 3.5).float().mean()))  # two bits of one channel are three codes
        assert float((lost > 14).float().mean()) > 0.1
    assert shares[0] + 0.06 < shares[1] < 0.7


def test_the_judge_learns_from_real_pairs_as_well_as_from_made_ones(tmp_path: Path) -> None:
    pair, learned = pairs().batch(2, 1), []
    for number, target in enumerate((pair.target, -pair.target)):
        torch.manual_seed(0)
        trainer = trainer_in(tmp_path / str(number))
        trainer.step(replace(pair, target=target))
        learned.append(torch.cat([weight.detach().flatten() for weight in trainer.judge.parameters()]))
    assert not torch.equal(*learned)


def test_colors_of_pairs_are_those_of_the_pictures() -> None:
    colors, pictures = pairs(2).batch(2, 1), pairs(3).batch(2, 1)
    torch.testing.assert_close(disentangle((pictures.target + 1) / 2)[1], colors.target, rtol=0, atol=1e-5)


def test_training_lowers_the_l1_loss(tmp_path: Path) -> None:
    first, last = smoke("pix2pix", tmp_path)
    assert last < first


def test_a_step_trains_both_networks_and_tells_four_losses(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path)
    before = [p.clone() for net in (trainer.generator, trainer.judge) for p in net.parameters()]
    losses = [trainer.step(pairs().batch(2, number)) for number in range(2)]
    after = [p for net in (trainer.generator, trainer.judge) for p in net.parameters()]
    assert set(losses[0]) == set(LOSSES)
    assert all(np.isfinite(list(loss.values())).all() for loss in losses)
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) > len(after) // 2


def test_the_rate_is_constant_and_then_falls_to_zero(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, replace(SETTINGS, steps=100))
    rates = []
    for steps in (0, 49, 75, 100):
        trainer.progress.steps = steps
        rates.append(trainer.rate / SETTINGS.rate)
    assert rates == pytest.approx([1, 1, 0.5, 0])


def test_without_l1_only_the_discriminator_teaches(tmp_path: Path) -> None:
    batch = pairs().batch(2, 1)
    weights = []
    for weight in (0.0, 100.0):
        trainer = trainer_in(tmp_path / str(weight), replace(SETTINGS, l1_weight=weight))
        trainer.step(batch)
        weights.append(trainer.generator.ups[-1][1].weight.detach().clone())  # type: ignore[index]
    assert not torch.equal(*weights)


def test_an_interrupted_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = trainer_in(tmp_path / "whole").run(pairs())
    trainer_in(tmp_path / "parts", replace(SETTINGS, save_every=0)).run(pairs(), _stop_at(4))
    resumed = trainer_in(tmp_path / "parts")
    assert resumed.progress.steps == 3  # the checkpoint before the line of the log at which it stopped
    parts = resumed.run(pairs())
    for (name, a), b in zip(whole.state_dict().items(), parts.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_a_relative_loss_weighs_fine_and_coarse_crops_alike() -> None:
    target = torch.zeros(2, 2, 8, 8)
    source = target + torch.tensor([0.01, 0.2])[:, None, None, None]
    assert l1_loss(source, Pair(source, target), relative=True).item() == pytest.approx(1)
    assert l1_loss(source / 2, Pair(source, target), relative=True).item() == pytest.approx(0.5)
    assert l1_loss(source, Pair(source, target), relative=False).item() == pytest.approx(0.105)
    assert l1_loss(target, Pair(target, target), relative=True).item() == 0


def _stop_at(steps: int):  # type: ignore[no-untyped-def]
    """What stops a run as a kill does: nothing after it is saved."""

    def told(trainer: PixTrainer, _: object) -> None:
        if trainer.progress.steps == steps:
            trainer.settings = replace(trainer.settings, steps=steps)
            trainer.checkpoints.save = lambda progress, name="last": None  # type: ignore[method-assign]

    return told


LONGER = PixSettings(steps=8, batch=2, side=32, log_every=2, save_every=0)
KILLED = """
import os, sys
from pathlib import Path
from vdequant.training import recipe_pix2pix as recipe
from vdequant.training.loop_pix2pix import PixSettings

recipe.SPECS["s"] = recipe.SMOKE
settings = PixSettings(steps=8, batch=2, side=32, log_every=2, save_every=0)
data, output = Path(sys.argv[1]), Path(sys.argv[2])

def told(trainer, losses):
    if trainer.progress.steps == 4:
        os.kill(os.getpid(), 9)

recipe.train(recipe.PixOrder("pix2pix-fq", (data,), "s", output / "w.safetensors", output / "runs", settings), told)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for number, tile in enumerate(tiles(4)):
        Image.fromarray(tile).save(folder / f"picture{number}_0.png")
    Image.fromarray(tiles(1)[0]).save(folder / "picture39_0.png")  # its checksum puts it on the validation side
    return folder


def test_a_killed_run_writes_the_weights_of_an_unkilled_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recipe.SPECS, "s", recipe.SMOKE)
    words = [sys.executable, "-c", KILLED, str(data), str(tmp_path / "killed")]
    assert subprocess.run(words, timeout=120, check=False).returncode == -9
    assert not (tmp_path / "killed" / "w.safetensors").exists()
    nets = []
    for name in ("killed", "whole"):
        order = PixOrder(
            "pix2pix-fq", (data,), "s", tmp_path / name / "w.safetensors", tmp_path / name / "runs", LONGER
        )
        assert train(order).progress.steps == LONGER.steps
        nets.append(read_unet(order.output))
    states = [net.state_dict() for net in nets]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert nets[0].spec.channels == 2
    card = (tmp_path / "whole" / "w.md").read_text()
    assert "On 1 held-back tiles" in card
    assert "50 %" in card
    assert (tmp_path / "whole" / "runs" / "w" / "losses.png").stat().st_size > 1000


def test_epochs_are_passes_over_the_tiles(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipe.SPECS, "s", recipe.SMOKE)
    settings = PixSettings(batch=3, side=32, log_every=1)
    order = PixOrder("pix2pix", (data,), "s", tmp_path / "w.safetensors", tmp_path, settings, epochs=2)
    assert train(order).progress.steps == 4  # four tiles are learned from, in batches of 3
    assert read_unet(order.output).spec.channels == 3


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    order = PixOrder("pix2pix", (tmp_path / "none",), "s", tmp_path / "w.safetensors", tmp_path, SETTINGS)
    with pytest.raises(InputError, match="expected folders with pictures"):
        train(order)


def test_a_network_that_changes_nothing_gains_nothing(tmp_path: Path) -> None:
    count, found = gains(trainer_in(tmp_path).average.eval(), tiles(2))
    assert count == 2
    for gain, share in found.values():
        assert gain == pytest.approx(0, abs=0.05)
        assert share == pytest.approx(1, abs=0.02)


def test_curves_show_one_panel_a_log(tmp_path: Path) -> None:
    for name in ("pix2pix", "pix2pix-fq"):
        trainer_in(tmp_path / name).run(pairs())
    logs = [tmp_path / name / "log.csv" for name in ("pix2pix", "pix2pix-fq")]
    assert read_losses(logs[0])["step"] == [2, 4, 6]
    draw_losses(logs[:1], tmp_path / "one.png")
    draw_losses(logs, tmp_path / "two.png")
    one, two = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("one", "two"))
    assert two.shape[1] == 2 * one.shape[1]
    assert len(np.unique(one.reshape(-1, 3), axis=0)) > 6  # curves, ticks, letters


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss\n1,2\n")
    with pytest.raises(InputError, match="expected a log"):
        read_losses(tmp_path / "log.csv")


def test_dropout_is_drawn_from_the_number_of_the_step(tmp_path: Path) -> None:
    spec = replace(TINY, downs=7, dropout=0.5, norm="none")  # the fewest halvings with a dropout
    batch = Pairs(tiles(), 2, 128, seed=1).batch(1, 1)
    answers = []
    for name in ("first", "again"):
        torch.rand(3)  # what else was drawn before does not matter
        trainer = PixTrainer(spec, PatchSpec(2, 2), SETTINGS, tmp_path / name, CPU)
        trainer.step(batch)
        answers.append(trainer.generator.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(answers[0].values(), answers[1].values(), strict=True))
