"""Faults that strike a running program from inside: of the disk, the machine, the encoder, and of threads.

Each is a function of a number, which says when it strikes, and is called in a process of its own before the work.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOST_POWER = signal.SIGKILL


def nth(
    number: int, strike: Callable[..., Any], real: Callable[..., Any], *, later: bool = False
) -> Callable[..., Any]:
    """``real``, but its ``number``-th call is ``strike``'s; with ``later`` every call after it, too."""
    calls, lock = [0], threading.Lock()

    def called(*args: Any, **options: Any) -> Any:
        with lock:
            calls[0] += 1
            mine = calls[0] >= number if later else calls[0] == number
        return strike(*args, **options) if mine else real(*args, **options)

    return called


def _die(*_args: Any, **_options: Any) -> None:
    os.kill(os.getpid(), LOST_POWER)


def _raising(error: Callable[[], BaseException]) -> Callable[..., Any]:
    def strike(*_args: Any, **_options: Any) -> None:
        raise error()

    return strike


def power_at_rename(number: int) -> None:
    """The power goes after a file was written and before it is renamed."""
    os.replace = nth(number, _die, os.replace)


def power_at_sync(number: int) -> None:
    """The power goes while a file is being written to the disk, which has half of it."""
    real = os.fsync

    def half(handle: int) -> None:
        if os.fstat(handle).st_size > 1 and not os.path.isdir(f"/proc/self/fd/{handle}"):
            path = os.readlink(f"/proc/self/fd/{handle}")
            os.truncate(path, os.stat(path).st_size // 2)
        _die()

    os.fsync = nth(number, half, real)


def power_at_delete(number: int) -> None:
    """The power goes while finished segments are tidied away."""
    Path.unlink = nth(number, _die, Path.unlink)  # type: ignore[method-assign]


def full_disk(size: int) -> None:
    """No file can become longer than ``size`` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class BadSector:
    """A file that can be read up to a place, as one on a disk that fails or a share that went away."""

    def __init__(self, path: str, readable: int) -> None:
        self._file, self._readable = open(path, "rb"), readable  # noqa: SIM115 (open over many calls)
        self.name = path

    def read(self, size: int = -1) -> bytes:
        """As of files."""
        if self._file.tell() >= self._readable:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._file.read(min(size, self._readable - self._file.tell()) if size > 0 else size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of files."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of files."""
        return self._file.tell()


def bad_sector(readable: int) -> None:
    """Of a video, so many bytes can be read."""
    import av

    from vdequant.media import opening

    real = av.open
    opening.av = type(  # type: ignore[assignment]
        "av",
        (),
        {"open": staticmethod(lambda path, *a, **o: real(BadSector(path, readable), *a, **o)), "error": av.error},
    )


def gone_picture(number: int) -> None:
    """A picture of a folder cannot be read when its turn comes."""
    strike = _raising(lambda: OSError(errno.EIO, os.strerror(errno.EIO)))
    Path.read_bytes = nth(number, strike, Path.read_bytes)  # type: ignore[method-assign]


def encoder(number: int) -> None:
    """The encoder fails at a picture."""
    import av

    from vdequant.media.segmented_sink import SegmentedSink
    from vdequant.media.video_sink import VideoSink

    strike = _raising(lambda: av.error.ExternalError(-1, "the encoder broke"))
    broken = nth(number, strike, VideoSink._encode_picture)
    VideoSink._encode_picture = broken  # type: ignore[method-assign]
    SegmentedSink._encode_picture = nth(number, strike, SegmentedSink._encode_picture)  # type: ignore[method-assign]


def swallowing_encoder(number: int) -> None:
    """The encoder takes a picture and never gives it back."""
    from vdequant.media.video_sink import VideoSink

    VideoSink._mux_picture = nth(number, lambda *_: None, VideoSink._mux_picture)  # type: ignore[method-assign]


def _in_restorer(strike: Callable[..., Any], number: int, *, later: bool = False) -> None:
    from vdequant.restorers.deband import Deband

    Deband.restore = nth(number, strike, Deband.restore, later=later)  # type: ignore[method-assign]


def worker(number: int) -> None:
    """The network crashes on a frame."""
    _in_restorer(_raising(lambda: RuntimeError("the worker broke")), number)


def decoder_thread(number: int) -> None:
    """The thread that reads and decodes crashes."""
    from vdequant.schedule import stages

    stages.content_key = nth(number, _raising(lambda: SystemError("the thread broke")), stages.content_key)


def little_memory(side: int) -> None:
    """Memory suffices for pictures of ``side`` pixels a side, halo included."""
    import torch

    from vdequant.restorers.deband import Deband

    real = Deband.restore

    def restore(self: Any, y: Any, cells: Any) -> Any:
        if max(y.shape[-2:]) > side:
            raise torch.cuda.OutOfMemoryError(f"can't allocate memory for {tuple(y.shape)}")
        return real(self, y, cells)

    Deband.restore = restore  # type: ignore[method-assign]


def no_memory(number: int) -> None:
    """From one frame on there is no memory for anything."""
    _in_restorer(_raising(MemoryError), number, later=True)


def stopping(number: int) -> None:
    """The program is asked to end when a frame is written."""
    _signal_at(number, signal.SIGTERM)


def control_c(number: int) -> None:
    """Ctrl-C when a frame is written."""
    _signal_at(number, signal.SIGINT)


def killed(number: int) -> None:
    """The program is killed when a frame is written."""
    _signal_at(number, signal.SIGKILL)


def _signal_at(number: int, what: signal.Signals) -> None:
    from vdequant.cli.progress import Progress

    Progress.progressed = nth(  # type: ignore[method-assign]
        number, lambda *_: os.kill(os.getpid(), what), Progress.progressed
    )


KINDS: dict[str, Callable[[int], None]] = {
    "power lost at a rename": power_at_rename,
    "power lost while syncing": power_at_sync,
    "power lost while tidying": power_at_delete,
    "disk full": full_disk,
    "bad sector": bad_sector,
    "picture gone": gone_picture,
    "encoder broke": encoder,
    "encoder swallowed a picture": swallowing_encoder,
    "worker crashed": worker,
    "decoding thread crashed": decoder_thread,
    "little memory": little_memory,
    "no memory": no_memory,
    "killed at a frame": killed,
    "SIGTERM": stopping,
    "Ctrl-C": control_c,
}
