"""SIGTERM and SIGHUP, as shutdowns and closed terminals send them, end a run as Ctrl-C does, with nothing half-made."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

NAMES = ("SIGTERM", "SIGHUP")  # not every system has the second


class StopsLikeControlC:
    """While it is entered, those signals raise :class:`KeyboardInterrupt` in the main thread.

    Signals that whoever started the program has it ignore (nohup) stay ignored.

    Attributes:
        number: of the signal that came, 0 for none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._taken: list[signal.Signals] = []

    def __enter__(self) -> StopsLikeControlC:
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            known = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
            self._taken = [number for number in known if signal.getsignal(number) is signal.SIG_DFL]
            for number in self._taken:
                signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in self._taken:
            signal.signal(number, signal.SIG_DFL)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        raise KeyboardInterrupt
