"""Windows hold every needed pixel with its halo, keep the phase of patterns, and are few."""

from __future__ import annotations

import numpy as np
import pytest

from vdequant.temporal.reuse_windows import SIZES, SMALLEST, Grain, Window, cover, windows_for


def sprites(count: int, seed: int, shape: tuple[int, int] = (120, 160)) -> np.ndarray:
    random = np.random.default_rng(seed)
    mask = np.zeros(shape, dtype=bool)
    for _ in range(count):
        y, x = random.integers(0, shape[0] - 9), random.integers(0, shape[1] - 9)
        mask[y : y + random.integers(1, 9), x : x + random.integers(1, 9)] = True
    return mask


def shows(window: Window, box: tuple[int, int, int, int], halo: int, shape: tuple[int, int]) -> bool:
    """Whether the box and its halo, as far as they lie in the picture, are unbroken in the window."""
    rows = range(max(0, box[0] - halo), min(shape[0], box[2] + halo))
    columns = range(max(0, box[1] - halo), min(shape[1], box[3] + halo))
    return set(rows) <= set(window.rows.tolist()) and set(columns) <= set(window.columns.tolist())


@pytest.mark.parametrize("count", [1, 3, 12, 60])
@pytest.mark.parametrize("step", [1, 8])
def test_every_needed_pixel_lies_in_a_box_whose_halo_is_in_its_window(count: int, step: int) -> None:
    needed = sprites(count, seed=count)
    left = needed.copy()
    for window in windows_for(needed, Grain(5, step)):
        assert all(shows(window, box, 5, needed.shape) for box in window.boxes)
        for top, first, bottom, last in window.boxes:
            left[top:bottom, first:last] = False
    assert not left.any()


def test_boxes_keep_their_content_and_place_within_the_window() -> None:
    needed = sprites(5, seed=9)
    picture = np.arange(needed.size).reshape(needed.shape)
    for window in windows_for(needed, Grain(4)):
        part = picture[window.rows][:, window.columns]
        for box in window.boxes:
            top, left, bottom, right = window.place(box)
            assert (part[top:bottom, left:right] == picture[box[0] : box[2], box[1] : box[3]]).all()


def test_what_is_left_out_is_left_out_in_whole_steps() -> None:
    needed = sprites(2, seed=4, shape=(125, 163))
    for window in windows_for(needed, Grain(6, 8)):
        for lines, size in ((window.rows, 125), (window.columns, 163)):
            breaks = np.flatnonzero(np.diff(lines) != 1)
            assert all(lines[0] % 8 == 0 and lines[at + 1] % 8 == 0 and (lines[at] + 1) % 8 == 0 for at in breaks)
            assert (lines[-1] + 1) % 8 == 0 or lines[-1] + 1 == size


def test_bands_at_both_borders_become_one_narrow_window() -> None:
    needed = np.zeros((120, 160), dtype=bool)
    needed[:, :8] = needed[:, -8:] = True
    (window,) = windows_for(needed, Grain(5))
    assert len(window.boxes) == 2
    assert len(window.rows) == 120
    assert len(window.columns) == max(SMALLEST, -(-26 // SIZES) * SIZES)


def test_far_sprites_are_not_joined_by_a_box_around_both() -> None:
    needed = np.zeros((240, 320), dtype=bool)
    needed[:8, :8] = needed[-8:, -8:] = True
    assert len(cover(needed, 4)) == 2
    assert sum(window.pixels for window in windows_for(needed, Grain(4))) <= 2 * SMALLEST**2


def test_nothing_needed_is_no_window() -> None:
    assert windows_for(np.zeros((64, 64), dtype=bool), Grain(3)) == ()
