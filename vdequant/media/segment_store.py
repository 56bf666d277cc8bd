"""Finished segments of an unfinished job, in a folder beside the output, with a list that is always complete.

    restored.mkv.parts/
      manifest.json       what the job is, and its segments in order
      000000.packets      encoded pictures, see ``packet_log``

A segment is on the disk before the list names it, and the list is replaced as a whole, so that whatever happens the
list tells the truth.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vdequant.media.targets import sync_folder

VERSION = 1
MANIFEST = "manifest.json"
ENDING = ".packets"


@dataclass(frozen=True, slots=True)
class Segment:
    """One finished segment.

    Attributes:
        file: name in the folder.
        first, frames: number of its first frame in the source, and how many frames of the source it covers.
        pictures: written for them; fewer where equal ones were folded.
        first_pts, last_pts: stamps of the first and last picture, in units of the output's time base.
        repaired: time stamps that had to be moved, from the beginning of the film.
        bytes, digest: of the file.
        notes: numbers that whoever made the pictures wants back.
    """

    file: str
    first: int
    frames: int
    pictures: int
    first_pts: int
    last_pts: int
    repaired: int
    bytes: int
    digest: str
    notes: dict[str, int] = field(default_factory=dict)


class SegmentStore:
    """The segments of one job.

    Attributes:
        folder: where they are; made when it is needed.
        facts: what whoever made them wants to know when going on.
        segments: finished ones, in order.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> None:
        """``identity``: what decides every sample of the output, as JSON can hold it."""
        self.folder = folder
        self.identity: dict[str, Any] = json.loads(json.dumps(identity))
        self.facts: dict[str, Any] = dict(facts or {})
        self.segments: list[Segment] = []

    @property
    def frames(self) -> int:
        """Frames of the source that are done."""
        return sum(segment.frames for segment in self.segments)

    def note(self, name: str) -> int:
        """The sum of a note over the segments."""
        return sum(segment.notes.get(name, 0) for segment in self.segments)

    def load(self, digest_of: Callable[[Path], str]) -> str:
        """Take over what an earlier run of the same job has finished.

        Args:
            digest_of: by which a file is known to be whole; segments from the first damaged one on are done again.

        Returns:
            Whose it is, if it is not taken over, such as "another input (size)"; "" when it was, or nothing is there.
        """
        manifest = self.folder / MANIFEST
        try:
            state = json.loads(manifest.read_text(encoding="utf-8"))
            if state["version"] != VERSION:
                return "another version of vdequant"
            known, facts = dict(state["identity"]), dict(state["facts"])
            segments = [Segment(**segment) for segment in state["segments"]]
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return f"unknown origin ({MANIFEST} is damaged)"
        why = _difference(known, self.identity)
        if not why:
            self.facts = facts
            self.segments = _whole_ones(self.folder, segments, digest_of)
        return why

    def path_of(self, number: int) -> Path:
        """Where the file of segment ``number`` belongs; makes the folder."""
        self.folder.mkdir(exist_ok=True)
        return self.folder / f"{number:06d}{ENDING}"

    def add(self, segment: Segment) -> None:
        """Remember a segment whose file is complete; it is on the disk when this returns.

        Raises:
            OSError: the disk is full.
        """
        segments = [*self.segments, segment]
        state = {
            "version": VERSION,
            "identity": self.identity,
            "facts": self.facts,
            "segments": [asdict(known) for known in segments],
        }
        part = self.folder / f"{MANIFEST}.part"
        with open(part, "w", encoding="utf-8") as file:
            json.dump(state, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.folder / MANIFEST)
        self.segments = segments
        sync_folder(self.folder)

    def discard(self) -> None:
        """Delete everything that a store writes, and the folder if nothing else is in it."""
        self.segments = []
        if not self.folder.is_dir():
            return
        (self.folder / MANIFEST).unlink(missing_ok=True)  # first, so that it never names what is gone
        for pattern in (f"{MANIFEST}.part", f"[0-9]*{ENDING}", f"[0-9]*{ENDING}.part"):
            for file in self.folder.glob(pattern):
                file.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


def _whole_ones(folder: Path, segments: list[Segment], digest_of: Callable[[Path], str]) -> list[Segment]:
    """The segments up to the first whose file is missing or not what was written."""
    whole: list[Segment] = []
    for segment in segments:
        try:
            if digest_of(folder / segment.file) != segment.digest:
                break
        except OSError:
            break
        whole.append(segment)
    return whole


def _difference(known: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The first part in which two identities differ, in words; "" for equal ones."""
    for part in {**wanted, **known}:
        old, new = known.get(part), wanted.get(part)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            names = sorted(name for name in {**old, **new} if old.get(name) != new.get(name))
            return f"{'other' if part.endswith('s') else 'another'} {part} ({', '.join(names)})"
        return f"another {part}"
    return ""
