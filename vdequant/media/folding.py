"""Pictures that follow each other unchanged, written once with the time of them all (``--vfr``)."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from vdequant.frames import Frame, SegmentStart, SidePacket
from vdequant.media.contracts import Finished, Sink
from vdequant.media.lifetimes import AbortsAtExit


class FoldingSink(AbortsAtExit):
    """A sink in front of another one, which it gives each picture once it knows how long that is shown.

    Holds one picture. Side packets pass at once: muxers sort them in, and a held picture keeps its own time.
    """

    def __init__(self, inner: Sink) -> None:
        self._inner = inner
        self._held: Frame | None = None  # first of a run of equal pictures
        self._last: Frame | None = None  # latest of that run
        self._step = 0  # ticks between the latest two, for sources that do not tell durations
        self.folded = 0

    @property
    def warnings(self) -> list[str]:
        """Those of the sink behind."""
        return self._inner.warnings

    def write(self, item: Frame | SidePacket) -> None:
        """Take a picture; it is passed on when another one follows."""
        if isinstance(item, SidePacket):
            if isinstance(item, SegmentStart):
                self._release(None)
            self._inner.write(item)
            return
        if self._held is not None and self._last is not None and same_picture(self._held, item):
            self._step = item.pts - self._last.pts
            self._last = item
            self.folded += 1
            return
        self._release(item)
        self._held = self._last = item

    def _release(self, following: Frame | None) -> None:
        """Pass the held picture on. A run lasts to the end of its last picture, or to the picture that follows."""
        first, last = self._held, self._last
        if first is None or last is None:
            return
        if last is not first:
            rest = last.duration or (self._step if following is None else following.pts - last.pts)
            first = dataclasses.replace(first, duration=last.pts + rest - first.pts)
        self._held = self._last = None
        self._inner.write(first)

    def finish(self) -> Finished:
        """Write the last picture and complete the output."""
        self._release(None)
        return self._inner.finish()

    def abort(self) -> None:
        """Delete what was written; harmless after finish()."""
        self._held = self._last = None
        self._inner.abort()


def same_picture(first: Frame, second: Frame) -> bool:
    """Whether two frames show the same: layout, samples and transparency."""
    if first.layout != second.layout or (first.alpha is None) != (second.alpha is None):
        return False
    pairs = list(zip(first.planes, second.planes, strict=True))
    if first.alpha is not None and second.alpha is not None:
        pairs.append((first.alpha, second.alpha))
    return all(_equal(a, b) for a, b in pairs)


def _equal(a: Tensor, b: Tensor) -> bool:
    """Results that are reused are one tensor, so that nothing has to be compared."""
    return a is b or torch.equal(a, b)
