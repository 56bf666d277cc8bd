"""Work that threads do at the same time, and whose results are handed on in the order in which it was begun.

begin(work) ──► threads        hand_on(result, to) ──► waits in line behind what came before ──► to(result)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch

R = TypeVar("R")


def _without_gradients(work: Callable[[], R]) -> R:
    with torch.inference_mode():  # per thread, so it cannot be set once outside
        return work()


class InOrder(Generic[R]):
    """All methods are for one thread, on which results are handed on.

    Args:
        threads: that work.
        ahead: how many results may wait in line; 0: each is handed on before the next is begun.
    """

    def __init__(self, threads: int, ahead: int) -> None:
        self.ahead = ahead
        self._pool = ThreadPoolExecutor(threads, "vdequant-finish", initializer=torch.set_num_threads, initargs=(1,))
        self._line: deque[tuple[Future[R] | None, Callable[[R | None], None]]] = deque()

    def begin(self, work: Callable[[], R]) -> Future[R]:
        """Have a thread do ``work``."""
        return self._pool.submit(_without_gradients, work)

    def hand_on(self, result: Future[R] | None, to: Callable[[R | None], None]) -> None:
        """Call ``to`` with the result, or None, when all before it have had theirs.

        Raises:
            Whatever work at the head of the line raised.
        """
        self._line.append((result, to))
        self._settle(self.ahead)

    def finish(self) -> None:
        """Hand on everything that is in line."""
        self._settle(0)

    def close(self) -> None:
        """Drop what has not begun and wait for what has."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _settle(self, most: int) -> None:
        """Hand on what is ready, and wait as long as more than ``most`` are in line."""
        while self._line and (len(self._line) > most or self._line[0][0] is None or self._line[0][0].done()):
            result, to = self._line.popleft()
            to(None if result is None else result.result())
