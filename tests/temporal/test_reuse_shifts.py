"""Shifts between pictures, and which pixels they explain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from vdequant.temporal.reuse_shifts import STILL, ShiftSearch, equal_pixels, pixel_digests, reusable_pixels


def noise(height: int = 40, width: int = 56, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)).mul(31).round().div(31)


def test_digests_differ_where_one_sample_differs_by_its_last_bit() -> None:
    y = noise()
    changed = y.clone()
    changed[0, 2, 7, 9] = torch.nextafter(y[0, 2, 7, 9], torch.tensor(2.0))
    different = pixel_digests(y) != pixel_digests(changed)
    assert different.sum() == 1
    assert different[7, 9]


@pytest.mark.parametrize("shift", [(0, 3), (-2, 0), (4, -5)])
def test_equal_pixels_follow_the_shift(shift: tuple[int, int]) -> None:
    before = noise()
    now = before.roll((-shift[0], -shift[1]), (-2, -1))
    equal = equal_pixels(pixel_digests(now), pixel_digests(before), shift)
    assert equal.sum() == (40 - abs(shift[0])) * (56 - abs(shift[1]))


def brute_force(equal: np.ndarray, shift: tuple[int, int], halo: int) -> np.ndarray:
    """The same by looking at every pixel's surroundings; beyond a border nothing is equal if content crosses it."""
    padded = torch.from_numpy(equal).float()[None, None]
    padded = functional.pad(padded, (halo, halo, 0, 0), value=0.0 if shift[1] else 1.0)
    padded = functional.pad(padded, (0, 0, halo, halo), value=0.0 if shift[0] else 1.0)
    return (-functional.max_pool2d(-padded, 2 * halo + 1, 1))[0, 0].numpy() > 0


@pytest.mark.parametrize("shift", [STILL, (0, 2), (3, 0), (1, 1)])
def test_a_pixel_is_reusable_only_with_all_that_is_around_it(shift: tuple[int, int]) -> None:
    equal = np.random.default_rng(1).random((40, 56)) > 0.02
    assert (reusable_pixels(equal, shift, 2) == brute_force(equal, shift, 2)).all()


@pytest.mark.parametrize("shift", [(0, 2), (0, -7), (5, 3), (-9, 0)])
def test_the_search_finds_the_shift_behind_a_static_overlay(shift: tuple[int, int]) -> None:
    world, hud = noise(80, 96, seed=2), noise(8, 20, seed=3)
    before = world[..., 20:60, 20:76].clone()
    now = world[..., 20 + shift[0] : 60 + shift[0], 20 + shift[1] : 76 + shift[1]].clone()
    before[..., 2:10, 2:22] = now[..., 2:10, 2:22] = hud
    search = ShiftSearch()
    peaks = search.peaks(now, before)
    a, b = pixel_digests(now), pixel_digests(before)
    found, share = search.best(peaks, a, b, ~equal_pixels(a, b, STILL))
    assert found == shift
    assert share > 0.5


def test_shifts_are_multiples_of_the_step() -> None:
    world = noise(64, 64, seed=4)
    peaks = ShiftSearch(step=8).peaks(world[..., 3:43, 8:56], world[..., :40, :48])
    assert peaks == [] or all(part % 8 == 0 for peak in peaks for part in peak)


def test_the_shift_of_last_use_is_tried_first() -> None:
    search = ShiftSearch()
    for shift in [(0, 1), (0, 2), (0, 1), (3, 0), (4, 0)]:
        search.remember(shift)
    assert search.latest == [(4, 0), (3, 0), (0, 1)]
