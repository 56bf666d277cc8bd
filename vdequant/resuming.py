"""Jobs that survive: what is kept of a long one, and where the next run goes on.

    source ─► Segments: cut at scene cuts ─► ... ─► SegmentedSink ─► film, and finished segments beside it

Everything that remembers earlier frames (reuse, smoothing, the encoder) starts afresh with each segment, in every run,
so that it does not matter where a run began. Frames of finished segments are decoded again, for the source's clocks
and sound to be where they were, and go no further.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vdequant.captures import Capture, fingerprint
from vdequant.errors import ModelError, UsageError
from vdequant.frames import AlreadyDone, Frame, SegmentStart, SidePacket, SourceInfo
from vdequant.media.plan import OutputPlan
from vdequant.media.segment_store import SegmentStore
from vdequant.media.sink import segment_check
from vdequant.media.targets import parts_path
from vdequant.observing import Observer
from vdequant.planning import Plan
from vdequant.restorers import RESTORERS, is_weights_file
from vdequant.restorers.loading import weights_files
from vdequant.settings import Settings
from vdequant.temporal.cuts import CutDetector

LONG = 30  # seconds of video from which on segments are kept unless the user says otherwise
SHORTEST, LONGEST = 10, 30  # seconds of a segment: it ends at the first cut in between, or at the end
THUMB = 128  # pixels a side at most of what is searched for cuts
# Settings that do not change the pictures, and the device, of which the kind counts.
MACHINE = frozenset({"device", "workers", "overwrite", "resume", "max_pixels", "max_frames"})


class Segments:
    """The items of a source, with a :class:`SegmentStart` before the first frame of each segment.

    The first ``done`` frames are replaced by :class:`AlreadyDone`. Where segments begin depends on the pictures and
    their times alone.

    Args:
        source: frames and side packets.
        done: frames that an earlier run has finished; a segment began after them.
        restart: called at every start, by the thread that iterates, when all frames before were taken.
    """

    def __init__(
        self, source: Iterable[Frame | SidePacket], *, done: int = 0, restart: Callable[[], None] | None = None
    ) -> None:
        self.source, self.done, self.restart = source, done, restart
        self._began, self._cuts, self._watching = Fraction(0), CutDetector(), False

    def __iter__(self) -> Iterator[Frame | SidePacket]:
        number = 0
        for item in self.source:
            if not isinstance(item, Frame):
                yield item
                continue
            instant = item.pts * item.time_base
            if number < self.done:
                yield AlreadyDone(instant=instant)
            else:
                if number == self.done or self._ends(item, instant - self._began):
                    self._began, self._cuts, self._watching = instant, CutDetector(), False
                    if self.restart is not None:
                        self.restart()
                    yield SegmentStart(first=number)
                yield item
            number += 1

    def _ends(self, frame: Frame, age: Fraction) -> bool:
        """Whether the segment ends before this frame."""
        if age < SHORTEST:
            return False
        cut = self._cuts.starts_shot(_thumb(frame)) and self._watching  # the first picture has none to compare with
        self._watching = True
        return cut or age >= LONGEST


def _thumb(frame: Frame) -> Tensor:
    """Some pixels of the planes of full size, ``(1, C, H, W)`` in [0, 1]: enough to see a cut, and fast."""
    full = frame.planes[0].shape
    step = max(1, -(-max(full) // THUMB))
    planes = [plane[::step, ::step].to(torch.float32) for plane in frame.planes if plane.shape == full]
    return torch.stack(planes)[None] / ((1 << frame.layout.bits) - 1)


def _possible(output: OutputPlan, info: SourceInfo) -> bool:
    """Whether a job can go on in its middle: streams cannot be read again, and an APNG is written in one go."""
    readable = info.kind in ("video", "folder") and (os.path.isfile(info.path) or os.path.isdir(info.path))
    return readable and output.kind in ("video", "folder") and output.container != "apng"


def _wanted(output: OutputPlan, info: SourceInfo, settings: Settings) -> bool:
    """Whether segments are kept.

    Raises:
        UsageError: they are asked for where they cannot be kept.
    """
    possible = _possible(output, info)
    if settings.resume and not possible and info.kind != "image":
        raise UsageError(
            f"expected a video file or folder to and from which --resume goes on, got {info.path} and {output.path}; "
            "drop --resume"
        )
    if not possible or settings.resume is False:
        return False
    return bool(settings.resume) or info.seconds is None or info.seconds > LONG


def _input_identity(info: SourceInfo) -> dict[str, Any]:
    path = Path(info.path)
    if path.is_dir():
        status = [file.stat() for file in path.iterdir()]
        size, modified = sum(s.st_size for s in status), max(s.st_mtime_ns for s in status)
        capture = Capture(info.path, path.name, "frames", size, modified)
    else:
        one = os.stat(path)
        size, modified = one.st_size, one.st_mtime_ns
        capture = Capture(info.path, path.name, "video", size, modified)
    return {"size": size, "modified": modified, "content": fingerprint(capture)}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from its folder without being installed
        return ""


def _digest(name: str) -> str:
    """Of a file that the user gave, or of a restorer's packaged weights together; "" when there are none."""
    try:
        paths = weights_files(name) if name in RESTORERS or is_weights_file(name) else (Path(name),)
        digests = [hashlib.sha256(path.read_bytes()) for path in paths]
    except (ModelError, OSError):
        return ""
    return " ".join(digest.hexdigest() for digest in digests)


