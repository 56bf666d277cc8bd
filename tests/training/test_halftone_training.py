"""Training on halftones: pictures in few levels, a loss in which black and white counts as much as four colors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from training_tiles import fill, smooth_tile

from vdequant.models.cellnet import Cellnet, CellnetSpec
from vdequant.models.cellnet_weights import read_cellnet
from vdequant.quantizers.dither import nearest_levels
from vdequant.quantizers.error_diffusion import FLOYD_STEINBERG, diffuse
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.training import halftones
from vdequant.training.data import Bank
from vdequant.training.degrade import PaletteRecord
from vdequant.training.halftones import (
    KINDS,
    OTHERS,
    _of_kind,
    drawn_halftone,
    few_levels,
    halftone_bank,
    halftone_records,
    serpentine,
)
from vdequant.training.lesson_halftone import SCORED, HalftoneLesson, HalftoneSampler, halftone_loss
from vdequant.training.loop import TrainSettings
from vdequant.training.recipe_cellnet import Order, train

BLACK_AND_WHITE = UniformQuantizer([[0.0, 1.0]] * 3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_the_mean_of_a_shade_and_stores_levels_alone(kind: str) -> None:
    shade = torch.full((2, 3, 64, 64), 0.5)
    stored = OTHERS.get(kind, _of_kind(kind))(shade, BLACK_AND_WHITE, np.random.default_rng(1))
    assert set(stored.unique().tolist()) == {0.0, 1.0}
    assert float(stored.mean()) == pytest.approx(0.5, abs=0.03)


def test_serpentine_rows_turn_and_the_first_row_is_as_floyd_and_steinberg_had_it() -> None:
    picture = np.ascontiguousarray(np.tile(np.linspace(0, 1, 32, dtype=np.float32), (2, 3, 8, 1)))
    nearest = nearest_levels(BLACK_AND_WHITE.levels)
    turned, plain = serpentine(picture, nearest), diffuse(picture, nearest, FLOYD_STEINBERG)
    assert np.array_equal(turned[:, :, 0], plain[:, :, 0])
    assert not np.array_equal(turned[:, :, 1], plain[:, :, 1])
    # The second row from the right is the first row of the mirrored rest, apart from what the first row passed on.
    flat = np.full((1, 3, 2, 16), 0.25, np.float32)
    assert serpentine(flat, nearest).mean() == pytest.approx(0.25, abs=0.07)


def test_grays_may_have_any_levels_and_colors_a_depth_for_each_channel() -> None:
    rng = np.random.default_rng(1)
    grays = [few_levels(True, rng).levels for _ in range(200)]
    assert all(torch.equal(levels[0], levels[2]) for levels in grays)
    assert {len(levels[0]) for levels in grays} >= {2, 3, 4}
    assert any(float(levels[0].diff().max() - levels[0].diff().min()) > 0.02 for levels in grays)
    assert any(len({len(channel) for channel in few_levels(False, rng).levels}) > 1 for _ in range(50))


def test_text_over_a_halftone_is_kept_and_has_a_level_at_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halftones, "TEXT_SHARE", 1.0)
    rng = np.random.default_rng(3)
    for is_gray in (False, True):
        tile = smooth_tile(4, 5)
        tile = np.repeat(tile[..., :1], 3, axis=2) if is_gray else tile
        (record,) = halftone_records([tile], is_gray, rng)
        inks = record.palette[record.index[record.kept]].astype(int)
        assert len(inks) > 50
        assert bool((record.palette[record.index][..., 0] == record.palette[record.index][..., 1]).all()) is is_gray
        assert np.ptp(record.reach, axis=0).max() == 0  # told the same of all colors


def test_drawn_screens_are_their_own_truth() -> None:
    record = drawn_halftone(np.random.default_rng(2))
    assert record.dithered
    sampler = HalftoneSampler(Bank([], [], [], [record]), 1, 32, "palettes")
    sampler.palettes = [(0, record)]
    sampler.bank.tiles.append(record.palette[record.index])
    batch = sampler.batch(3, 0)
    assert torch.equal(batch.truth, batch.stored)


def black_and_white() -> PaletteRecord:
    index = np.indices((256, 256)).sum(0).astype(np.uint16) % 2
    reach = np.full((2, 7), 0.5, np.float32)
    palette = np.array([[0] * 3, [255] * 3], np.uint8)
    return PaletteRecord(index, palette, reach, True, np.zeros((256, 256), bool))


def test_an_answer_ten_times_nearer_gains_as_much_in_black_and_white_as_between_fine_levels() -> None:
    gray = np.full((256, 256, 3), 128, np.uint8)
    batch = HalftoneSampler(Bank([gray], [(0, black_and_white())], [], []), 1, 32, "palettes").batch(2, 0)
    gains = []
    for error in (0.5, 0.1):
        far, near = (halftone_loss(batch.truth + part, batch) for part in (error, error / 5))
        gains.append(float(far - near))
    assert gains[0] == pytest.approx(np.log(25), rel=0.05)
    assert gains[1] == pytest.approx(gains[0], rel=0.2)


def test_letters_count_more_than_what_is_true_by_chance() -> None:
    batch = HalftoneSampler(Bank([np.zeros((256, 256, 3), np.uint8)], [(0, black_and_white())], [], []), 1, 32,
                            "palettes").batch(1, 0)  # fmt: skip
    alone = batch.stored == batch.truth  # every other pixel, none of which has true ones around it
    assert float(alone.float().mean()) == pytest.approx(0.5)
    assert torch.equal(
        halftone_loss(batch.truth + 0.1 * alone, batch), halftone_loss(batch.truth + 0.1 * ~alone, batch)
    )
    batch.truth[..., :16], batch.stored[..., :16] = 0, 0
    left = torch.zeros_like(batch.truth)
    left[..., 2:14] = 0.1
    assert float(halftone_loss(batch.truth + left, batch)) > float(halftone_loss(batch.truth + left.flip(-1), batch))


def test_a_trained_network_is_written_with_its_card_and_the_bank_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    fill(folder, 2, knots=60)
    settings = TrainSettings(steps=3, batch=2, side=16, log_every=1, validate_every=0)
    order = Order((folder,), "s", tmp_path / "mine.safetensors", tmp_path / "runs", settings, subject="halftones")
    assert train(order).steps == 3
    assert "black and white" in (tmp_path / "mine.md").read_text()
    assert read_cellnet(tmp_path / "mine.safetensors").spec.channels == 16
    monkeypatch.setattr(halftones, "halftone_records", None)
    assert train(order).steps == 3


def test_a_bank_holds_each_picture_in_color_and_in_gray(tmp_path: Path) -> None:
    fill(tmp_path, 3, knots=60)
    bank = halftone_bank([tmp_path], seed=1, rounds=4)
    half = len(bank.tiles) // 2
    assert [bool(np.ptp(tile, axis=2).max() == 0) for tile in bank.tiles] == [False] * half + [True] * half
    for number, record in bank.palettes:
        is_gray = np.ptp(record.palette.astype(int), axis=1).max() == 0
        assert is_gray or number < half


def test_held_tiles_are_scored_in_all_ways() -> None:
    tiles = [smooth_tile(4, 60)[:64, :64]]
    grays = [np.repeat(tile[..., :1], 3, axis=2) for tile in tiles]
    lesson = HalftoneLesson(Bank(tiles + grays, [], [], [], frozenset({0, 1})))
    scores = lesson.score(Cellnet(CellnetSpec(4, (1,))).eval())
    assert set(scores) == {"mean", *(name for name, _, _ in SCORED)}
