from __future__ import annotations

import numpy as np
import pytest
import torch

from vdequant.probing.motion import Motion, find_shift
from vdequant.probing.views import View, as_view


def scene(down: int = 0, right: int = 0, seed: int = 0) -> View:
    art = torch.randint(6, (3, 12, 12), generator=torch.Generator().manual_seed(seed)) / 6
    plane = art.repeat_interleave(5, 1).repeat_interleave(5, 2)
    return as_view(plane.roll((down, right), (1, 2))[:, :48, :48].contiguous())


@pytest.mark.parametrize("shift", [(0, 2), (-3, 0), (1, -4)])
def test_a_scroll_by_whole_pixels_is_measured(shift: tuple[int, int]) -> None:
    assert find_shift(scene(), scene(*shift)) == shift


def test_another_picture_is_no_scroll() -> None:
    assert find_shift(scene(), scene(seed=1)) == (0, 0)


def test_repeats_and_scrolls_are_counted_apart() -> None:
    motion = Motion()
    changed = [motion.push(view) for view in (scene(), scene(), scene(0, 2), scene(0, 4), scene(0, 4))]
    assert changed == [True, False, True, True, False]
    assert motion.repeated_share == 0.5
    assert motion.scroll_share == 1.0
    assert motion.shifts.most_common(1) == [((0, 2), 2)]


def test_runs_are_not_compared_with_each_other() -> None:
    motion = Motion()
    motion.push(scene())
    motion.start()
    assert motion.push(scene())
    assert motion.pairs == 0
    assert motion.repeated_share == motion.scroll_share == 0.0
    assert np.array_equal(scene().colors, scene().colors)
