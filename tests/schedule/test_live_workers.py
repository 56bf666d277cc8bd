"""Workers of live runs: no picture waits for the next one, and few are inside at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from fractions import Fraction
from typing import Any

import pytest
import torch

from vdequant.frame_work import Restored
from vdequant.frames import Frame, Layout
from vdequant.schedule import cuda
from vdequant.schedule.cpu import PlannedWorkers
from vdequant.schedule.stages import run_stages

LAYOUT = Layout(8, 4, "gray")


class PretendedWorkers(cuda.CudaWorkers):
    """The real queues and threads; the device is the CPU."""

    def __init__(self, *, live: bool) -> None:
        super().__init__(lambda *_: None, torch.device("cpu"), 8, 32, live=live)

    def _connect(self) -> None:
        pass

    def _memory_share(self) -> float:
        return 0.0

    def _launch(self, job: Any, slot: Any) -> None:
        job.host = (torch.stack([frame.planes[0] for frame in job.frames]),)
        job.result = Restored(job.host)


def gray(value: int) -> Frame:
    return Frame((torch.full((4, 8), value, dtype=torch.uint8),), LAYOUT, value, Fraction(1, 60))


@pytest.mark.parametrize("live", [True, False])
def test_a_live_picture_does_not_wait_for_a_batch_to_fill(live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "PATIENCE", 0.5)
    workers = PretendedWorkers(live=live)
    workers.batch.size = 4
    late = threading.Event()
    timer = threading.Timer(0.25, late.set)
    try:
        future: Future[Any] = workers.submit(gray(7))
        timer.start()
        assert int(future.result(timeout=30).planes[0].max()) == 7
        assert late.is_set() is not live
    finally:
        timer.cancel()
        workers.close()


def test_live_batches_stay_small() -> None:
    workers = PretendedWorkers(live=True)
    workers.close()
    assert workers.batch.largest == cuda.LARGEST_LIVE_BATCH
    assert workers.capacity == cuda.SLOTS * cuda.LARGEST_LIVE_BATCH


def test_no_more_live_pictures_are_inside_than_are_worked_at_and_a_few() -> None:
    """The source is asked for no more than that, however slow the work and the writing are."""
    count, taken, written, most = 2, [0], [0], [0]

    def source() -> Any:
        for number in range(30):
            taken[0] += 1
            most[0] = max(most[0], taken[0] - written[0])
            yield gray(number)

    def write(item: object, result: int | None) -> None:
        time.sleep(0.01)
        written[0] += 1

    workers: PlannedWorkers[int] = PlannedWorkers(lambda frame: lambda: frame.pts, count, live=True)
    run_stages(source(), workers, write, reuse=0)
    workers.close()
    assert written == [30]
    assert most[0] <= count + 5


def test_a_failure_does_not_wait_for_a_source_that_waits() -> None:
    """The reader of our output has gone, and the sender of our input pauses: nobody may wait for it."""
    woken = threading.Event()

    def source() -> Any:
        yield gray(1)
        woken.wait(timeout=20)

    def write(item: object, result: int | None) -> None:
        raise BrokenPipeError

    workers: PlannedWorkers[int] = PlannedWorkers(lambda frame: lambda: frame.pts, 1)
    began = time.monotonic()
    with pytest.raises(BrokenPipeError):
        run_stages(source(), workers, write, stop=woken.set)
    workers.close()
    assert time.monotonic() - began < 10
