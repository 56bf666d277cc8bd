"""Reuse goes on while it is measured to pay, and is asked again later where it did not."""

from __future__ import annotations

import numpy as np
import torch

from vdequant.temporal.reuse import LONGEST_REST, Planner
from vdequant.temporal.reuse_windows import Grain
from vdequant.temporal.reuse_worth import DOUBTFUL, DOUBTS, LEARNED, MEASURED, SET_UP, Worth


def told(whole: float, reused: float, frames: int = LEARNED) -> Worth:
    """Knows the seconds of both; each begins with what took long."""
    worth = Worth()
    for seconds in (9.0, whole, whole):
        worth.took_whole(seconds)
    for seconds in (*[9.0] * SET_UP, *[reused] * frames):
        worth.took_planned(seconds)
    return worth


def test_what_takes_clearly_longer_than_doing_without_does_not_pay() -> None:
    assert told(whole=1.0, reused=0.4).pays()
    assert told(whole=1.0, reused=0.95).pays()
    assert not told(whole=1.0, reused=1.3).pays()


def test_nothing_is_said_of_what_was_measured_too_little_or_is_to_be_measured_again() -> None:
    assert told(whole=1.0, reused=2.0, frames=LEARNED - 1).pays()
    worth = told(whole=1.0, reused=2.0)
    assert not worth.pays()
    worth.ask_again()
    assert worth.pays()


def test_frames_that_went_together_count_as_many() -> None:
    worth = told(whole=1.0, reused=0.5)
    worth.took_planned(3.0 * 200, frames=200)
    assert not worth.pays()


def test_whole_frames_are_asked_for_once_after_doubtful_ones_in_a_row() -> None:
    worth = told(whole=1.0, reused=0.5)
    assert not any(worth.wants_whole(DOUBTFUL / 2) for _ in range(3 * DOUBTS))
    assert [worth.wants_whole(DOUBTFUL) for _ in range(2 * DOUBTS)].index(True) == DOUBTS - 1
    assert not any(worth.wants_whole(DOUBTFUL) for _ in range(2 * DOUBTS))


def planned(worth: Worth, count: int, *, share: float) -> list[bool]:
    """Which of so many frames are restored whole: in each, so large a share of the rows is new."""
    planner, random = Planner(Grain(2, 1), worth=worth), np.random.default_rng(0)
    picture = random.random((1, 3, 96, 96), dtype=np.float32)
    found = []
    for _ in range(count):
        picture = picture.copy()
        rows = int(share * 96)
        picture[:, :, :rows] = random.random((1, 3, rows, 96), dtype=np.float32)
        found.append(planner.plan(torch.from_numpy(picture)).whole)
    return found


def test_a_planner_rests_while_reuse_does_not_pay_and_tries_again_for_longer_each_time() -> None:
    worth = told(whole=1.0, reused=1.5)
    whole = planned(worth, LONGEST_REST + 4, share=0.1)
    assert whole == [True, False, *[True] * LONGEST_REST, False, False]


def test_a_planner_in_doubt_lets_a_few_whole_frames_be_measured() -> None:
    whole = planned(told(whole=1.0, reused=0.5), 30, share=0.4)
    assert sum(whole[1:]) == MEASURED + 1
