"""Source and sink in memory, for tests and for callers who have their pictures as tensors already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vdequant.frames import Frame, SidePacket, SourceInfo
from vdequant.media.contracts import Finished
from vdequant.media.lifetimes import AbortsAtExit, ClosesAtExit
from vdequant.media.passengers import Passengers


class MemorySource(ClosesAtExit):
    """Yields the given items; may be iterated more than once."""

    def __init__(self, items: Sequence[Frame | SidePacket], info: SourceInfo) -> None:
        self._items = list(items)
        self.info = info
        self.passengers = Passengers()
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[Frame | SidePacket]:
        yield from self._items

    def sample(self, count: int) -> list[Frame]:
        """At most ``count`` frames, evenly spaced."""
        frames = [item for item in self._items if isinstance(item, Frame)]
        count = min(count, len(frames))
        return [frames[(2 * i + 1) * len(frames) // (2 * count)] for i in range(count)]


class MemorySink(AbortsAtExit):
    """Keeps what it is given.

    Attributes:
        frames, packets: what was written; empty after an abort.
        finished: whether finish() was called.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.frames: list[Frame] = []
        self.packets: list[SidePacket] = []
        self.finished = False

    def write(self, item: Frame | SidePacket) -> None:
        """Keep a frame or packet."""
        if isinstance(item, Frame):
            self.frames.append(item)
        else:
            self.packets.append(item)

    def finish(self) -> Finished:
        """Keep everything."""
        self.finished = True
        size = sum(plane.nbytes for frame in self.frames for plane in frame.planes)
        return Finished("", size, len(self.frames))

    def abort(self) -> None:
        """Forget everything, unless finished."""
        if not self.finished:
            self.frames.clear()
            self.packets.clear()
