"""Motion between pictures: whole layers that scroll are found where flow is lost."""

from __future__ import annotations

import numpy as np
import pytest

from vdequant.temporal.motion import Codes, MotionFinder


def tiles(height: int, width: int) -> Codes:
    """A texture that repeats every eight pixels, with a few single things on it."""
    random = np.random.default_rng(4)
    picture = np.tile(random.integers(40, 200, (8, 8), np.uint8), (height // 8, width // 8))
    for _ in range(14):
        top, left = random.integers(0, height - 10), random.integers(0, width - 10)
        picture[top : top + 9, left : left + 9] = random.integers(0, 255, (9, 9))
    return picture


@pytest.mark.parametrize("step", [(2, 0), (0, 1), (3, -1)])
def test_a_layer_that_scrolls_by_whole_pixels_is_found_nearly_everywhere(step: tuple[int, int]) -> None:
    across, down = step
    world = tiles(96, 96)
    before, now = world[8:72, 8:72], world[8 + down : 72 + down, 8 + across : 72 + across]
    motion = MotionFinder()(np.ascontiguousarray(now), np.ascontiguousarray(before))
    assert motion is not None
    inner = (slice(8, -8),) * 2
    fetched = motion.fetch(before.astype(np.float32))
    right = np.abs(fetched - now)[inner] < 1
    assert (right & motion.sure[inner]).mean() > 0.9


def test_what_stands_still_has_no_motion() -> None:
    picture = tiles(64, 64)
    motion = MotionFinder()(picture, picture)
    assert motion is not None
    assert motion.sure.all()
    np.testing.assert_array_equal(motion.fetch(picture.astype(np.float32)), picture)


def test_pictures_that_are_too_small_to_tell_have_none() -> None:
    assert MotionFinder()(np.zeros((8, 64), np.uint8), np.zeros((8, 64), np.uint8)) is None
