"""``with`` for sources and sinks: a source is closed at the end, a sink aborted, which is harmless once it finished."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class ClosesAtExit:
    """Base of sources."""

    def close(self) -> None:
        """Release what is open; nothing unless overridden."""

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
