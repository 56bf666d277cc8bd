from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from make import frames

from vdequant.errors import InputError
from vdequant.frames import Frame, Layout, SegmentStart
from vdequant.shots import MOST_KEPT, MOST_PIXELS, for_each_shot, with_shots

LAYOUT = Layout(24, 16)


def flat(value: int, count: int) -> list[Frame]:
    plane = torch.full((16, 24), value, dtype=torch.uint8)
    return [Frame((plane, plane, plane), LAYOUT, pts=i) for i in range(count)]


def test_every_shot_is_told_with_its_first_frame() -> None:
    found = for_each_shot([*flat(0, 3), *flat(250, 2)], lambda n, p: (n, len(p)), still=False, name="x")
    assert found == [(0, 3), (3, 2)]


def test_a_long_shot_keeps_few_pictures_from_all_over_it() -> None:
    ramp = [frame for value in range(100) for frame in flat(value, 1)]
    ((_, kept),) = for_each_shot(ramp, lambda n, p: (n, p), still=False, name="x")
    values = [round(float(pixels[0, 0, 0]) * 255) for pixels in kept]
    assert MOST_KEPT / 2 <= len(values) <= MOST_KEPT
    assert values == list(range(0, 100, values[1]))


def test_large_pictures_are_thinned_and_stills_are_not() -> None:
    large = frames(Layout(400, 300), count=1)
    (thin,) = for_each_shot(large, lambda n, p: p[0], still=False, name="x")
    (whole,) = for_each_shot(large, lambda n, p: p[0], still=True, name="x")
    assert thin.shape[-1] <= MOST_PIXELS
    assert whole.shape == (3, 1, 120000)


def test_transparent_pixels_do_not_count() -> None:
    (frame,) = flat(9, 1)
    alpha = torch.zeros(16, 24, dtype=torch.uint8)
    alpha[0, :5] = 255
    (pixels,) = for_each_shot([Frame(frame.planes, LAYOUT, alpha=alpha)], lambda n, p: p[0], still=True, name="x")
    assert pixels.shape == (3, 1, 5)


def test_an_input_without_pictures_is_refused() -> None:
    with pytest.raises(InputError, match=r"empty\.mkv"):
        for_each_shot([], lambda n, p: n, still=False, name="empty.mkv")


def test_shots_begin_before_their_first_frame_is_given() -> None:
    told: list[int] = []
    items: Iterator[object] = with_shots(flat(1, 4), [0, 2], told.append)
    seen = [(isinstance(item, SegmentStart), tuple(told)) for item in items]
    assert seen == [(True, ()), (False, (0,)), (False, (0,)), (True, (0,)), (False, (0, 1)), (False, (0, 1))]
