"""Encoders do not make this program a real-time one."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from vdequant.media.encoding import write_header
from vdequant.media.thread_policy import kept_policy


def _may_be_real_time() -> bool:
    """Whether this process may have real-time threads; containers often forbid it, to root as well."""
    if sys.platform != "linux":
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


pytestmark = pytest.mark.skipif(not _may_be_real_time(), reason="no real-time threads here")


def _opened(header: Callable[..., None]) -> set[int]:
    """The policies of all threads while an AV1 encoder is open, as a thread of its own sees them."""
    found: set[int] = set()

    def work() -> None:
        with av.open(io.BytesIO(), "w", format="matroska") as container:
            film = container.add_stream("libsvtav1", rate=25)
            film.width, film.height, film.pix_fmt = 64, 64, "yuv420p"
            header(container, film)
            found.update(os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found


def test_an_av1_encoder_leaves_all_threads_their_policy() -> None:
    if os.SCHED_FIFO not in _opened(lambda container, film: container.start_encoding()):
        pytest.skip("this SVT-AV1 does not ask for real-time threads")
    assert _opened(write_header) == {os.SCHED_OTHER}


def test_threads_keep_what_they_were_given_before_and_new_ones_follow_the_caller() -> None:
    done, seen = threading.Event(), {}
    ready = {name: threading.Event() for name in ("before", "during")}

    def idle(name: str) -> None:
        seen[name] = threading.get_native_id()
        ready[name].set()
        done.wait(20)

    def started(name: str) -> int:
        threading.Thread(target=idle, args=(name,), daemon=True).start()
        assert ready[name].wait(20)
        return seen[name]

    fifo = os.sched_param(1)
    try:
        before = started("before")
        os.sched_setscheduler(before, os.SCHED_BATCH, os.sched_param(0))
        with kept_policy():
            during = started("during")
            for thread in (0, before, during):
                os.sched_setscheduler(thread, os.SCHED_FIFO, fifo)
        policies = [os.sched_getscheduler(thread) for thread in (0, before, during)]
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        done.set()
    assert policies == [os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_OTHER]


def test_two_threads_that_open_encoders_at_the_same_time_do_not_keep_each_other_real_time() -> None:
    entered, tried, left, policies = threading.Event(), threading.Event(), threading.Event(), {}

    def opens_first() -> None:
        with kept_policy():
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            entered.set()
            assert tried.wait(20)
            time.sleep(0.2)  # the other would now look at this thread, if it did not wait for its turn
        left.set()
        last.join(20)
        policies["first"] = os.sched_getscheduler(0)

    def opens_last() -> None:
        assert entered.wait(20)
        tried.set()
        with kept_policy():
            assert left.wait(20)

    first, last = threading.Thread(target=opens_first), threading.Thread(target=opens_last)
    last.start()
    first.start()
    first.join(20)
    assert policies == {"first": os.SCHED_OTHER}
