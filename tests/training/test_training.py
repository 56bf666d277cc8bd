"""The training set and loop: degradations are consistent with their cells, ten steps reduce the loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vdequant.models.cellnet import CellnetSpec
from vdequant.training.data import SIDE, Sampler, build_bank, source_is_held
from vdequant.training.degrade import lossy_tile, palette_record, random_lattice
from vdequant.training.loop import Trainer, TrainSettings, cell_loss


def smooth_tile(seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("games")
    for i in range(4):
        Image.fromarray(smooth_tile(i)).save(path / f"picture{i}_0.webp", lossless=True)
    return path


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


def test_ten_steps_reduce_the_loss_and_a_checkpoint_resumes(folder: Path, tmp_path: Path) -> None:
    bank = build_bank([folder], seed=5)
    settings = TrainSettings(minutes=1e9, batch=4, side=32, rate=5e-3, warmup=0.0)
    trainer = Trainer(CellnetSpec(4, (1,)), settings, tmp_path, torch.device("cpu"))
    batch = Sampler(bank, 1, 32).batch(4)
    losses = [trainer._step(batch) for _ in range(10)]
    assert losses[-1] < losses[0]
    trainer.steps = 10
    trainer.save()
    resumed = Trainer(CellnetSpec(4, (1,)), settings, tmp_path, torch.device("cpu"))
    assert resumed.steps == 10
    same = zip(trainer.average.parameters(), resumed.average.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)


def test_a_run_can_start_from_finished_weights(tmp_path: Path) -> None:
    settings = TrainSettings(minutes=1.0)
    first = Trainer(CellnetSpec(4, (1,)), settings, tmp_path / "a", torch.device("cpu"))
    torch.manual_seed(9)
    second = Trainer(CellnetSpec(4, (1,)), TrainSettings(minutes=1.0, seed=8), tmp_path / "b", torch.device("cpu"))
    assert not torch.equal(first.net.head.weight, second.net.head.weight)
    second.start_from(first.net)
    assert torch.equal(first.net.head.weight, second.average.head.weight)


def test_loss_weighs_every_depth_alike(folder: Path) -> None:
    bank = build_bank([folder], seed=6)
    batch = Sampler(bank, 2, 16).batch(6)
    center = (batch.low + batch.high) / 2
    assert float(cell_loss(center, batch)) > 0
    assert float(cell_loss(batch.truth, batch)) == 0