def identity_of(plan: Plan, output: OutputPlan, settings: Settings) -> dict[str, Any]:
    """Everything that decides the samples of the output, in words and numbers that JSON holds."""
    chosen = {name: value for name, value in asdict(settings).items() if name not in MACHINE}
    written = {name: str(value) for name, value in asdict(output).items() if name not in ("path", "notes")}
    return {
        "input": _input_identity(plan.source),
        "settings": chosen,
        "program": {name: _version(name) for name in ("vdequant", "torch", "av")},
        "plan": {
            "restorer": plan.restorer,
            "quantizer": plan.quantizer.describe(),
            "dithered": plan.dithered,
            "temporal": plan.temporal,
            "device": plan.engine.device.type,
            "files": {name: _digest(name) for name in (plan.restorer, settings.scaler, settings.mask)},
        },
        "output": written,
    }


def keep_segments(plan: Plan, output: OutputPlan, settings: Settings) -> tuple[Plan, SegmentStore | None]:
    """Where the segments of a job are kept, None for jobs of one pass; and the plan, which says what was found there.

    A job that goes on keeps the number type of its first run: which one is faster is measured, and may change.

    Raises:
        UsageError: see ``--resume``.
    """
    if not _wanted(output, plan.source, settings):
        return plan, None
    store = SegmentStore(
        parts_path(output.path), identity_of(plan, output, settings), {"dtype": str(plan.engine.dtype)}
    )
    why = store.load(segment_check(output))
    if why:
        store.discard()
        return replace(plan, kept=f"starting over: {store.folder} is of {why}"), store
    if store.segments:
        dtype = getattr(torch, str(store.facts.get("dtype")).removeprefix("torch."), plan.engine.dtype)
        kept = f"going on: {store.frames} frames are kept in {store.folder} (--no-resume starts over)"
        return replace(plan, kept=kept, engine=replace(plan.engine, dtype=dtype)), store
    return plan, store


@contextmanager
def telling(store: SegmentStore | None, observer: Observer[Plan]) -> Iterator[None]:
    """Says, when the work inside fails, what is kept of it; an empty folder is not."""
    try:
        yield
    except BaseException as error:
        if store is not None and not store.segments:
            store.discard()
        elif store is not None and isinstance(error, Exception):
            observer.warned(f"{store.frames} frames are kept in {store.folder}; the same command goes on from there")
        raise


def forget(output: str) -> None:
    """Delete what is kept for an output."""
    SegmentStore(parts_path(output), {}).discard()
