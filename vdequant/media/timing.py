"""Time stamps: kept bit for bit when they are sound, repaired by the smallest step when they are not."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from vdequant.errors import UsageError
from vdequant.settings import Settings


class Clock:
    """Gives every picture a time stamp that is not before, or when ``strict`` later than, the one before.

    No muxer takes falling time stamps, and the picture would be lost; a missing one continues at the rate. Equal ones
    are common in screen grabs with millisecond time bases; Matroska holds them, MP4 does not.
    """

    def __init__(self, step: int, *, strict: bool = False) -> None:
        """``step``: ticks between two pictures, used where a stamp is missing."""
        self._step = max(1, step)
        self._least = 1 if strict else 0
        self._last: int | None = None
        self.repaired = 0

    def go_on(self, last: int, repaired: int) -> None:
        """Go on where another clock stood: after the stamp ``last``, with so many repaired."""
        self._last, self.repaired = last, repaired

    @property
    def last(self) -> int | None:
        """The latest stamp, None before the first."""
        return self._last

    def stamp(self, pts: int | None) -> int:
        """``pts`` itself when it is in order, else the smallest repair."""
        last = self._last
        if pts is None:
            self.repaired += 1
            pts = 0 if last is None else last + self._step
        elif last is not None and pts < last + self._least:
            self.repaired += 1
            pts = last + self._least
        self._last = pts
        return pts


class Evenness:
    """How far pictures are from coming at an even rate, for containers that hold no times.

    Attributes:
        most: seconds.
    """

    def __init__(self, rate: Fraction) -> None:
        """``rate``: pictures a second."""
        self._rate = rate
        self._first: Fraction | None = None
        self._count = 0
        self.most = Fraction(0)

    def shown(self, instant: Fraction) -> None:
        """The next picture's time in seconds."""
        self._first = instant if self._first is None else self._first
        self.most = max(self.most, abs(instant - self._first - self._count / self._rate))
        self._count += 1

    @property
    def even(self) -> bool:
        """Whether no picture is off by more than the time of one."""
        return self.most <= 1 / self._rate


@dataclass(frozen=True, slots=True)
class Span:
    """The part of the input to restore, in seconds after its first picture.

    Attributes:
        start: first instant, 0 for the beginning.
        end: first instant after it; None = to the end.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None

    @classmethod
    def of(cls, settings: Settings) -> Span:
        """The span that ``--start`` and ``--duration`` select."""
        start = Fraction(settings.start).limit_denominator(1_000_000)
        if not settings.duration:
            return cls(start)
        return cls(start, start + Fraction(settings.duration).limit_denominator(1_000_000))

    @property
    def whole(self) -> bool:
        """True when everything is selected."""
        return self.start == 0 and self.end is None

    def before(self, seconds: Fraction) -> bool:
        """Whether an instant lies before the span."""
        return seconds < self.start

    def after(self, seconds: Fraction) -> bool:
        """Whether an instant lies behind the span."""
        return self.end is not None and seconds >= self.end

    def indexes(self, count: int, rate: Fraction) -> range:
        """The pictures of ``count`` numbered ones that lie in the span at ``rate`` pictures a second."""
        first = min(count, -int(-self.start * rate // 1))
        last = count if self.end is None else min(count, -int(-self.end * rate // 1))
        if first >= last:
            raise UsageError(
                f"expected --start before the end at {float(count / rate):.3f} s, got {float(self.start):.3f}"
            )
        return range(first, last)
