"""CPU threads that take several planned frames at a time, so that small pieces of work of all of them become one call.

    submit: plan ─► waiting ▪▪▪▪▪▪▪▪ ──┬── as many as go together, or ──┬──► worker: all of them ─► results, in order
                                       └── what somebody waits for ─────┘

Nobody waits for a group to fill up: as soon as a result is asked for whose frame has not been started, it is started.
"""

from __future__ import annotations

import gc
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import cv2
import torch

from vdequant.frames import Frame
from vdequant.schedule.allocator import keep_freed_memory

AHEAD = 8  # groups that are taken in: those being worked at, the next ones, and those that wait to be written

J = TypeVar("J")
R = TypeVar("R")


class _Wanted(Future[R]):
    """A result that says so when somebody begins to wait for it."""

    def __init__(self, ask: Callable[[Future[Any]], None]) -> None:
        super().__init__()
        self._ask = ask

    def result(self, timeout: float | None = None) -> R:
        if not self.done():
            self._ask(self)
        return super().result(timeout)


def _quiet() -> int:
    """Leave the cores to small frames; how many threads OpenCV had.

    Its threads wait actively for more work, which took 1.3 ms of processor time a frame. And plans are many small
    objects: each time Python looked for circles, it looked through all of its modules as well, 5 % of the time.
    """
    gc.freeze()
    threads: int = cv2.getNumThreads()
    cv2.setNumThreads(1)
    return threads


@dataclass(slots=True, eq=False)
class _Waiting(Generic[J, R]):
    planned: J
    alone: bool
    future: Future[R]


class GroupWorkers(Generic[J, R]):
    """See :class:`~vdequant.schedule.stages.Workers`.

    Args:
        plan: is called for every frame in order, on the thread that submits.
        work: is given what it returned for consecutive frames, and gives their results in the same order. Groups begin
            in order: one may wait for results of an earlier one.
        alone: whether a frame is better worked on by itself.
        count: threads.
        most: frames that go together.
        live: no more frames are taken in than are worked at.
    """

    def __init__(
        self,
        plan: Callable[[Frame], J],
        work: Callable[[Sequence[J]], Iterator[R]],
        alone: Callable[[J], bool],
        count: int,
        *,
        most: int,
        live: bool = False,
    ) -> None:
        self.plan, self.work, self.alone, self.count, self.most = plan, work, alone, count, most
        # Repeated frames take up room as well, without being in a group.
        self.capacity = count if live else 2 * count + AHEAD * (most - 1) + 2
        self._waiting: deque[_Waiting[J, R]] = deque()
        self._wanted, self._ended, self._closing, self._busy = 0, False, False, 0.0
        self._changed = threading.Condition()
        keep_freed_memory()
        self._callers_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        self._quieted = _quiet() if most > 1 else None
        self._threads = [
            threading.Thread(target=self._run, name=f"vdequant-restore_{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, frame: Frame) -> Future[R]:
        """Plan one frame here and queue the rest."""
        torch.set_num_threads(1)  # of this thread as well: more of them would take the workers' cores
        with torch.inference_mode():
            planned = self.plan(frame)
        future: Future[R] = _Wanted(self._start)
        with self._changed:
            self._waiting.append(_Waiting(planned, self.alone(planned), future))
            self._ended = False
            if self._is_complete():
                self._changed.notify()
        return future

    def _start(self, future: Future[Any]) -> None:
        """Begin with all up to this one, if it is still waiting."""
        with self._changed:
            for place, each in enumerate(self._waiting, start=1):
                if each.future is future:
                    self._wanted = max(self._wanted, place)
                    self._changed.notify_all()

    def flush(self) -> None:
        """Begin with all that is waiting, in as many groups as there are threads."""
        with self._changed:
            self._wanted, self._ended = len(self._waiting), True
            self._changed.notify_all()

    def _is_complete(self) -> bool:
        """Whether nothing that comes could make the next group larger."""
        return len(self._waiting) >= self.most or any(each.alone for each in self._waiting)

    def _next(self) -> list[_Waiting[J, R]]:
        """Wait for the next group; [] at the end."""
        with self._changed:
            while not self._closing and not self._wanted and not self._is_complete():
                self._changed.wait()
            if self._closing:
                return []
            most = min(self.most, -(-len(self._waiting) // self.count)) if self._ended else self.most
            group = [self._waiting.popleft()]
            while self._waiting and len(group) < most and not (group[-1].alone or self._waiting[0].alone):
                group.append(self._waiting.popleft())
            self._wanted = max(0, self._wanted - len(group))
            if self._waiting and (self._wanted or self._is_complete()):
                self._changed.notify()
            return group

    def _run(self) -> None:
        torch.set_num_threads(1)
        while group := self._next():
            began = time.perf_counter()
            with torch.inference_mode():
                self._work(group)
            with self._changed:
                self._busy += time.perf_counter() - began

    def _work(self, group: list[_Waiting[J, R]]) -> None:
        futures = deque(each.future for each in group)
        try:
            for result in self.work([each.planned for each in group]):
                futures.popleft().set_result(result)
        except BaseException as error:
            for future in futures:
                future.set_exception(error)

    def busy_seconds(self) -> float:
        """Mean busy time of the workers."""
        return self._busy / self.count

    def close(self) -> None:
        """Drop what has not started and wait for what has; the caller has its threads back."""
        with self._changed:
            self._closing = True
            for each in self._waiting:
                each.future.cancel()
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        torch.set_num_threads(self._callers_threads)
        if self._quieted is not None:
            gc.unfreeze()
            cv2.setNumThreads(self._quieted)
