"""Keeps an encoder from making this program a real-time one.

SVT-AV1, opened by root, puts its own threads and the one that opens it under SCHED_FIFO. All threads and programs
started later inherit that, and nothing else on the machine gets a turn while they work: not the network that restores
the next frame, not the user's terminal.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TASKS = "/proc/self/task"
Policy = tuple[int, "os.sched_param"]  # in quotes: Windows and macOS have none
_TURNS = threading.RLock()  # or one thread would take for given what another is about to undo


@contextmanager
def kept_policy() -> Iterator[None]:
    """Give every thread back its scheduling policy at the end; new ones get that of the calling thread.

    Does nothing where threads are not listed in /proc.
    """
    if sys.platform != "linux" or not os.path.isdir(_TASKS):
        yield
        return
    with _TURNS:
        before = _policies()
        own = os.sched_getscheduler(0), os.sched_getparam(0)
        try:
            yield
        finally:
            _give_back(before, own)


def _give_back(before: dict[int, Policy], own: Policy) -> None:
    for thread, (policy, parameters) in _policies().items():
        wanted = before.get(thread, own)
        if (policy, parameters.sched_priority) != (wanted[0], wanted[1].sched_priority):
            with suppress(OSError):  # it has ended, or may not be changed
                os.sched_setscheduler(thread, *wanted)


def _policies() -> dict[int, Policy]:
    found = {}
    for name in os.listdir(_TASKS):
        with suppress(OSError):  # it has ended meanwhile
            found[int(name)] = os.sched_getscheduler(int(name)), os.sched_getparam(int(name))
    return found
