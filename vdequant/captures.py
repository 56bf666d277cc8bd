"""What lies in a folder that recorders write to: recordings, screenshots and folders of frames."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from vdequant.media.containers import READABLE_PICTURES, READABLE_VIDEOS, REFUSED_INPUTS
from vdequant.media.frame_list import find_list
from vdequant.media.screenshots import why_stills

FEWEST_FRAMES = 10  # numbered pictures below this are screenshots
SAMPLES, SAMPLE_BYTES = 33, 1 << 16  # of a file, read to know it again
SLOWEST_FRAMES = 0.2  # seconds from picture to picture; nobody takes screenshots so fast for long
_NUMBERED = re.compile(r"(.*?)\d+")


@dataclass(frozen=True, slots=True)
class Capture:
    """A recording, a screenshot, or a folder of frames.

    Attributes:
        path: absolute.
        name: relative to the watched folder.
        kind: "video", "still" or "frames".
        size: bytes; of frames all together.
        mtime: last modification in nanoseconds; of frames the newest.
    """

    path: str
    name: str
    kind: Literal["video", "still", "frames"]
    size: int
    mtime: int


def captures_in(folder: str, skip: str, stills: Collection[str] = ()) -> list[Capture]:
    """Everything in ``folder`` and below that could be restored, sorted by name.

    Hidden files, unfinished outputs (``.part``), files of other kinds and symbolic links to folders are left out.

    Args:
        folder: absolute path.
        skip: absolute path of a folder whose content is no capture: the outputs.
        stills: paths of files, of which pictures are known to be screenshots.
    """
    found: list[Capture] = []
    for path, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if _counts(f) and not _same(os.path.join(path, f), skip)]
        found += _captures_of(folder, path, [f for f in files if _counts(f)], stills)
    return sorted(found, key=lambda capture: capture.name)


def fingerprint(capture: Capture) -> str:
    """A digest of what a capture holds: of a file its size and samples of it, of frames their names and sizes.

    Samples lie all over the file: uncompressed recordings of one length may begin and end alike.
    """
    digest = hashlib.blake2b(f"{capture.kind} {capture.size}".encode(), digest_size=16)
    if capture.kind == "frames":
        for file in sorted(Path(capture.path).iterdir()):
            if file.suffix.lower() in READABLE_PICTURES:
                digest.update(f"{file.name}/{file.stat().st_size}\n".encode())
    else:
        with open(capture.path, "rb") as data:
            last = max(0, capture.size - SAMPLE_BYTES)
            for place in sorted({last * i // (SAMPLES - 1) for i in range(SAMPLES)}):
                data.seek(place)
                digest.update(data.read(SAMPLE_BYTES))
    return digest.hexdigest()


def _counts(name: str) -> bool:
    return not name.startswith(".") and not Path(name).stem.endswith(".part") and not name.endswith((".part", "~"))


def _same(path: str, other: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)


def _captures_of(root: str, folder: str, names: list[str], stills: Collection[str]) -> Iterator[Capture]:
    """Those that lie in one folder."""
    pictures: list[Capture] = []
    for name in names:
        path, suffix = os.path.join(folder, name), os.path.splitext(name)[1].lower()
        kind = "still" if suffix in READABLE_PICTURES else "video"
        if kind == "video" and suffix not in READABLE_VIDEOS and suffix not in REFUSED_INPUTS:
            continue
        try:
            status = os.stat(path)
        except OSError:  # gone since, or a broken link
            continue
        if not status.st_size:  # its recorder has not written anything yet
            continue
        capture = Capture(
            path,
            os.path.relpath(path, root),
            "still" if kind == "still" else "video",
            status.st_size,
            status.st_mtime_ns,
        )
        if kind == "still":
            pictures.append(capture)
        else:
            yield capture
    listed = find_list(folder) if folder != root else None
    if listed is not None or (folder != root and _are_frames(folder, pictures, stills)):
        yield _frames(root, folder, pictures, listed)
    else:
        yield from pictures


def _frames(root: str, folder: str, pictures: list[Capture], listed: Path | None) -> Capture:
    """The folder as one capture, which changes when any of its pictures or its list does."""
    status = [os.stat(listed)] if listed is not None else []
    size = sum(p.size for p in pictures) + sum(s.st_size for s in status)
    newest = max([p.mtime for p in pictures] + [s.st_mtime_ns for s in status])
    return Capture(folder, os.path.relpath(folder, root), "frames", size, newest)


def _are_frames(folder: str, pictures: list[Capture], stills: Collection[str]) -> bool:
    """Whether pictures without a list are frames: many, numbered, of one size, and written fast one after the other."""
    if len(pictures) < FEWEST_FRAMES or any(p.path in stills for p in pictures):
        return False
    times = [p.mtime for p in pictures]
    if (max(times) - min(times)) / 1e9 > SLOWEST_FRAMES * (len(pictures) - 1):
        return False
    heads = [_NUMBERED.fullmatch(Path(p.path).stem) for p in pictures]
    if len({head[1] if head else None for head in heads}) != 1 or heads[0] is None:
        return False
    return _of_one_size(folder, len(pictures), max(times))


@lru_cache(maxsize=256)
def _of_one_size(folder: str, count: int, newest: int) -> bool:
    """Reads the head of every picture, so it is done once for each state of a folder, as count and time tell it."""
    del count, newest
    return not why_stills([f for f in Path(folder).iterdir() if f.suffix.lower() in READABLE_PICTURES])
