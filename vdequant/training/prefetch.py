"""Makes the next batches while the network learns from this one: in a thread, or in processes where a GPU waits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")


MOST_BATCHES = 1 << 40  # more than any run has


class _Numbered(Dataset[T]):
    """Batches by number."""

    def __init__(self, make: Callable[[int], T]) -> None:
        self.make = make

    def __getitem__(self, number: int) -> T:
        return self.make(number)


def numbered(make: Callable[[int], T], first: int, step: int = 1, *, processes: int = 0) -> Iterator[T]:
    """Yield ``make(first)``, ``make(first + step)`` and so on for ever, in order, made ahead of time.

    Args:
        make: the same number gives the same batch, so that it does not matter which process makes it.
        processes: how many make batches, forked with all that ``make`` refers to; 0: a thread of this one does.
    """
    numbers = range(first, MOST_BATCHES, step)
    if processes == 0:
        turns = iter(numbers)
        yield from ahead(lambda: make(next(turns)))
        return
    loader = DataLoader(
        _Numbered(make),
        batch_size=None,
        sampler=numbers,
        num_workers=processes,
        prefetch_factor=4,
        multiprocessing_context="fork",  # the pictures are shared, not copied
    )
    yield from loader


def ahead(make: Callable[[], T], depth: int = 3) -> Iterator[T]:
    """Yield ``make()`` for ever, up to ``depth`` results early, in order.

    The thread has ended when the iterator is closed; an exception of ``make`` is raised here.
    """
    made: queue.Queue[T | BaseException] = queue.Queue(depth)
    stop = threading.Event()

    def produce() -> None:
        while not stop.is_set():
            try:
                item: T | BaseException = make()
            except BaseException as error:
                item = error
            while not stop.is_set():
                try:
                    made.put(item, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if isinstance(item, BaseException):
                return

    thread = threading.Thread(target=produce, daemon=True, name="vdequant-batches")
    thread.start()
    try:
        while True:
            item = made.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()  # a thread inside torch while the interpreter shuts down can hang the process
