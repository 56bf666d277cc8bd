"""Tile-drawn screens are told from pictures that were cut to a palette."""

from __future__ import annotations

import numpy as np
import torch

from vdequant.quantizers.tiling import drawn_from_tiles, repetition


def screen(offset: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(4)
    tiles = rng.integers(0, 4, (6, 8, 8))
    places = rng.integers(0, 6, (9, 9))
    rows = [np.concatenate([tiles[i] for i in row], axis=1) for row in places]
    picture = np.concatenate(rows, axis=0)[offset : offset + 64, offset : offset + 64]
    return torch.from_numpy(picture / 3).float().expand(3, 64, 64)


def photograph() -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    noise = torch.rand(64, 64, generator=torch.Generator().manual_seed(1)) * 0.1
    return ((torch.sin(x / 11) * torch.cos(y / 17) / 2 + 0.5 + noise) * 3).round().div(3).clamp(0, 1).expand(3, -1, -1)


def test_screens_of_tiles_are_found_at_any_scroll_position() -> None:
    assert drawn_from_tiles([screen(0), screen(3)])


def test_a_photograph_cut_to_four_grays_is_not_drawn_from_tiles() -> None:
    assert not drawn_from_tiles([photograph()])


def test_a_flat_picture_says_nothing() -> None:
    assert repetition(np.zeros((64, 64), dtype=np.int64)) == 0.0
    assert not drawn_from_tiles([torch.zeros(3, 64, 64)])


def test_pictures_smaller_than_a_tile_say_nothing() -> None:
    assert repetition(np.arange(12).reshape(3, 4)) == 0.0
