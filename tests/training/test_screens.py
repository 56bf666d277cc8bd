from __future__ import annotations

import numpy as np
import pytest

from vdequant.training.degrade import PaletteRecord, palette_record, reach_of
from vdequant.training.screens import flat_record, text_mask, with_text


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def tile() -> np.ndarray:
    ramp = np.linspace(0, 255, 256)
    return np.stack(np.broadcast_arrays(ramp[None], ramp[:, None], 128.0), axis=-1).astype(np.uint8)


@pytest.mark.parametrize("seed", range(8))
def test_flat_art_is_all_its_own_truth_and_uses_all_of_its_palette(seed: int) -> None:
    record = flat_record(rng(seed))
    assert record.kept.all()
    assert record.index.shape == (256, 256)
    assert sorted(np.unique(record.index)) == list(range(len(record.palette)))
    assert 2 <= len(record.palette) <= 33


def test_flat_art_differs_from_seed_to_seed_and_repeats_for_one() -> None:
    assert np.array_equal(flat_record(rng(3)).index, flat_record(rng(3)).index)
    assert not np.array_equal(flat_record(rng(3)).index, flat_record(rng(4)).index)


def test_text_has_strokes_and_leaves_most_of_the_screen_free() -> None:
    shares = [text_mask(rng(seed), 3).mean() for seed in range(8)]
    assert min(shares) > 0.001
    assert max(shares) < 0.2


def record_without_text() -> PaletteRecord:
    return palette_record(tile(), [], rng(5))


def test_text_over_a_picture_is_kept_and_nothing_else_changes() -> None:
    before = record_without_text()
    after = with_text(before, rng(6))
    assert not before.kept.any()
    assert after.kept.any()
    assert np.array_equal(after.index[~after.kept], before.index[~after.kept])
    assert np.array_equal(after.palette[: len(before.palette)], before.palette)


def test_reach_holds_the_six_axes_and_the_room() -> None:
    reach = reach_of(np.array([[0, 0, 0], [100, 0, 0], [255, 255, 255]], np.uint8))
    assert reach.shape == (3, 7)
    np.testing.assert_allclose(reach[0, 3], 50 / 255, atol=1e-6)  # up the red axis, half way to the second color
    np.testing.assert_allclose(reach[:2, 6], 50 / 255, atol=1e-6)


def test_dithered_records_keep_the_means_of_the_tile() -> None:
    records = [palette_record(tile(), [], rng(seed)) for seed in range(24)]
    dithered = [record for record in records if record.dithered and len(record.palette) > 6]
    assert len(dithered) >= 4
    true = tile().astype(float).reshape(8, 32, 8, 32, 3).mean((1, 3))
    for record in dithered:
        means = record.palette[record.index].astype(float).reshape(8, 32, 8, 32, 3).mean((1, 3))
        assert np.abs(means - true).mean() < 12
