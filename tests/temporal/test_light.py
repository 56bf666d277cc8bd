"""Where the light changed: told by the line that all near pixels follow, and not by what moves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vdequant.temporal.light import relit

Picture = NDArray[np.float32]


def picture(seed: int = 1, size: tuple[int, int] = (96, 128)) -> Picture:
    """``(3, H, W)``: a drawn screen, of squares of 4x4 pixels."""
    squares = np.random.default_rng(seed).uniform(0.1, 0.8, (3, size[0] // 4, size[1] // 4))
    return squares.repeat(4, 1).repeat(4, 2).astype(np.float32)


def noisy(x: Picture, seed: int, codes: float = 2.0) -> Picture:
    noise = np.random.default_rng(seed).normal(0, codes / 255, x.shape)
    return np.asarray((x + noise).clip(0, 1), np.float32)


def tinted(x: Picture, share: float, color: tuple[float, float, float] = (0.9, 0.7, 0.2)) -> Picture:
    return np.asarray(x + share * (np.array(color)[:, None, None] - x), np.float32)


@pytest.mark.parametrize("share", [0.15, 0.3, 0.6])
def test_a_tint_of_the_whole_screen_is_found_behind_noise(share: float) -> None:
    before, now = noisy(picture(), 2), noisy(tinted(picture(), share), 3)
    changed = (np.abs(tinted(picture(), share) - picture()) * 255).max(0) > 12
    assert relit(now, before)[changed].mean() > 0.9


def test_light_that_goes_out_is_found() -> None:
    assert relit(noisy(picture() * 0.5, 2), noisy(picture(), 3)).mean() > 0.9


def test_a_tint_of_one_half_is_found_there_alone() -> None:
    now = picture()
    now[:, :, :64] = tinted(picture(), 0.4)[:, :, :64]
    found = relit(noisy(now, 2), noisy(picture(), 3))
    assert found[:, :48].mean() > 0.9
    assert found[:, 80:].mean() == 0


def test_noise_is_no_light() -> None:
    assert not relit(noisy(picture(), 2, 3.0), noisy(picture(), 3, 3.0)).any()


def test_what_stands_still_beside_something_that_passes_has_its_light() -> None:
    before, now = picture(), picture()
    before[:, 40:56, 20:36], now[:, 40:56, 28:44] = 0.95, 0.95
    still = np.ones(before.shape[1:], bool)
    still[40:56, 20:44] = False
    assert relit(noisy(now, 2), noisy(before, 3))[still].mean() < 0.005


def test_a_flat_picture_that_becomes_lighter_is_relit_and_one_that_does_not_is_not() -> None:
    flat = np.full((3, 32, 32), 0.4, np.float32)
    assert relit(flat + np.float32(0.1), flat).all()
    assert not relit(flat + np.float32(0.01), flat).any()


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (8, 200)])
def test_small_pictures_have_light_too(size: tuple[int, int]) -> None:
    flat = np.full((3, *size), 0.4, np.float32)
    assert relit(flat * 2, flat).shape == size
