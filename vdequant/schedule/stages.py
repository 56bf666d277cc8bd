"""Decode, work and encode at the same time, in order, with bounded memory and one place where errors surface.

    decoder thread ──► bounded queue of (item, future) ──► caller's thread: wait, encode
          │                                                     ▲
          └──► submit(frame) ──► worker threads ────────────────┘ results, in decoding order

A frame whose samples equal a recent one is not submitted again: it shares that one's future. Nothing is shared across
the start of a segment.
"""

from __future__ import annotations

import queue
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from vdequant.frames import Frame, SegmentStart, SidePacket

R = TypeVar("R")
Key = tuple[int, int]  # see content_key


class Workers(Protocol[R]):
    """Something that turns frames into results in the background."""

    capacity: int  # frames that should be in flight to keep it busy

    def submit(self, frame: Frame) -> Future[R]:
        """Start work on a frame."""
        ...

    def flush(self) -> None:
        """No more frames are coming: start on what is still being collected."""
        ...

    def busy_seconds(self) -> float:
        """Time that its threads have worked, averaged over the threads."""
        ...

    def close(self) -> None:
        """Stop; frames that were not started are dropped."""
        ...


@dataclass
class StageTimes:
    """Seconds that each stage was busy, and the wall time they share."""

    decode: float = 0.0
    work: float = 0.0
    encode: float = 0.0
    wall: float = 0.0

    def busiest(self) -> tuple[str, float]:
        """The slowest stage and the share of the wall time in which it was busy."""
        name, seconds = max(
            (("decode", self.decode), ("restore", self.work), ("encode", self.encode)), key=lambda s: s[1]
        )
        return name, min(1.0, seconds / self.wall) if self.wall > 0 else 0.0


@dataclass
class _Recent(Generic[R]):
    """Futures of the last few distinct frames by content."""

    size: int
    futures: OrderedDict[Key, Future[R]] = field(default_factory=OrderedDict)

    def find(self, key: Key) -> Future[R] | None:
        future = self.futures.get(key)
        if future is not None:
            self.futures.move_to_end(key)
        return future

    def add(self, key: Key, future: Future[R]) -> None:
        self.futures[key] = future
        while len(self.futures) > self.size:
            self.futures.popitem(last=False)


def content_key(frame: Frame) -> Key:
    """A digest of the stored samples (not of the time), 96 bits, for this process alone.

    Python's hash of bytes is keyed by chance; together with a checksum it takes a third of a cryptographic digest's
    time.
    """
    samples = b"".join(plane.contiguous().view(torch.uint8).numpy().data for plane in _stored(frame))
    return hash(samples), zlib.crc32(samples)


def _stored(frame: Frame) -> tuple[Tensor, ...]:
    return frame.planes if frame.alpha is None else (*frame.planes, frame.alpha)


def _alike(one: Frame, other: Frame) -> bool:
    """Whether all stored samples are equal, in a tenth of the time of a digest: most repeats follow at once."""
    planes, others = _stored(one), _stored(other)
    pairs = zip(planes, others, strict=False)
    return len(planes) == len(others) and all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)


@dataclass
class StageReport:
    """What a run did."""

    frames: int = 0
    unique: int = 0
    times: StageTimes = field(default_factory=StageTimes)


_Item = tuple[Frame | SidePacket, "Future[R] | None"]


class _Decoder(threading.Thread, Generic[R]):
    """Reads the source, submits new content, and passes everything on in order."""

    def __init__(self, source: Iterable[Frame | SidePacket], workers: Workers[R], reuse: int) -> None:
        super().__init__(name="vdequant-decode", daemon=True)
        self.source, self.workers = source, workers
        self.recent: _Recent[R] = _Recent(reuse)
        self.latest: tuple[Frame, Future[R]] | None = None
        self.output: queue.Queue[_Item[R] | BaseException | None] = queue.Queue(maxsize=workers.capacity + 2)
        self.stopping = threading.Event()
        self.busy, self.unique = 0.0, 0

    def _put(self, item: _Item[R] | BaseException | None) -> bool:
        """Wait for room; False when the run was stopped meanwhile."""
        while not self.stopping.is_set():
            try:
                self.output.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def _submit(self, frame: Frame) -> Future[R]:
        if not self.recent.size:
            self.unique += 1
            return self.workers.submit(frame)
        if self.latest is not None and _alike(self.latest[0], frame):
            return self.latest[1]
        key = content_key(frame)
        future = self.recent.find(key)
        if future is None:
            future = self.workers.submit(frame)
            self.unique += 1
            self.recent.add(key, future)
        self.latest = frame, future
        return future

    def _forget(self) -> None:
        """Share nothing with what has been."""
        self.recent.futures.clear()
        self.latest = None

    def run(self) -> None:
        """Thread body: an exception becomes the last item, for the caller's thread to raise."""
        try:
            began = time.perf_counter()
            for item in self.source:
                if isinstance(item, SegmentStart):
                    self.workers.flush()
                    self._forget()
                future = self._submit(item) if isinstance(item, Frame) else None
                self.busy += time.perf_counter() - began
                if not self._put((item, future)):
                    return
                began = time.perf_counter()
            self.workers.flush()
            self._put(None)
        except BaseException as error:
            self._put(error)


def run_stages(
    source: Iterable[Frame | SidePacket],
    workers: Workers[R],
    write: Callable[[Frame | SidePacket, R | None], None],
    *,
    reuse: int = 4,
    progressed: Callable[[int], None] | None = None,
    stop: Callable[[], None] | None = None,
) -> StageReport:
    """Stream ``source`` through ``workers`` into ``write``, which is called in source order on this thread.

    Args:
        source: frames and side packets.
        workers: the work; closed by the caller.
        write: gets each item and, for frames, its result.
        reuse: how many recent distinct frames are compared for exact repetition; 0 switches it off.
        progressed: called with the number of frames written.
        stop: wakes a source that waits for its stream, so that the end need not wait for it.

    Raises:
        Whatever any stage raised first; all stages have stopped by then.
    """
    report = StageReport()
    decoder: _Decoder[R] = _Decoder(source, workers, reuse)
    start = time.perf_counter()
    decoder.start()
    try:
        while True:
            item = decoder.output.get()
            if item is None:
                break
            if isinstance(item, BaseException):
                raise item
            payload, future = item
            result = future.result() if future is not None else None
            began = time.perf_counter()
            write(payload, result)
            report.times.encode += time.perf_counter() - began
            if future is not None:
                report.frames += 1
                if progressed is not None:
                    progressed(report.frames)
    finally:
        decoder.stopping.set()
        if stop is not None:
            stop()
        decoder.join()
    report.unique = decoder.unique
    report.times.wall = time.perf_counter() - start
    report.times.decode, report.times.work = decoder.busy, workers.busy_seconds()
    return report
