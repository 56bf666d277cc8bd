"""GPU batches: pinned buffers, three streams, a batch size found by doubling, retreat when memory runs out.

    worker thread:  collect frames ─► pinned slot ─► upload stream ─► compute stream ─► download stream
    finisher thread:                      wait for the slot's event ─► copies out ─► futures resolved

The stored integer planes travel (1.5 bytes a pixel for 4:2:0), not float RGB. A slot is reused only after its
downloaded planes were copied out, so nothing in flight is ever overwritten.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from vdequant.frames import Frame, Layout
from vdequant.schedule.tiles import SMALLEST_TILE

SLOTS = 3
LARGEST_BATCH, LARGEST_LIVE_BATCH = 64, 4
PATIENCE = 0.05  # seconds for which a batch that has begun waits for the next frame
BATCH_PIXELS = 1 << 24  # pixels that a batch may hold, so that frames in flight stay below a gigabyte of host memory
MEMORY_SHARE = 0.8  # of the free memory that a batch may take
GAIN = 1.05  # doubling the batch must be this much faster a frame to be worth it

# planes (N, h, w) on the device, their layout, certify, tile side (0 = whole) -> a result with .planes
BatchWork = Callable[[tuple[Tensor, ...], Layout, bool, int], Any]


@dataclass
class _Job:
    frames: list[Frame]
    futures: list[Future[Any]]
    result: Any = None
    host: tuple[Tensor, ...] = ()
    ready: torch.cuda.Event | None = None
    began: float = 0.0


@dataclass
class _Slot:
    """Pinned memory for the planes of one batch, kept between batches of one shape."""

    upload: dict[tuple[int, torch.Size, torch.dtype], Tensor] = field(default_factory=dict)
    download: dict[tuple[int, torch.Size, torch.dtype], Tensor] = field(default_factory=dict)


def _pinned(store: dict[tuple[int, torch.Size, torch.dtype], Tensor], index: int, like: Tensor) -> Tensor:
    key = (index, like.shape, like.dtype)
    if key not in store:
        store[key] = torch.empty(like.shape, dtype=like.dtype, pin_memory=True)
    return store[key]


def _fail(future: Future[Any], error: Exception) -> None:
    """Give ``error`` to a future, unless another thread was faster."""
    with contextlib.suppress(InvalidStateError):
        future.set_exception(error)


class BatchSize:
    """Finds the batch size: doubles while frames get faster and memory allows, halves when memory runs out."""

    def __init__(self, largest: int = LARGEST_BATCH) -> None:
        self.size, self.tile, self.largest = 1, 0, largest
        self._best = float("inf")
        self._settled = False

    def measured(self, frames: int, seconds: float, memory_share: float) -> None:
        """Learn from a finished batch of ``frames`` that took ``seconds`` and that share of the memory."""
        if self._settled or frames < self.size:
            return
        pace = seconds / frames
        if pace * GAIN < self._best and memory_share * 2 < MEMORY_SHARE and self.size * 2 <= self.largest:
            self._best = min(self._best, pace)
            self.size *= 2
        else:
            self._settled = True

    def out_of_memory(self, height: int, width: int) -> bool:
        """Retreat one step; False when nothing smaller is left."""
        self._settled = True
        if self.size > 1:
            self.size //= 2
            return True
        side = self.tile or max(height, width)
        self.tile = side // 2
        return self.tile >= SMALLEST_TILE


class CudaWorkers:
    """See :class:`~vdequant.schedule.stages.Workers`."""

    def __init__(
        self, work: BatchWork, device: torch.device, certify_every: int, pixels: int, *, live: bool = False
    ) -> None:
        """``pixels``: of one frame; larger frames travel in smaller batches. ``live``: no frame waits for the next."""
        self.work, self.device, self.certify_every = work, device, certify_every
        self._patience = 0.0 if live else PATIENCE
        self.batch = BatchSize(max(1, min(LARGEST_LIVE_BATCH if live else LARGEST_BATCH, BATCH_PIXELS // pixels)))
        self.capacity = SLOTS * self.batch.largest
        self._waiting: queue.Queue[tuple[Frame, Future[Any]] | None] = queue.Queue()
        self._running: queue.Queue[tuple[_Job, _Slot] | None] = queue.Queue()
        self._free: queue.Queue[_Slot] = queue.Queue()
        for _ in range(SLOTS):
            self._free.put(_Slot())
        self._busy, self._batches, self._closing = 0.0, 0, threading.Event()
        self._lock, self._unfinished = threading.Lock(), set[Future[Any]]()
        self._broken: Exception | None = None  # what ended a thread; nothing is done any more
        self._connect()
        bodies = (self._compute, self._finish)
        self._threads = [threading.Thread(target=self._guarded, args=(body,), daemon=True) for body in bodies]
        for thread in self._threads:
            thread.start()

    def _connect(self) -> None:
        """What is needed of the device."""
        self._streams = [torch.cuda.Stream(self.device) for _ in range(3)]  # type: ignore[no-untyped-call]
        self._free_memory = max(1, torch.cuda.mem_get_info(self.device)[0])

    def _memory_share(self) -> float:
        """Of the memory that was free, how much was taken at most."""
        return torch.cuda.max_memory_allocated(self.device) / self._free_memory

    def submit(self, frame: Frame) -> Future[Any]:
        """Queue one frame for the next batch."""
        future: Future[Any] = Future()
        with self._lock:
            self._unfinished.add(future)
            broken = self._broken
        future.add_done_callback(self._unfinished.discard)
        if broken is None:
            self._waiting.put((frame, future))
        else:
            _fail(future, broken)
        return future

    def _guarded(self, body: Callable[[], None]) -> None:
        """Run a thread's body; when it crashes, nobody waits for what it will not do any more."""
        try:
            body()
        except BaseException as error:
            broken = RuntimeError(f"a thread of the GPU workers ended: {error!r}")
            broken.__cause__ = error
            with self._lock:
                self._broken = broken
                unfinished = list(self._unfinished)
            self._closing.set()
            self._running.put(None)
            for future in unfinished:
                _fail(future, broken)

    def flush(self) -> None:
        """Wake the collector: what it holds is the last batch."""
        self._waiting.put(None)

    def busy_seconds(self) -> float:
        """Time in which at least one batch was on the device."""
        return self._busy

    def close(self) -> None:
        """Stop both threads; frames that were not started are cancelled."""
        self._closing.set()
        self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _collect(self) -> list[tuple[Frame, Future[Any]]]:
        """Up to a batch of frames of one layout; waits only for the first."""
        taken: list[tuple[Frame, Future[Any]]] = []
        while len(taken) < self.batch.size and not self._closing.is_set():
            try:
                entry = self._waiting.get(timeout=0.1 if not taken else self._patience)
            except queue.Empty:
                if taken:
                    break
                continue
            if entry is None:
                if taken:
                    break
                continue
            if taken and entry[0].layout != taken[0][0].layout:
                self._dispatch(taken)
                taken = []
            taken.append(entry)
        return taken

    def _compute(self) -> None:
        with torch.inference_mode():
            while not self._closing.is_set():
                taken = self._collect()
                if taken:
                    self._dispatch(taken)
        self._running.put(None)

    def _dispatch(self, taken: list[tuple[Frame, Future[Any]]]) -> None:
        """Run frames as one batch; on out-of-memory retreat and run them in smaller pieces."""
        while taken:
            part, slot = taken[: self.batch.size], self._free_slot()
            if slot is None:
                return
            job = _Job([frame for frame, _ in part], [future for _, future in part], began=time.perf_counter())
            failure: Exception | None = None
            try:
                self._launch(job, slot)
            except Exception as error:
                failure = error
            # Outside the except block the traceback no longer holds the batch's tensors.
            if failure is None:
                self._running.put((job, slot))
                taken = taken[len(part) :]
                continue
            self._free.put(slot)
            job.result = None
            if isinstance(failure, torch.cuda.OutOfMemoryError):
                torch.cuda.empty_cache()
                if self.batch.out_of_memory(part[0][0].layout.height, part[0][0].layout.width):
                    continue
            for future in job.futures:
                _fail(future, failure)
            taken = taken[len(part) :]

    def _free_slot(self) -> _Slot | None:
        """Waits for one; None when the work is to end."""
        while True:
            try:
                return self._free.get(timeout=0.1)
            except queue.Empty:
                if self._closing.is_set():
                    return None

    def _launch(self, job: _Job, slot: _Slot) -> None:
        upload, compute, download = self._streams
        layout = job.frames[0].layout
        certify = self._batches % max(1, self.certify_every // max(1, len(job.frames))) == 0
        self._batches += 1
        with torch.cuda.stream(upload):
            planes = []
            for i in range(layout.planes):
                stacked = torch.stack([frame.planes[i] for frame in job.frames])
                pinned = _pinned(slot.upload, i, stacked)
                pinned.copy_(stacked)
                planes.append(pinned.to(self.device, non_blocking=True))
        compute.wait_stream(upload)
        with torch.cuda.stream(compute):
            for plane in planes:
                plane.record_stream(compute)
            job.result = self.work(tuple(planes), layout, certify, self.batch.tile)
        download.wait_stream(compute)
        with torch.cuda.stream(download):
            host = []
            for i, plane in enumerate(job.result.planes):
                plane.record_stream(download)
                pinned = _pinned(slot.download, i, plane)
                pinned.copy_(plane, non_blocking=True)
                host.append(pinned)
            job.host = tuple(host)
            job.ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
            job.ready.record(download)

    def _finish(self) -> None:
        last = time.perf_counter()
        while (entry := self._running.get()) is not None:
            job, slot = entry
            try:
                if job.ready is not None:
                    job.ready.synchronize()
                now = time.perf_counter()
                self._busy += now - max(last, job.began)
                last = now
                self._resolve(job)
                self.batch.measured(len(job.frames), now - job.began, self._memory_share())
            except Exception as error:
                for future in job.futures:
                    _fail(future, error)
            finally:
                self._free.put(slot)

    def _resolve(self, job: _Job) -> None:
        """Copy the planes out of the pinned slot and hand every frame its own."""
        kind = type(job.result)
        inside = None if job.result.inside is None else job.result.inside.cpu()
        for i, future in enumerate(job.futures):
            planes = tuple(plane[i : i + 1].clone() for plane in job.host)
            first = i == 0 and inside is not None
            future.set_result(kind(planes, inside if first else None, job.result.samples if first else 0))
