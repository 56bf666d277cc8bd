"""Standard input and output as binary streams: ``vdequant - -o -``.

Neither is buffered: a picture goes on as soon as its bytes are there, which is what live pictures need.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
import time
from collections.abc import Mapping
from typing import BinaryIO

from vdequant.errors import InputError, OutputError

HEAD = 128  # bytes that tell the kind of a stream; the header of y4m is shorter
_LOOK_UP = 0.2  # seconds after which a reader that waits looks whether it is still wanted

# How streams begin, and FFmpeg's name for them: known at once, it does not wait for 2 kB to be sure.
_BEGINNINGS = {b"nut/multimedia container": "nut", b"YUV4MPEG2": "yuv4mpegpipe", b"\x1a\x45\xdf\xa3": "matroska"}


class Arriving:
    """What comes through a pipe, as it comes.

    Attributes:
        head: its first bytes; at most ``HEAD`` of them.
        format: FFmpeg's name for what comes, None where it is to find out by itself.
        options: of the demuxer.
        waited: seconds for which nothing was there to be read.
        cut: :meth:`stop` has cut the rest off.
    """

    def __init__(self, handle: int, format: str | None = None, options: Mapping[str, str] | None = None) -> None:
        """``handle``: a file descriptor, closed by :meth:`close`; ``format``: of what the bytes do not tell."""
        self._handle, self._until = handle, float("inf")
        self.waited, self.cut = 0.0, False
        self.head = self._first()
        self._ready = self.head
        self.format = format or next((name for start, name in _BEGINNINGS.items() if self.head.startswith(start)), None)
        self.options = dict(options or {})

    def read(self, count: int) -> bytes:
        """At least one byte and at most ``count``, none at the end; waits while nothing has come."""
        if self._ready:
            given, self._ready = self._ready[:count], self._ready[count:]
            return given
        return os.read(self._handle, count) if self._wait() else b""

    def stop(self, grace: float = 0.0) -> None:
        """Let whoever reads see the end in ``grace`` seconds, whatever may come after; callable from any thread."""
        self._until = time.monotonic() + grace

    def close(self) -> None:
        """Close the handle, so that whoever writes is told."""
        self.stop()
        with contextlib.suppress(OSError):
            os.close(self._handle)

    def _first(self) -> bytes:
        head = b""
        while len(head) < HEAD and (more := os.read(self._handle, HEAD - len(head)) if self._wait() else b""):
            head += more
        return head

    def _wait(self) -> bool:
        """Wait for bytes or the end; False once nobody wants them."""
        began = time.monotonic()
        try:
            while time.monotonic() < self._until:
                if select.select([self._handle], [], [], _LOOK_UP)[0]:
                    return True
            self.cut = True
        except (OSError, ValueError):  # Windows waits for sockets only, and select for low numbers
            return True
        finally:
            self.waited += time.monotonic() - began
        return False


class Leaving:
    """Bytes on their way to another program, written at once."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def write(self, data: bytes) -> int:
        """Write all of ``data``, however long the reader takes.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._handle, rest) :]
            except BlockingIOError:  # a handle that does not wait by itself, as of some terminals and servers
                select.select([], [self._handle], [])
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


def is_stream(path: str) -> bool:
    """Whether ``path`` is a pipe with a name, as of the shell's ``<(program)``: it can be read once, in order."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def arriving(path: str, format: str | None = None, options: Mapping[str, str] | None = None) -> Arriving:
    """The bytes of standard input, "-", or of a file or pipe with a name, in order; the rest as for a reader.

    Raises:
        InputError: nothing is piped in.
    """
    handle = os.dup(standard_input().fileno()) if path == "-" else os.open(path, os.O_RDONLY)
    return Arriving(handle, format, options)


def is_redirected_file() -> bool:
    """Whether standard input is a file (``< game.mp4``), in which a reader can seek."""
    return stat.S_ISREG(os.fstat(standard_input().fileno()).st_mode)


def leaving() -> Leaving:
    """Standard output.

    Raises:
        OutputError: it is a terminal.
    """
    file = standard_output()
    file.flush()
    return Leaving(file.fileno())


def standard_input() -> BinaryIO:
    """The bytes that arrive on standard input.

    Raises:
        InputError: nothing is piped in.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("nothing arrives on standard input; pipe a video into it: cat game.mkv | vdequant - -o OUT")
    return sys.stdin.buffer


def standard_output() -> BinaryIO:
    """Where the bytes of the output go.

    Raises:
        OutputError: standard output is a terminal.
    """
    if sys.stdout is None or sys.stdout.isatty():
        raise OutputError("standard output is a terminal; pipe it into a program or file, for example: | ffplay -")
    return sys.stdout.buffer
