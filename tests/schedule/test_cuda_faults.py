"""What the GPU's workers do when something breaks, on a pretended device: retreat, report, never hang."""

from __future__ import annotations

import time
from concurrent.futures import Future
from fractions import Fraction
from typing import Any

import pytest
import torch

from vdequant.frame_work import Restored
from vdequant.frames import Frame, Layout
from vdequant.schedule.cuda import CudaWorkers
from vdequant.schedule.shortage import is_shortage

LAYOUT = Layout(128, 128, "gray")
SECONDS = 5  # after which a future that has no answer hangs


class PretendedWorkers(CudaWorkers):
    """The real queues and threads; the device is the CPU, with memory for ``room`` pictures or tiles of a side."""

    def __init__(self, room: int, largest_side: int = 128) -> None:
        self.room, self.largest_side = room, largest_side
        self.tried: list[tuple[int, int]] = []
        super().__init__(lambda *_: None, torch.device("cpu"), 8, 128 * 128)

    def _connect(self) -> None:
        pass

    def _memory_share(self) -> float:
        return 0.0

    def _launch(self, job: Any, slot: Any) -> None:
        side = self.batch.tile or 128
        self.tried.append((len(job.frames), side))
        if len(job.frames) > self.room or side > self.largest_side:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        job.host = (torch.stack([frame.planes[0] for frame in job.frames]),)
        job.result = Restored(job.host)


def gray(value: int) -> Frame:
    return Frame((torch.full((128, 128), value, dtype=torch.uint8),), LAYOUT, value, Fraction(1, 60))


def answers(workers: CudaWorkers, count: int) -> list[Any]:
    futures = [workers.submit(gray(i)) for i in range(count)]
    workers.flush()
    try:
        return [answer(future) for future in futures]
    finally:
        workers.close()


def answer(future: Future[Any]) -> Any:
    """A result's mean, or the error."""
    error = future.exception(timeout=SECONDS)
    return error if error is not None else int(future.result().planes[0].float().mean())


@pytest.mark.parametrize("room", [1, 2, 5])
@pytest.mark.parametrize("batch", [1, 4, 16])
def test_out_of_memory_at_any_batch_size_loses_no_frame(room: int, batch: int) -> None:
    workers = PretendedWorkers(room)
    workers.batch.size = batch
    assert answers(workers, 20) == list(range(20))
    refused = [size for size, _ in workers.tried if size > room]
    assert bool(refused) >= (batch > room)
    assert refused == sorted(set(refused), reverse=True)  # each is tried once, and never again
    assert not refused or workers.batch.size <= room


def test_when_one_picture_is_too_much_it_is_cut_into_tiles() -> None:
    workers = PretendedWorkers(room=1, largest_side=64)
    workers.batch.size = 2
    assert answers(workers, 3) == [0, 1, 2]
    assert workers.tried[-1] == (1, 64)


def test_when_nothing_smaller_is_left_the_shortage_reaches_every_caller() -> None:
    workers = PretendedWorkers(room=0)
    errors = answers(workers, 3)
    assert all(is_shortage(error) for error in errors)


@pytest.mark.parametrize("crash", ["_collect", "_resolve_all", "_free_slot"])
def test_a_thread_that_crashes_leaves_nobody_waiting(crash: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise SystemError("the driver is gone")

    name = "_memory_share" if crash == "_resolve_all" else crash
    began = time.monotonic()
    workers = PretendedWorkers(room=4)
    monkeypatch.setattr(workers, name, broken)
    if crash == "_resolve_all":
        monkeypatch.setattr(workers, "_resolve", broken)
        monkeypatch.setattr(workers._free, "put", broken)  # also while it cleans up
    found = answers(workers, 6)
    assert all(isinstance(error, Exception) for error in found)
    assert any("the driver is gone" in repr(error) for error in found)
    assert "the driver is gone" in str(answer(workers.submit(gray(7))))
    assert time.monotonic() - began < SECONDS
    assert not any(thread.is_alive() for thread in workers._threads)
