"""The backward half of a mean over time: who is told what, and how long frames wait for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.temporal.base import RestoredFrame
from vdequant.temporal.looking_ahead import MOST_PIXELS, LookAhead

CELLS = ToleranceQuantizer(4 / 255).cells
ALL, NOTHING, HALF = torch.ones(4, 4), torch.zeros(4, 4), torch.full((4, 4), 0.5)


def shade(value: float, size: tuple[int, int] = (4, 4)) -> Tensor:
    return torch.tensor(value).expand(1, 3, *size)


def frame(number: int, size: tuple[int, int] = (4, 4)) -> RestoredFrame:
    return RestoredFrame(shade(0.5, size), shade(0.5, size), CELLS, origin=number)


def told(values: list[float], trusts: list[Tensor | None], later: LookAhead | None = None) -> list[float]:
    """What frames of one shot come out as; ``trusts`` of all but the first."""
    later = later or LookAhead(8, 2)
    ready = later.begin(frame(0), shade(values[0]))
    for number, (value, trust) in enumerate(zip(values[1:], trusts, strict=True), 1):
        ready += later.push(frame(number), shade(value), trust)
    ready += later.flush()
    assert [done.origin for done in ready] == list(range(len(values)))
    return [round(float(done.restored.mean()), 6) for done in ready]


def test_what_stands_still_is_from_the_first_what_it_is_at_last() -> None:
    assert told([0.1, 0.2, 0.3], [ALL, ALL]) == [0.3, 0.3, 0.3]


def test_what_changes_tells_nothing_of_before() -> None:
    assert told([0.1, 0.2, 0.3], [ALL, NOTHING]) == [0.2, 0.2, 0.3]


def test_trust_is_the_share_of_what_is_told() -> None:
    assert told([0.1, 0.2, 0.4], [HALF, HALF]) == [0.2, 0.3, 0.4]


def test_each_place_is_told_for_itself() -> None:
    left = ALL.clone()
    left[:, 2:] = 0
    later = LookAhead(8, 2)
    later.begin(frame(0), shade(0.1))
    later.push(frame(1), shade(0.3), left)
    first = later.flush()[0].restored
    assert torch.equal(first[..., :2], shade(0.3)[..., :2])
    assert torch.equal(first[..., 2:], shade(0.1)[..., 2:])


def test_the_same_picture_comes_out_as_the_same_object() -> None:
    """So that it is finished and encoded once."""
    later = LookAhead(8, 2)
    later.begin(frame(0), shade(0.1))
    later.push(frame(1), shade(0.1), None)
    later.push(frame(2), shade(0.3), ALL)
    one, other, _ = later.flush()
    assert one.restored is other.restored


def test_nothing_is_told_across_a_cut() -> None:
    later = LookAhead(8, 2)
    later.begin(frame(0), shade(0.1))
    ready = later.begin(frame(1), shade(0.9))
    assert [done.origin for done in ready] == [0]
    assert torch.equal(ready[0].restored, shade(0.1))


@pytest.mark.parametrize(("ahead", "block"), [(0, 1), (1, 1), (4, 1), (4, 3), (24, 12)])
def test_frames_wait_for_so_many_and_no_more(ahead: int, block: int) -> None:
    later = LookAhead(ahead, block)
    ready = later.begin(frame(0), shade(0.0))
    for number in range(1, 80):
        ready += later.push(frame(number), shade(number / 100), ALL)
        waiting = number + 1 - len(ready)
        assert ahead <= waiting <= later.most or not ready
        for done in ready:  # told by the last that was there
            seen = float(done.restored.mean()) * 100 - int(str(done.origin))
            assert round(seen) in range(ahead, later.most + 1)


def test_without_looking_ahead_none_waits() -> None:
    later = LookAhead(0)
    assert len(later.begin(frame(0), shade(0.1))) == 1
    assert len(later.push(frame(1), shade(0.2), ALL)) == 1


def test_large_sources_that_wait_along_are_looked_ahead_less_too() -> None:
    small, large = LookAhead(24, 12), LookAhead(24, 12)
    waiting = {}
    for later, pixels in ((small, 4 * 16), (large, 3840 * 2160)):
        given = replace(frame(0), source_pixels=pixels)
        out = len(later.begin(given, shade(0.1)))
        out += sum(len(later.push(given, shade(0.1), ALL)) for _ in range(79))
        waiting[pixels] = 80 - out
    assert waiting[3840 * 2160] < 8 < 24 <= waiting[4 * 16]


@pytest.mark.parametrize("share", [0.9, 0.3, 0.1, 0.02])
def test_large_pictures_are_looked_ahead_less_and_memory_stays_bounded(share: float) -> None:
    size = (1000, int(share * MOST_PIXELS / 1000))
    later, given, out = LookAhead(24, 12), 0, 0
    out += len(later.begin(frame(0, size), shade(0.1, size)))
    for number in range(1, 80):
        given = number + 1
        out += len(later.push(frame(number, size), shade(0.1, size), None))
        assert (given - out) * size[0] * size[1] <= MOST_PIXELS
    assert out > 0
    assert len(later.flush()) == given - out
