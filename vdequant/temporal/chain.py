"""Several smoothers in a row, and which ones the words of the command line mean."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from vdequant.temporal import SMOOTHERS
from vdequant.temporal.base import RestoredFrame, Smoother


class Chain:
    """Each smoother is given what the one before it gives out; see :class:`~vdequant.temporal.base.Smoother`."""

    def __init__(self, smoothers: Sequence[Smoother]) -> None:
        self._smoothers = tuple(smoothers)
        self.look_ahead = sum(smoother.look_ahead for smoother in self._smoothers)
        behind = [smoother.look_behind for smoother in self._smoothers]
        self.look_behind = None if None in behind else sum(frames for frames in behind if frames is not None)

    def push(self, frame: RestoredFrame) -> list[RestoredFrame]:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        return self._push([frame], self._smoothers)

    def flush(self) -> list[RestoredFrame]:
        """See :class:`~vdequant.temporal.base.Smoother`."""
        ready: list[RestoredFrame] = []
        for smoother in self._smoothers:
            ready = [*self._push(ready, [smoother]), *smoother.flush()]
        return ready

    def _push(self, frames: list[RestoredFrame], smoothers: Sequence[Smoother]) -> list[RestoredFrame]:
        for smoother in smoothers:
            frames = [ready for frame in frames for ready in smoother.push(frame)]
        return frames


def make_smoother(temporal: str, flicker: str, *, live: bool = False) -> Smoother | None:
    """The smoother of ``--temporal`` "off", "lock" or "flow" and ``--flicker`` "keep" or "blend"; None: nothing to do.

    Blending comes last, so that what it takes out of the cells on purpose is not moved back into them. ``live``: no
    frame may wait for later ones, which blending does and ``Settings`` refuses.
    """
    own = "flow-live" if live and temporal == "flow" else temporal
    names = [*([] if own == "off" else [own]), *(["blend"] if flicker == "blend" else [])]
    made: list[Smoother] = []
    for name in names:
        module, _, attribute = SMOOTHERS[name].partition(":")
        made.append(getattr(import_module(module), attribute)())
    return Chain(made) if made else None
