"""``with`` for sources and sinks: a source is closed at the end, a sink aborted, which is harmless once it finished."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from vdequant.media.damage import Damage


class ClosesAtExit:
    """Base of sources."""

    @property
    def damage(self) -> Damage:
        """What was found to be wrong so far; nothing unless overridden."""
        return Damage()

    def close(self) -> None:
        """Release what is open; nothing unless overridden."""

    def stop(self, grace: float = 0.0) -> None:
        """Let an iteration that waits for its input end in ``grace`` seconds; nothing unless overridden."""

    @property
    def waited(self) -> float:
        """Seconds spent waiting for input; 0 unless overridden."""
        return 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AbortsAtExit:
    """Base of sinks."""

    def abort(self) -> None:
        """Delete what was written so far; nothing unless overridden."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()
