"""Crops in the colors of machines: which colors they have, what their dither keeps, and how they get into batches."""

from __future__ import annotations

import numpy as np
import torch

from vdequant.quantizers.known_palettes import known_palettes
from vdequant.training.data import Bank, Sampler, gradient
from vdequant.training.machines import LEVELS, MOST_COLORS, machine_colors, machine_record


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_colors_are_a_machines_or_a_few_levels_of_each_channel() -> None:
    named = [table.tolist() for table in known_palettes().values()]
    found = [machine_colors(rng(seed)) for seed in range(60)]
    own = [colors for colors in found if colors.tolist() not in named]
    assert 10 < len(own) < 50
    assert max(len(colors) for colors in found) <= MOST_COLORS
    assert all(len(np.unique(colors, axis=0)) == len(colors) for colors in found)
    assert all(LEVELS[0] <= len(np.unique(channel)) <= LEVELS[1] for colors in own for channel in colors.T)


def test_crops_keep_their_shape_and_plain_ones_have_the_nearest_colors() -> None:
    crop = gradient(rng(1), 256)[:64, :64]
    records = [machine_record(crop, rng(seed)) for seed in range(40)]
    assert all(record.index.shape == (64, 64) and record.index.max() < len(record.palette) for record in records)
    plain = [record for record in records if not record.dithered]
    assert 1 <= len(plain) <= 20
    for record in plain:
        distances = np.linalg.norm(crop[:, :, None].astype(float) - record.palette, axis=-1)
        taken = np.take_along_axis(distances, record.index[..., None].astype(int), -1)[..., 0]
        np.testing.assert_allclose(taken, distances.min(-1), atol=1e-3)


def test_dither_of_grays_between_black_and_white_keeps_their_mean() -> None:
    crop, close = np.full((64, 64, 3), 100, np.uint8), 0
    for record in (machine_record(crop, rng(seed)) for seed in range(40)):
        if record.dithered and record.palette.max() == 255 and record.palette.min() == 0:
            close += abs(record.palette[record.index].mean() - 100) < 12
    assert close > 10


def test_batches_of_palettes_have_crops_in_few_levels() -> None:
    tiles = [gradient(rng(seed), 256) for seed in range(3)]
    sampler = Sampler(Bank(tiles, [], [], []), seed=1, side=32, subject="palettes")
    batch = sampler.batch(12, 0)
    assert batch.stored.shape == (12, 3, 32, 32)
    assert all(len(torch.unique(picture.flatten(1), dim=1).T) <= MOST_COLORS + 3 for picture in batch.stored)
    assert (batch.facts[:, 2] == 1).all()


def test_some_crops_in_a_machines_colors_are_drawn_and_their_own_truth() -> None:
    tiles = [gradient(rng(seed), 256) for seed in range(3)]
    sampler = Sampler(Bank(tiles, [], [], []), seed=1, side=32, subject="palettes")
    batches = [sampler.batch(12, number) for number in range(3)]
    drawn = torch.cat([(batch.truth == batch.stored).all((1, 2, 3)) for batch in batches])
    assert 3 <= drawn.sum() <= 24
