"""The promises that every source and every sink keeps; ``tests/media/test_media_contract.py`` checks them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from vdequant.frames import Frame, SidePacket, SourceInfo
from vdequant.media.damage import Damage


@runtime_checkable
class Source(Protocol):
    """Yields every picture once, in order, with rising ``pts``, and side packets as they lie in the file.

    ``info`` is known from the start; ``warnings``, which also tell ``damage``, grow while reading. One pass:
    ``__iter__`` may be called once.
    ``sample(count)`` gives at most ``count`` pictures from all over the input and does not disturb the pass.
    ``stop()``, from any thread, lets a pass that waits for its stream end; ``waited``: for how many seconds it did.
    """

    @property
    def info(self) -> SourceInfo: ...

    @property
    def warnings(self) -> list[str]: ...

    @property
    def damage(self) -> Damage: ...

    @property
    def waited(self) -> float: ...

    def __iter__(self) -> Iterator[Frame | SidePacket]: ...

    def sample(self, count: int) -> list[Frame]: ...

    def stop(self, grace: float = 0.0) -> None: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Finished:
    """What a sink has written: where, how many bytes and how many pictures."""

    path: str
    bytes: int
    frames: int


@runtime_checkable
class Sink(Protocol):
    """Takes pictures in the plan's layout, in order, and side packets; nothing is under the final name before finish().

    Leaving the ``with`` block without :meth:`finish` aborts: nothing is kept.
    """

    @property
    def warnings(self) -> list[str]: ...

    def write(self, item: Frame | SidePacket) -> None: ...

    def finish(self) -> Finished: ...

    def abort(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
