"""Work of several threads is handed on in the order in which it was begun, and never waits for more than it should."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest
import torch

from vdequant.schedule.in_order import InOrder


@pytest.fixture
def line() -> Iterator[InOrder[int]]:
    made: InOrder[int] = InOrder(2, ahead=4)
    yield made
    made.close()


def after(moment: threading.Event, value: int) -> int:
    assert moment.wait(10)
    return value


def test_what_is_ready_early_waits_for_what_was_begun_before(line: InOrder[int]) -> None:
    moment, found = threading.Event(), list[int | None]()
    slow = line.begin(partial(after, moment, 1))
    quick = line.begin(lambda: 2)
    line.hand_on(slow, found.append)
    line.hand_on(None, found.append)
    assert quick.result(10) == 2
    line.hand_on(quick, found.append)
    assert found == []
    moment.set()
    line.finish()
    assert found == [1, None, 2]


def test_what_is_ready_is_handed_on_at_once(line: InOrder[int]) -> None:
    found: list[int | None] = []
    quick = line.begin(lambda: 1)
    quick.result(10)
    line.hand_on(quick, found.append)
    line.hand_on(None, found.append)
    line.hand_on(quick, found.append)  # one result may be asked for twice
    assert found == [1, None, 1]


def test_no_more_than_was_said_are_in_line() -> None:
    line: InOrder[int] = InOrder(1, ahead=0)
    found: list[int | None] = []
    for value in range(3):
        line.hand_on(line.begin(partial(int, value)), found.append)
        assert len(found) == value + 1
    line.close()


def test_what_work_raises_is_raised_where_it_is_handed_on(line: InOrder[int]) -> None:
    line.ahead = 0
    broken = line.begin(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        line.hand_on(broken, print)


def test_work_is_done_without_gradients_and_with_one_thread_each(line: InOrder[int]) -> None:
    assert line.begin(lambda: 2 * torch.is_inference_mode_enabled() + torch.get_num_threads()).result(10) == 3


def test_closing_drops_what_has_not_begun() -> None:
    line: InOrder[int] = InOrder(1, ahead=4)
    moment, begun = threading.Event(), threading.Event()

    def hold() -> int:
        begun.set()
        return after(moment, 1)

    first, second = line.begin(hold), line.begin(lambda: 2)
    assert begun.wait(10)
    threading.Timer(0.05, moment.set).start()
    line.close()
    assert first.result() == 1
    assert second.cancelled()
