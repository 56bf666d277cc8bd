"""What a piece of work costs: seconds, and the memory it adds at its peak."""

from __future__ import annotations

import ctypes
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import torch

SELF = Path("/proc/self")
POLL = 0.002  # seconds between two looks at child programs


def _status(process: Path, field: str) -> int:
    """A size of ``/proc/PID/status`` in bytes; 0 where the process has gone or the system keeps no such file."""
    with suppress(OSError):
        for line in (process / "status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0


def _trim() -> None:
    """Give freed memory back to the system, or the next block would use it again and seem to need none (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _children() -> list[Path]:
    """Programs that this process has started; one that is not yet running its own program shows our memory as its."""
    found: list[Path] = []
    for task in SELF.glob("task/*/children"):
        with suppress(OSError):
            found += [Path("/proc") / pid for pid in task.read_text().split()]
    return [child for child in found if _runs_its_own(child)]


def _runs_its_own(child: Path) -> bool:
    """Not one that has ended and that nobody has asked for yet: it has no program, and must not hide the others."""
    with suppress(OSError):
        return (child / "exe").readlink() != (SELF / "exe").readlink()
    return False


class Cost:
    """Measures a ``with`` block.

    Attributes:
        seconds: wall time.
        peak: bytes added at the peak: by this process, by the largest program that it started (looked at every few
            milliseconds, so one that is over at once is missed), and on the GPU; None where the system does not tell
            (only Linux keeps a resettable high-water mark).
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak: int | None = None
        self._largest_child = 0
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(POLL):
            for child in _children():
                self._largest_child = max(self._largest_child, _status(child, "VmHWM"))

    def __enter__(self) -> Cost:
        _trim()
        with suppress(OSError):
            (SELF / "clear_refs").write_text("5")  # proc(5): resets the peak resident set size
        self._on_gpu = bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
        if self._on_gpu:
            torch.cuda.reset_peak_memory_stats()
        self._before = _status(SELF, "VmRSS")
        self._watcher.start()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on_gpu:
            torch.cuda.synchronize()
        self.seconds = time.perf_counter() - self._began
        self._over.set()
        self._watcher.join()
        high = _status(SELF, "VmHWM")
        if high:
            on_gpu = torch.cuda.max_memory_allocated() if self._on_gpu else 0
            self.peak = max(0, high - self._before) + self._largest_child + on_gpu
