"""Squares of content that come again."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest

from vdequant.temporal import reuse_cache
from vdequant.temporal.reuse_cache import FRAMES, SIDE, SquareCache


def noise(seed: int, shape: tuple[int, int] = (64, 80)) -> np.ndarray:
    return np.random.default_rng(seed).integers(-(2**62), 2**62, shape)


def everywhere(shape: tuple[int, int] = (64, 80)) -> np.ndarray:
    return np.ones(shape, dtype=bool)


def test_content_that_comes_again_is_found_and_no_longer_needed() -> None:
    cache, first = SquareCache(halo=5), noise(0)
    kept = cache.look_up(first, everywhere(), Event())
    cache.look_up(noise(1), everywhere(), Event())
    needed = everywhere()
    found = cache.look_up(first, needed, Event())
    assert len(kept.keeps) == 4 * 5
    assert [square for square, _ in found.hits] == [square for square, _ in kept.keeps]
    assert not needed.any()


def test_one_other_pixel_within_the_halo_is_another_square() -> None:
    cache, first = SquareCache(halo=5), noise(0)
    cache.look_up(first, everywhere(), Event())
    changed = first.copy()
    changed[SIDE + 2, SIDE + 2] += 1
    found = cache.look_up(changed, everywhere(), Event())
    # Its own square, and the three that see it across their borders.
    assert len(found.keeps) == 4


def test_the_grid_moves_with_the_scroll() -> None:
    cache, world = SquareCache(halo=3), noise(2, (64, 200))
    cache.look_up(world[:, :120], everywhere((64, 120)), Event())
    cache.follow((0, 7))
    found = cache.look_up(world[:, 7:127], everywhere((64, 120)), Event())
    inner = [box for _, box in found.hits if box[1] > 3 and box[3] < 117]
    assert len(inner) >= 4 * 6


def test_the_distance_to_a_border_in_sight_counts() -> None:
    cache = SquareCache(halo=5)
    flat = np.zeros((64, 80), dtype=np.int64)
    found = cache.look_up(flat, everywhere(), Event())
    # Corners, edges and the inside of a flat picture are restored differently: nine kinds of squares.
    assert len(found.keeps) == 9


def test_a_square_that_comes_twice_in_one_picture_is_not_waited_for() -> None:
    cache, needed = SquareCache(halo=0), everywhere()
    found = cache.look_up(np.zeros((64, 80), dtype=np.int64), needed, Event())
    assert found.hits == []
    assert needed.all()


def test_a_cache_that_finds_nothing_switches_itself_off_for_a_while() -> None:
    cache = SquareCache(halo=2)
    for seed in range(FRAMES):
        assert not cache.resting
        cache.look_up(noise(seed), everywhere(), Event())
    assert cache.resting
    needed = everywhere()
    assert cache.look_up(noise(FRAMES - 1), needed, Event()).hits == []
    assert needed.all()


def test_a_cache_that_finds_enough_stays_on() -> None:
    cache = SquareCache(halo=2)
    for turn in range(3 * FRAMES):
        cache.look_up(noise(turn % 2), everywhere(), Event())
    assert not cache.resting


def test_the_oldest_squares_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse_cache, "MOST", 30)
    cache = SquareCache(halo=2)
    cache.look_up(noise(0), everywhere(), Event())
    cache.look_up(noise(1), everywhere(), Event())
    assert len(cache.look_up(noise(0), everywhere(), Event()).hits) < 20
