"""From a source through workers to a writer: what the jobs that restore nothing have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from vdequant.frames import Frame, SidePacket
from vdequant.media.contracts import Source
from vdequant.observing import Observer
from vdequant.schedule.stages import StageReport, Workers, run_stages

R = TypeVar("R")
NO_TRANSPARENCY = "video holds no transparency; it was dropped (a folder of pictures keeps it)"


def run_workers(
    items: Iterable[Frame | SidePacket],
    source: Source,
    workers: Workers[R],
    write: Callable[[Frame | SidePacket, R | None], None],
    observer: Observer[Any],
) -> StageReport:
    """Take every item of ``source``, as ``items`` gives them, through the workers, who are closed in the end."""
    total = source.info.frames
    try:
        return run_stages(
            items, workers, write, progressed=lambda done: observer.progressed(done, total), stop=source.stop
        )
    finally:
        workers.close()
