"""Workers that take frames in groups: in order, at once when somebody waits, and failures stay in their group."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Sequence

import cv2
import pytest
import torch

from vdequant.frames import Frame, Layout
from vdequant.schedule.stages import run_stages
from vdequant.schedule.together import GroupWorkers

LONG = 10.0  # seconds that nothing here takes


def frame(t: int) -> Frame:
    return Frame((torch.full((2, 2), t % 256, dtype=torch.uint8),), Layout(2, 2, "gray"), t)


class Work:
    """Doubles numbers and remembers in which groups they came; waits at those that are not ``let`` through."""

    def __init__(self, fails_at: int = -1) -> None:
        self.groups: list[list[int]] = []
        self.let = threading.Event()
        self.let.set()
        self.fails_at = fails_at

    def __call__(self, numbers: Sequence[int]) -> Iterator[int]:
        self.groups.append(list(numbers))
        self.let.wait(LONG)
        for number in numbers:
            if number == self.fails_at:
                raise RuntimeError(f"broke at {number}")
            yield 2 * number


def workers_of(
    work: Work, count: int = 1, most: int = 4, alone: Callable[[int], bool] = lambda _: False
) -> GroupWorkers[int, int]:
    return GroupWorkers(lambda each: each.pts, work, alone, count, most=most)


def test_results_come_in_order_and_every_frame_is_in_one_group() -> None:
    work, done = Work(), []
    workers = workers_of(work, count=2)
    run_stages(map(frame, range(30)), workers, lambda _, result: done.append(result), reuse=0)
    workers.close()
    assert done == [2 * t for t in range(30)]
    assert sorted(number for group in work.groups for number in group) == list(range(30))
    assert all(group == list(range(group[0], group[0] + len(group))) for group in work.groups)
    assert max(map(len, work.groups)) <= 4


def test_a_full_group_begins_without_anybody_waiting() -> None:
    work = Work()
    workers = workers_of(work)
    futures = [workers.submit(frame(t)) for t in range(4)]
    deadline = threading.Event()
    futures[-1].add_done_callback(lambda _: deadline.set())
    assert deadline.wait(LONG)
    workers.close()
    assert work.groups == [[0, 1, 2, 3]]


def test_what_is_asked_for_begins_before_its_group_is_full() -> None:
    work = Work()
    workers = workers_of(work)
    first, second = (workers.submit(frame(t)) for t in range(2))
    assert first.result(LONG) == 0
    assert second.result(LONG) == 2
    workers.close()
    assert [number for group in work.groups for number in group] == [0, 1]


def test_a_frame_that_is_better_alone_waits_for_no_other() -> None:
    work = Work()
    workers = workers_of(work, alone=lambda number: number % 3 == 2)
    futures = [workers.submit(frame(t)) for t in range(6)]
    assert [future.result(LONG) for future in futures] == [0, 2, 4, 6, 8, 10]
    workers.close()
    assert [2] in work.groups
    assert [5] in work.groups


def test_at_the_end_every_thread_gets_a_part() -> None:
    work = Work()
    work.let.clear()
    workers = workers_of(work, count=2, most=8)
    futures = [workers.submit(frame(t)) for t in range(6)]
    workers.flush()
    work.let.set()
    assert [future.result(LONG) for future in futures] == [0, 2, 4, 6, 8, 10]
    workers.close()
    assert max(map(len, work.groups)) <= 3


def test_results_before_a_failure_count_and_the_rest_of_its_group_fails() -> None:
    workers = workers_of(Work(fails_at=2))
    futures = [workers.submit(frame(t)) for t in range(4)]
    assert [future.result(LONG) for future in futures[:2]] == [0, 2]
    for future in futures[2:]:
        with pytest.raises(RuntimeError, match="broke at 2"):
            future.result(LONG)
    assert workers.submit(frame(9)).result(LONG) == 18
    workers.close()


def test_closing_drops_what_has_not_begun_and_ends_the_threads() -> None:
    work = Work()
    workers = workers_of(work, count=2)
    waiting = workers.submit(frame(0))
    workers.close()
    assert waiting.cancelled()
    assert work.groups == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vdequant-restore")]


def test_repeated_frames_fill_the_queue_without_stopping_it() -> None:
    """More frames than may be in flight share one result whose group is not full."""
    work, done = Work(), []
    workers = workers_of(work, most=3)
    count = 3 * workers.capacity
    run_stages((frame(0) for _ in range(count)), workers, lambda _, result: done.append(result), reuse=4)
    workers.close()
    assert done == [0] * count
    assert work.groups == [[0]]


def test_live_frames_are_not_taken_in_before_they_are_worked_at() -> None:
    live: GroupWorkers[int, int] = GroupWorkers(lambda each: each.pts, Work(), bool, 2, most=16, live=True)
    stored: GroupWorkers[int, int] = GroupWorkers(lambda each: each.pts, Work(), bool, 2, most=16)
    assert live.capacity == 2
    assert stored.capacity > 2 * 16
    live.close()
    stored.close()


def test_what_was_changed_of_other_libraries_is_as_before_in_the_end() -> None:
    threads, frozen = cv2.getNumThreads(), gc.get_freeze_count()
    workers = workers_of(Work())
    assert cv2.getNumThreads() == 1
    assert gc.get_freeze_count() > frozen
    workers.close()
    assert (cv2.getNumThreads(), gc.get_freeze_count()) == (threads, 0)
