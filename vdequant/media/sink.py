"""Opens the sink that a plan asks for, after checking the target."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from vdequant.media.contracts import Finished, Sink, Source
from vdequant.media.folder import FolderSink, unfinished_folder
from vdequant.media.folding import FoldingSink
from vdequant.media.image import ImageSink
from vdequant.media.packet_log import digest_of
from vdequant.media.passengers import Passengers
from vdequant.media.pipe import leaving
from vdequant.media.plan import OutputPlan
from vdequant.media.segment_store import SegmentStore
from vdequant.media.segmented_folder import SegmentedFolderSink, whole_pictures
from vdequant.media.segmented_sink import SegmentedSink
from vdequant.media.targets import check_target
from vdequant.media.video_sink import VideoSink

__all__ = ["Finished", "Sink", "open_sink"]


def check_output(plan: OutputPlan, source: Source, *, overwrite: bool) -> None:
    """Refuse a target that exists, is the input, or cannot be written: :class:`OutputError`."""
    if plan.kind != "pipe":
        check_target(plan.path, source.info.path, overwrite=overwrite, folder=plan.kind == "folder")


def open_sink(plan: OutputPlan, source: Source, *, overwrite: bool, store: SegmentStore | None = None) -> Sink:
    """A sink for ``plan``; for video the whole file is rehearsed in memory first.

    Args:
        plan: what to write.
        source: gives the streams that travel along and must stay open until the sink has finished.
        overwrite: whether an existing output is replaced.
        store: keeps the segments of a video; the sink then wants to be told where they begin.

    Raises:
        OutputError: see :func:`check_output`.
        UsageError: the encoder does not know an option.
    """
    check_output(plan, source, overwrite=overwrite)
    sink = _sink(plan, source) if store is None else _segmented(plan, source, store)
    return FoldingSink(sink) if plan.vfr else sink


def _segmented(plan: OutputPlan, source: Source, store: SegmentStore) -> Sink:
    if plan.kind == "folder":
        return SegmentedFolderSink(plan, store)
    return SegmentedSink(plan, _passengers(source), store)


def segment_check(plan: OutputPlan) -> Callable[[Path], str]:
    """What tells whether a kept segment is whole; see :meth:`SegmentStore.load`."""
    return partial(whole_pictures, unfinished_folder(plan.path)) if plan.kind == "folder" else digest_of


def _sink(plan: OutputPlan, source: Source) -> Sink:
    if plan.kind == "pipe":
        return VideoSink(plan, _passengers(source), file=leaving())
    if plan.kind == "folder":
        return FolderSink(plan)
    if plan.kind == "image":
        return ImageSink(plan)
    return VideoSink(plan, _passengers(source))


def _passengers(source: Source) -> Passengers:
    """What travels along; pictures and folders have nothing."""
    found = getattr(source, "passengers", None)
    return found if isinstance(found, Passengers) else Passengers()
