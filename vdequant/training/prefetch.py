"""Makes the next batches in a thread of its own while the network learns from this one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


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
