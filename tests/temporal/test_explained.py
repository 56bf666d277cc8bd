"""What movement and light explain, and noise does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vdequant.temporal.explained import Floats, explained

EVERYWHERE = np.ones((72, 100), np.bool_)


def texture(left: float = 0.0) -> Floats:
    """Luma in codes, moved by parts of a pixel."""
    coarse = np.random.default_rng(2).random((24, 40)).astype(np.float32) * 120 + 60
    fine = cv2.resize(coarse, (160, 96), interpolation=cv2.INTER_CUBIC)
    across, down = np.meshgrid(np.arange(100, dtype=np.float32) + 20 + left, np.arange(72, dtype=np.float32) + 10)
    return np.asarray(cv2.remap(fine, across, down, cv2.INTER_CUBIC), np.float32)


def noise(seed: int, size: float = 3.0) -> Floats:
    return np.asarray(np.random.default_rng(seed).normal(0, size, (72, 100)), np.float32)


def test_noise_is_not_explained() -> None:
    assert np.quantile(explained(texture() + noise(1), texture() + noise(2), EVERYWHERE), 0.95) < 0.06


@pytest.mark.parametrize(
    "now",
    [texture(0.5), texture() + 3, texture() * np.float32(1.05)],
    ids=["movement", "light on everything", "light that is stronger"],
)
def test_movement_and_light_are_explained_even_behind_noise(now: Floats) -> None:
    assert np.median(explained(now, texture(), EVERYWHERE)) > 0.7
    assert np.median(explained(now + noise(1, 1.0), texture() + noise(2, 1.0), EVERYWHERE)) > 0.3


def test_nothing_changed_needs_no_explanation() -> None:
    assert explained(texture(), texture(), EVERYWHERE).max() == 0


def test_pixels_that_do_not_count_have_no_say() -> None:
    now, counts = texture() + noise(1), EVERYWHERE.copy()
    now[30:40, 40:60], counts[30:40, 40:60] = 250, False
    other = now.copy()
    other[30:40, 40:60] = 10
    before = texture() + noise(2)
    found, without = explained(now, before, counts), explained(other, before, counts)
    np.testing.assert_allclose(found, without, atol=0.02)
    assert np.abs(found - explained(other, before, EVERYWHERE)).max() > 0.1


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (17, 9)])
def test_pictures_smaller_than_a_block_are_answered_too(size: tuple[int, int]) -> None:
    picture = texture()[: size[0], : size[1]]
    found = explained(picture + 1, picture, np.ones(size, np.bool_))
    assert found.shape == size
    assert np.isfinite(found).all()
