"""Streams that are restored while they play: how late pictures are, whether the program keeps up, how it ends.

    pipe ─► source ─► Pace.arriving ─► workers ─► smoother ─► Pace.timing ─► sink
              │             └── came in ... went out ──┘
              └── waits for bytes: it keeps up. Never waits, and the stream is no faster than the clock: it does not.

Nothing is dropped: whoever sends has to wait when the program is too slow.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from types import FrameType
from typing import Protocol, TypeVar

from vdequant.errors import UsageError
from vdequant.frames import Frame, SidePacket, SourceInfo
from vdequant.settings import Settings

R = TypeVar("R")
Write = Callable[[Frame | SidePacket, R | None], None]

WINDOW = 2.0  # seconds over which it is judged whether the program keeps up
IDLE = 0.02  # share of them that it has to wait for input at least
GRACE = 1.0  # seconds that a sender, which mostly gets the same Ctrl-C, has to complete its stream
FASTER = 1.05  # seconds of the stream a second from which on it is no live one, but sent as fast as possible


class Waiting(Protocol):
    """What is asked of a source: for how many seconds it has waited for its stream so far, and to come to its end."""

    @property
    def waited(self) -> float: ...

    def stop(self, grace: float = 0.0) -> None: ...


@dataclass(frozen=True, slots=True)
class Timing:
    """How a live run went.

    Attributes:
        median, slow: seconds from a picture's coming in to its going out; 95 of 100 took at most ``slow``.
        speed: seconds of the stream that went through in a second; 1 is real time.
        kept_up: whether the program was ever slower than the stream.
    """

    median: float
    slow: float
    speed: float
    kept_up: bool


def check_live(settings: Settings, info: SourceInfo) -> None:
    """Raise :class:`UsageError` when ``--live`` is asked for a file, which waits for nobody."""
    if settings.live and info.kind != "pipe":
        raise UsageError(
            f"expected - (standard input) with --live, got {info.path}; at its own speed: ffmpeg -re -i {info.path} -c "
            "copy -f nut - | vdequant - --live -o -"
        )


class Pace:
    """Measures one live run. ``arriving`` runs on the thread that reads, the rest on the one that writes.

    Args:
        source: of the stream.
        warn: is told once when the program does not keep up.
        clock: seconds, rising.
    """

    def __init__(
        self, source: Waiting, warn: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source, self._warn, self._clock = source, warn, clock
        self._inside: deque[float] = deque()  # when the pictures that are on their way came in
        self._took: Counter[int] = Counter()  # milliseconds, so that memory does not grow with length
        self._began: tuple[float, Fraction] | None = None  # clock and stream, at the first picture
        self._window: tuple[float, Fraction, float, int] | None = None  # clock, stream, waited, pictures
        self._last = (0.0, Fraction(0))
        self._pictures = 0
        self.kept_up = True

    def arriving(self, items: Iterable[Frame | SidePacket]) -> Iterator[Frame | SidePacket]:
        """Pass ``items`` on and note when they come."""
        for item in items:
            if isinstance(item, Frame):
                now = self._clock()
                self._began = self._began or (now, item.pts * item.time_base)
                self._inside.append(now)
            yield item

    def timing(self, write: Write[R]) -> Write[R]:
        """``write``, with a note of when each picture has gone out."""

        def timed(item: Frame | SidePacket, result: R | None) -> None:
            write(item, result)
            if isinstance(item, Frame):
                self._gone(item)

        return timed

    def result(self) -> Timing | None:
        """How it went, None if no picture came."""
        if self._began is None or not self._took:
            return None
        seconds = self._last[0] - self._began[0]
        speed = float(self._last[1] - self._began[1]) / seconds if seconds > 0 else 0.0
        return Timing(self._quantile(0.5), self._quantile(0.95), round(speed, 3), self.kept_up)

    def _gone(self, frame: Frame) -> None:
        now, instant = self._clock(), frame.pts * frame.time_base
        self._took[round(1000 * (now - self._inside.popleft()))] += 1
        self._pictures += 1
        self._last = (now, instant)
        if self._window is None or now - self._window[0] >= WINDOW:
            if self._window is not None and self.kept_up:
                self._judge(now, instant, self._window)
            self._window = (now, instant, self._source.waited, self._pictures)

    def _judge(self, now: float, instant: Fraction, since: tuple[float, Fraction, float, int]) -> None:
        """Warn when no input had to be waited for, though it does not come faster than it plays."""
        seconds, speed = now - since[0], float(instant - since[1]) / (now - since[0])
        if self._source.waited - since[2] >= IDLE * seconds or speed >= FASTER:
            return
        self.kept_up = False
        rate = (self._pictures - since[3]) / seconds
        self._warn(
            f"cannot keep up: {rate:.1f} pictures a second go through, {speed:.2f} of real time; none is dropped, so "
            "their sender has to wait (try --restorer deband, --temporal off, a smaller picture or a GPU)"
        )

    def _quantile(self, share: float) -> float:
        """The time within which that share of the pictures went out, in seconds."""
        left = share * self._took.total()
        for milliseconds in sorted(self._took):
            left -= self._took[milliseconds]
            if left <= 0:
                return milliseconds / 1000
        return max(self._took) / 1000


@contextmanager
def ending_gently(source: Waiting, *, live: bool) -> Iterator[None]:
    """Ctrl-C and SIGTERM let a live source end, so that what came is completed; a second one interrupts as ever.

    Signals that are ignored (nohup, or behind & in a script) stay ignored.
    """
    if not live or threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in found.items() if handler is not signal.SIG_IGN}

    def restored() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ended(number: int, frame: FrameType | None) -> None:
        restored()
        source.stop(GRACE)

    for number in before:
        signal.signal(number, ended)
    try:
        yield
    finally:
        restored()
