"""The training set and loop: degradations fit their cells, steps reduce the loss, an interrupted run ends the same."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training_tiles import HELD, fill, kill_and_resume, smooth_tile

from vdequant.errors import InputError, UsageError
from vdequant.models.cellnet import Cellnet, CellnetSpec
from vdequant.models.cellnet_weights import read_cellnet, write_cellnet
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.telling import told
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.training import dithered_levels
from vdequant.training.bank_file import fingerprint, load_bank, save_bank
from vdequant.training.data import SIDE, Bank, Sampler, build_bank, read_tiles, source_is_held
from vdequant.training.degrade import lossy_tile, palette_record, random_lattice
from vdequant.training.dithered_levels import drawn_levels, level_record
from vdequant.training.lesson_cellnet import CellnetLesson, cell_loss, kept_error
from vdequant.training.log import TrainLog
from vdequant.training.loop import TrainSettings
from vdequant.training.optimizing import MuonAdamW
from vdequant.training.prefetch import ahead, numbered
from vdequant.training.recipe_cellnet import CellnetTrainer, Order, cellnet_trainer, train
from vdequant.training.validation import Validation

TINY = CellnetSpec(4, (1,))
PALETTES = {"palette", "dithered", "dithered levels"}  # what that half is scored on


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("games"), 4)


@pytest.fixture(scope="module")
def bank(folder: Path) -> Bank:
    return build_bank([folder], seed=5)


def tiny_settings(steps: int) -> TrainSettings:
    return TrainSettings(steps=steps, batch=2, side=16, rate=5e-3, validate_every=0, log_every=2)


def trainer_in(folder: Path, settings: TrainSettings) -> CellnetTrainer:
    return cellnet_trainer(TINY, settings, folder, torch.device("cpu"))


def test_lattice_cells_hold_the_truth() -> None:
    rng = np.random.default_rng(1)
    truth = torch.rand(1, 3, 16, 16)
    for _ in range(30):
        quantizer = random_lattice(rng)
        assert bool(quantizer.cells(quantizer.quantize(truth)).contains(truth).all())


def test_palette_records_index_their_own_palette() -> None:
    rng = np.random.default_rng(2)
    for i in range(6):
        record = palette_record(smooth_tile(i), [smooth_tile(i + 9)] if i % 2 else [], rng)
        assert record.index.max() < len(record.palette)
        assert len(np.unique(record.palette, axis=0)) == len(record.palette)
        assert (record.reach >= 0).all()


def test_lossy_tiles_stay_near_the_truth_and_change_it() -> None:
    tile = smooth_tile(3)
    decoded = lossy_tile(tile, np.random.default_rng(3)).astype(int)
    assert decoded.shape == tile.shape
    assert 0 < np.abs(decoded - tile).mean() < 16


def test_all_tiles_of_a_source_fall_on_one_side_of_the_split() -> None:
    sides = {source_is_held(f"/any/where/picture7_{i}.webp") for i in range(9)}
    assert len(sides) == 1
    assert source_is_held(f"{HELD}_0.webp")


def test_held_back_pictures_never_get_into_a_batch(bank: Bank) -> None:
    sampler = Sampler(bank, 1, 16)
    assert bank.held
    assert not bank.held & {*sampler.tiles, *(n for n, _ in sampler.palettes), *(n for n, _ in sampler.lossy)}


def test_a_large_picture_is_cut_into_tiles_of_one_name(tmp_path: Path) -> None:
    large = Image.fromarray(np.concatenate([smooth_tile(1), smooth_tile(2)], axis=1))
    large.save(tmp_path / "large.png")
    tiles, names = read_tiles([tmp_path])
    assert [tile.shape for tile in tiles] == [(SIDE, SIDE, 3)] * 2
    assert np.array_equal(tiles[1], smooth_tile(2))
    assert len(set(names)) == 1


def test_a_folder_without_large_pictures_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "small.png")
    with pytest.raises(InputError, match="expected pictures of at least 256x256"):
        read_tiles([tmp_path])


def test_dithered_crops_are_told_as_a_restorer_tells_them(bank: Bank) -> None:
    sampler = Sampler(bank, 1, SIDE, "palettes")
    sampler.shares = np.array([0, 0.8, 0, 0.2, 0, 0])  # not those of machines, which have colors that a crop may lack
    batch, seen = sampler.batch(12, 0), 0
    for y, low, high, room, facts in zip(batch.stored, batch.low, batch.high, batch.room, batch.facts, strict=True):
        if not facts[0]:
            continue
        colors = torch.unique(y.flatten(1).T, dim=0)
        cells = PaletteQuantizer(colors).cells(y[None], True)
        for given, expected in zip((low, high, room), told(y[None], cells), strict=True):
            torch.testing.assert_close(given, expected[0], rtol=0, atol=1e-5)
        seen += 1
    assert seen


@pytest.mark.parametrize("kind", ["fs", "bayer4"])
def test_crops_in_dithered_levels_are_told_as_a_restorer_tells_them(
    bank: Bank, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantizer = DitherQuantizer(UniformQuantizer.of_bits((3, 3, 2)), kind)
    monkeypatch.setattr(dithered_levels, "random_levels", lambda rng: quantizer.inner)
    monkeypatch.setattr(dithered_levels, "GRAY_SHARE", 0)
    sampler = Sampler(bank, 1, SIDE, "palettes")
    sampler.shares = np.array([0, 0, 0, 0, 0, 1.0])
    batch = sampler.batch(2, 0)
    order = [int(batch.low.sub(batch.high).abs().amin((0, 2, 3)).argmax())]  # blue has fewer levels, so larger cells
    order = [channel for channel in range(3) if channel not in order] + order
    y = batch.stored[:, order]
    low, high, room = told(y, quantizer.cells(y))
    torch.testing.assert_close(batch.low[:, order], low, rtol=0, atol=3e-3)  # of 8 bits
    torch.testing.assert_close(batch.high[:, order], high, rtol=0, atol=3e-3)
    torch.testing.assert_close(batch.room, room, rtol=0, atol=3e-3)
    assert bool((batch.facts == torch.tensor([1.0, 0.0, 1.0])).all())


def test_dithered_levels_hold_what_was_dithered_and_what_was_drawn_or_written(bank: Bank) -> None:
    rng, crop = np.random.default_rng(7), bank.tiles[0]
    records = [level_record(crop, rng) for _ in range(40)]
    for record, truth in records:
        stored = record.palette[record.index].astype(float)
        free = ~record.kept
        assert abs((stored - truth)[free].mean()) < 12  # a dither keeps means
    assert 4 < sum(record.kept.any() for record, _ in records) < 30
    assert any(np.ptp(truth, axis=2).max() == 0 for _, truth in records)
    drawn = [drawn_levels(rng) for _ in range(4)]
    assert all(record.kept.all() and record.dithered for record in drawn)


def test_a_cached_training_set_gives_the_same_batches(bank: Bank, tmp_path: Path) -> None:
    save_bank(bank, tmp_path / "bank.pt")
    again = load_bank(tmp_path / "bank.pt")
    assert (again.held, again.photos) == (bank.held, bank.photos)
    for number in range(4):
        assert torch.equal(Sampler(again, 1, 16).batch(4, number).stored, Sampler(bank, 1, 16).batch(4, number).stored)


def test_other_pictures_have_another_cache(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "other.png")
    assert fingerprint([folder]) == fingerprint([folder])
    assert fingerprint([folder]) != fingerprint([tmp_path])
    assert fingerprint([folder]) != fingerprint([folder, tmp_path])


def test_a_batch_depends_on_its_number_alone(bank: Bank) -> None:
    first, again = Sampler(bank, 1, 16), Sampler(bank, 1, 16)
    again.batch(2, 3)
    assert torch.equal(first.batch(2, 7).stored, again.batch(2, 7).stored)
    assert not torch.equal(first.batch(2, 7).stored, first.batch(2, 8).stored)


def test_ten_steps_reduce_the_loss(bank: Bank, tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, TrainSettings(steps=1000, rate=5e-3, warmup=0.0))
    batch = Sampler(bank, 1, 32).batch(4, 0)
    losses = [trainer.step(batch) for _ in range(10)]
    assert losses[-1] < losses[0]


def test_an_interrupted_run_ends_with_the_same_weights(bank: Bank, tmp_path: Path) -> None:
    whole = trainer_in(tmp_path / "whole", tiny_settings(8))
    whole.run(CellnetLesson(bank))
    cut = trainer_in(tmp_path / "cut", tiny_settings(8))
    for number in range(1, 4):
        cut.step(Sampler(bank, 1, 16).batch(2, number))
    cut.save()
    resumed = trainer_in(tmp_path / "cut", tiny_settings(8))
    assert resumed.steps == 3
    resumed.run(CellnetLesson(bank))
    pairs = zip(whole.average.state_dict().values(), resumed.average.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_average_that_did_best_on_held_back_pictures_is_returned(bank: Bank, tmp_path: Path) -> None:
    settings = TrainSettings(steps=6, batch=2, side=16, rate=5e-3, validate_every=2)
    trainer = trainer_in(tmp_path, settings)
    best = trainer.run(CellnetLesson(bank))
    assert Validation(bank).score(best)["mean"] == pytest.approx(trainer.best["mean"], abs=1e-6)
    lines = (tmp_path / "validation.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "2", "4", "6"]


def test_validation_scores_every_kind_of_loss(bank: Bank) -> None:
    scores = Validation(bank).score(trainer_free_network())
    assert {"m=4", "m=32", "mean"} <= set(scores)
    assert all(abs(score) < 1.0 for score in scores.values())  # an untrained network answers the cells' centers


def trainer_free_network() -> torch.nn.Module:
    return Cellnet(TINY)


def test_loss_weighs_every_depth_alike(bank: Bank) -> None:
    batch = Sampler(bank, 2, 16).batch(6, 0)
    center = (batch.low + batch.high) / 2
    assert float(cell_loss(center, batch)) > 0
    assert float(cell_loss(batch.truth, batch)) == 0


def test_moving_what_is_true_costs_on_palettes_and_not_on_levels(bank: Bank) -> None:
    palettes, levels = (Sampler(bank, 2, 16, subject).batch(4, 0) for subject in ("palettes", "levels"))
    for batch, costs in ((palettes, True), (levels, False)):
        batch = replace(batch, truth=batch.stored.clone())
        assert bool((kept_error(batch.stored, batch) == 0).all())
        assert bool((kept_error(batch.stored + 0.1, batch) > 0).all()) is costs
    few = replace(palettes, truth=palettes.stored + 0.5)
    few.truth[:, :, 0, 0] = few.stored[:, :, 0, 0]
    moved = kept_error(few.stored + 0.1, few)
    assert bool((moved < 0.1).all())  # one pixel of 256 is no line of text


def test_muon_moves_all_directions_of_a_kernel_alike() -> None:
    net = torch.nn.Conv2d(8, 16, 3, bias=False)
    optimizer = MuonAdamW(net, 1e-2)
    before = net.weight.detach().flatten(1).clone()
    # A gradient with one strong and 15 weak directions.
    net.weight.grad = (torch.randn(16, 72) + 100 * torch.ones(16, 1) @ torch.randn(1, 72)).view_as(net.weight)
    optimizer.step()
    moved = torch.linalg.svdvals(net.weight.detach().flatten(1) - before)
    assert float(moved[0] / moved[-1]) < 4


def test_prefetching_keeps_the_order_and_hands_errors_over() -> None:
    numbers = itertools.count()
    assert list(itertools.islice(ahead(lambda: next(numbers)), 5)) == [0, 1, 2, 3, 4]

    def broken() -> int:
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        next(ahead(broken))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("processes", [0, 1])
def test_batches_come_by_number_whoever_makes_them(processes: int) -> None:
    batches = numbered(lambda number: torch.tensor([number, number**2]), 3, 2, processes=processes)
    assert [batch.tolist() for batch in itertools.islice(batches, 4)] == [[3, 9], [5, 25], [7, 49], [9, 81]]


def test_the_log_drops_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    log = TrainLog(tmp_path / "log.csv", 0)
    for step in (2, 4, 6):
        log.write(step, 1.0, 0.5, 1e-3)
    TrainLog(tmp_path / "log.csv", 4).write(6, 2.0, 0.4, 1e-3)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "2", "4", "6"]
    assert lines[-1].split(",")[1] == "2.0"


@pytest.mark.parametrize("spec", [CellnetSpec(4, (2,)), CellnetSpec(64, (1,)), CellnetSpec(4, (1,), context=4)])
def test_weights_that_the_network_cannot_begin_at_are_refused(spec: CellnetSpec, folder: Path, tmp_path: Path) -> None:
    write_cellnet(Cellnet(spec), tmp_path / "other.safetensors")
    order = Order((folder,), "s", tmp_path / "mine.safetensors", tmp_path / "runs", TrainSettings(steps=1))
    with pytest.raises(UsageError, match="expected --init of a cellnet that is no larger"):
        train(replace(order, init=tmp_path / "other.safetensors"))


def test_the_recipe_writes_weights_that_load_and_a_card(folder: Path, tmp_path: Path) -> None:
    settings = TrainSettings(steps=2, batch=2, side=16, validate_every=1)
    output = tmp_path / "mine.safetensors"
    trainer = train(Order((folder,), "s", output, tmp_path / "runs", settings))
    restored = read_cellnet(output)
    assert restored.spec == trainer.net.spec
    card = output.with_suffix(".md").read_text()
    assert "mine" in card
    assert str(folder) in card
    assert "m=8" in card


def test_half_a_network_learns_and_is_scored_on_its_half_alone(folder: Path, tmp_path: Path) -> None:
    settings = TrainSettings(steps=1, batch=6, side=16, validate_every=1)
    for subject, kinds in (("levels", {"m=4", "m=8", "m=16", "m=32"}), ("palettes", PALETTES)):
        output = tmp_path / f"{subject}.safetensors"
        trainer = train(Order((folder,), "s", output, tmp_path / "runs", settings, subject=subject))
        assert trainer.best
        assert set(trainer.best) - {"mean", "steps"} <= kinds  # and no run of the other half was resumed
        assert ("2..64 levels" in output.with_suffix(".md").read_text()) == (subject == "levels")
        bank = next((tmp_path / "runs").glob(f"bank-{subject}-*.pt"))
        facts = Sampler(load_bank(bank), 1, 16, subject).batch(6, 1).facts
        assert bool((facts[:, 2] == (subject == "palettes")).all())


def run_training(folder: Path, runs: Path, launcher: tuple[str, ...] = ("-m", "vdequant")) -> subprocess.Popen[bytes]:
    words = ["train", "cellnet", "--data", str(folder), "--runs", str(runs), "--steps", "40", "--batch", "2", "-q"]
    command = [sys.executable, *launcher, *words, "--save-every", "0.1", "-o", f"{runs}.safetensors"]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.mark.slow
def test_a_run_killed_at_any_moment_resumes_to_the_same_weights(folder: Path, tmp_path: Path) -> None:
    assert run_training(folder, tmp_path / "whole").wait(100) == 0
    assert kill_and_resume(lambda: run_training(folder, tmp_path / "cut"), (3.0, 6.0, 8.0), 100) == 0
    whole, cut = (read_cellnet(tmp_path / f"{name}.safetensors").state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


@pytest.mark.slow
def test_two_processes_train_one_network(folder: Path, tmp_path: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29517", "-m", "vdequant")
    assert run_training(folder, tmp_path / "both", launcher).wait(100) == 0
    assert read_cellnet(tmp_path / "both.safetensors").spec.channels == 16
