from __future__ import annotations

import numpy as np
import torch

from vdequant.probing.palettes import Palettes, is_cut, is_recoloring
from vdequant.probing.views import View, as_view

COLORS = (
    torch.tensor([[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30], [90, 90, 90], [250, 250, 250]]) / 255
)
INDEX = torch.randint(6, (32, 32), generator=torch.Generator().manual_seed(2))


def painted(colors: torch.Tensor, index: torch.Tensor = INDEX, seconds: float = 0.0) -> View:
    return as_view(colors[index].permute(2, 0, 1).contiguous(), seconds)


def test_colors_that_take_each_others_places_are_a_recoloring() -> None:
    assert is_recoloring(painted(COLORS), painted(COLORS.roll(1, 0)))
    assert is_recoloring(painted(COLORS), painted(COLORS * 0.8))


def test_a_moved_picture_and_an_equal_one_are_none() -> None:
    assert not is_recoloring(painted(COLORS), painted(COLORS, INDEX.roll(1, 0)))
    assert not is_recoloring(painted(COLORS), painted(COLORS))


def test_cycling_and_fading_are_told_apart() -> None:
    cycle, fade = Palettes(), Palettes()
    for step in range(4):
        cycle.push(painted(COLORS.roll(step, 0)))
        fade.push(painted(COLORS * (1 - step / 8)))
    assert cycle.recolored_share == fade.recolored_share == 1.0
    assert (cycle.cycled, fade.cycled) == (3, 0)
    assert cycle.change_share == 0.0
    assert fade.change_share == 1.0


def test_scenes_have_palettes_of_their_own() -> None:
    dark, bright = COLORS * 0.2, 0.8 + COLORS[:4] * 0.2
    palettes = Palettes()
    for seconds, colors, index in ((0.0, dark, INDEX), (0.1, dark, INDEX.roll(1, 1)), (0.2, bright, INDEX % 4)):
        palettes.push(painted(colors, index, seconds))
    assert palettes.cuts == 1
    assert [(scene.start, len(scene.colors)) for scene in palettes.scenes] == [(0.0, 6), (0.2, 4)]
    assert palettes.colors == 10


def test_a_flash_of_the_same_picture_and_motion_are_no_cuts() -> None:
    assert not is_cut(painted(COLORS), painted(COLORS, INDEX.roll(5, 1)))
    assert not is_cut(painted(COLORS), painted(COLORS))


def test_a_new_run_is_a_new_scene() -> None:
    palettes = Palettes()
    palettes.push(painted(COLORS))
    palettes.start()
    palettes.push(painted(COLORS, seconds=9.0))
    assert len(palettes.scenes) == 2
    assert palettes.cuts == 0
    assert np.isclose(palettes.scenes[1].start, 9.0)
