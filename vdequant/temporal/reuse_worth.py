"""Whether reuse pays: what a frame took with it, against what one takes whole, in processor time of the threads.

How much of a picture is left says little of it. On a processor whose matrix unit likes whole pictures, a network's
tiles cost twice their share; noise of a codec leaves so many small ones that planning them takes longer than they do;
and some restorers are cheap. So it is measured, and as frames are equal either way, nothing but speed depends on it.
"""

from __future__ import annotations

from threading import Lock

SET_UP = 8  # frames that also pay for what is set up once, and are not counted
LEARNED = 48  # planned frames before anything is asked
DOUBTFUL = 0.3  # share of a frame that is computed, from which on it may have been cheaper to restore all of it
DOUBTS = 3  # such frames in a row before whole ones are measured, once
MEASURED = 4  # whole frames for that
MEMORY = 0.985  # share of the usual time that is kept a frame: what is dear for a second may be cheap again
TOLERATED = 1.0  # times what a whole frame takes


class Worth:
    """Is told what frames took; used by the thread that plans and by those that work."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._whole, self._reused = _Usual(1), _Usual(SET_UP)
        self._doubts = 0
        self._asked = False

    def took_whole(self, seconds: float, frames: int = 1) -> None:
        """Frames of which nothing was planned took so long together."""
        with self._lock:
            self._whole.add(seconds, frames)

    def took_planned(self, seconds: float, frames: int = 1) -> None:
        """Frames took so long together, plans included."""
        with self._lock:
            self._reused.add(seconds, frames)

    def wants_whole(self, share: float) -> bool:
        """Whether whole frames should be measured now; told the share of the next planned frame that is computed."""
        with self._lock:
            self._doubts = self._doubts + 1 if share >= DOUBTFUL else 0
            asks = not self._asked and self._doubts >= DOUBTS and self._reused.count >= LEARNED
            self._asked |= asks
            return asks

    def pays(self) -> bool:
        """False when planned frames take longer than whole ones."""
        with self._lock:
            whole, reused = self._whole.mean, self._reused.mean
            if whole is None or reused is None or self._reused.count < LEARNED:
                return True
            return reused <= TOLERATED * whole

    def ask_again(self) -> None:
        """Forget what planned frames took: what comes may be of another kind."""
        with self._lock:
            self._reused = _Usual(SET_UP)


class _Usual:
    """Mean time of late, without the first frames."""

    def __init__(self, set_up: int) -> None:
        self.mean: float | None = None
        self.count = -set_up

    def add(self, seconds: float, frames: int) -> None:
        self.count += frames
        if self.count <= 0:
            return
        each, weight = seconds / frames, max(1 - MEMORY**frames, min(1.0, frames / self.count))
        self.mean = each if self.mean is None else self.mean + weight * (each - self.mean)
