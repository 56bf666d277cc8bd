"""Frame-parallel CPU workers: one thread a core, one intra-op thread in each.

Intra-op threads spin at OpenMP barriers and collapse when decoder and encoder want the cores too (measured: 2.2
against 19 frames a second), so stateless networks run one frame a thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

import torch

from vdequant.frames import Frame
from vdequant.schedule.allocator import keep_freed_memory

R = TypeVar("R")


class CpuWorkers(Generic[R]):
    """See :class:`~vdequant.schedule.stages.Workers`; ``work`` must be free of shared state."""

    def __init__(self, work: Callable[[Frame], R], count: int) -> None:
        self.work, self.count = work, count
        self.capacity = 2 * count + 2
        self._busy, self._lock = 0.0, threading.Lock()
        keep_freed_memory()
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)
        self._pool = ThreadPoolExecutor(count, "vdequant-restore", initializer=torch.set_num_threads, initargs=(1,))

    def _run(self, work: Callable[[], R]) -> R:
        began = time.perf_counter()
        with torch.inference_mode():  # per thread, so it cannot be set once outside
            result = work()
        with self._lock:
            self._busy += time.perf_counter() - began
        return result

    def submit(self, frame: Frame) -> Future[R]:
        """Queue one frame."""
        return self._pool.submit(self._run, partial(self.work, frame))

    def flush(self) -> None:
        """Nothing is collected here."""

    def busy_seconds(self) -> float:
        """Mean busy time of the workers."""
        return self._busy / self.count

    def close(self) -> None:
        """Drop what has not started and wait for what has; the caller has its threads back."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(self._threads)


class PlannedWorkers(CpuWorkers[R]):
    """Workers whose frames are looked at in order first.

    ``plan`` is called for every frame in order, on the thread that submits, and its answer is called by a worker.
    Workers start in order: one may wait for the result of an earlier frame.
    """

    def __init__(self, plan: Callable[[Frame], Callable[[], R]], count: int, *, live: bool = False) -> None:
        """``live``: no more frames are taken in than are worked at."""
        super().__init__(lambda frame: plan(frame)(), count)
        self.plan = plan
        if live:
            self.capacity = count

    def submit(self, frame: Frame) -> Future[R]:
        """Plan one frame here and queue the rest."""
        torch.set_num_threads(1)  # of this thread as well: more of them would take the workers' cores
        with torch.inference_mode():
            planned = self.plan(frame)
        return self._pool.submit(self._run, planned)
