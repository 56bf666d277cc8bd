"""Tiles cover the picture once and give the same result as the whole picture."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from vdequant.schedule.tiles import apply_tiled, automatic_side, split


@pytest.mark.parametrize(("height", "width", "side", "halo"), [(64, 64, 64, 4), (50, 37, 16, 3), (5, 90, 32, 8)])
def test_tiles_cover_every_pixel_exactly_once(height: int, width: int, side: int, halo: int) -> None:
    counts = torch.zeros(height, width)
    for tile in split(height, width, side, halo):
        top, left, bottom, right = tile.inner
        counts[top:bottom, left:right] += 1
        assert bottom - top <= side
        assert right - left <= side
    assert (counts == 1).all()


def test_tiled_convolution_equals_the_whole_picture_when_the_halo_covers_its_radius() -> None:
    kernel = torch.rand(3, 3, 5, 5)

    def blur(x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, kernel, padding=2)

    x = torch.rand(2, 3, 45, 62)
    assert torch.allclose(apply_tiled(blur, x, side=20, halo=2), blur(x), atol=1e-5)


def test_too_small_a_halo_is_visible() -> None:
    kernel = torch.rand(3, 3, 5, 5)

    def blur(x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, kernel, padding=2)

    x = torch.rand(1, 3, 45, 62)
    assert not torch.allclose(apply_tiled(blur, x, side=20, halo=1), blur(x), atol=1e-3)


def test_aligned_tiles_start_at_multiples_and_still_cover_everything() -> None:
    tiles = list(split(70, 101, 32, 5, align=8))
    assert all(tile.top % 8 == 0 and tile.left % 8 == 0 for tile in tiles)
    counts = torch.zeros(70, 101)
    for tile in tiles:
        top, left, bottom, right = tile.inner
        counts[top:bottom, left:right] += 1
        assert max(bottom - top, right - left) <= 32
    assert (counts == 1).all()


def test_small_pictures_stay_whole_and_large_ones_are_tiled_on_cpus() -> None:
    cpu = torch.device("cpu")
    assert automatic_side(240, 320, cpu) == 320
    assert automatic_side(1080, 1920, cpu) < 1080
    assert automatic_side(1080, 1920, cpu, halo=100) == 600
