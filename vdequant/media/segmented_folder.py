"""A folder sink that keeps the pictures it has written, and goes on where an earlier run stopped.

    restored.part/            pictures, as in every folder sink
    restored.parts/
      manifest.json           see ``segment_store``
      000000.packets          names, sizes and digests of the pictures of a segment, as JSON

Pictures are not synced one by one, which would take longer than making them; after a crash their digests tell which
segments are whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

from vdequant.frames import Frame, SegmentStart, SidePacket
from vdequant.media.contracts import Finished
from vdequant.media.folder import FolderSink
from vdequant.media.packet_log import digest_of
from vdequant.media.plan import OutputPlan
from vdequant.media.segment_store import Segment, SegmentStore
from vdequant.media.targets import explain


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def whole_pictures(folder: Path, listing: Path) -> str:
    """The digest of a segment's list, "" unless ``folder`` holds every picture that it names.

    Raises:
        OSError: the list or a picture is missing.
    """
    try:
        pictures = dict(json.loads(listing.read_bytes())["pictures"])
    except (ValueError, KeyError, TypeError):
        return ""
    whole = all(_digest((folder / name).read_bytes()) == digest for name, digest in pictures.items())
    return digest_of(listing) if whole else ""


class SegmentedFolderSink(FolderSink):
    """See :class:`FolderSink`; wants a :class:`SegmentStart` before the first picture of each segment."""

    def __init__(self, plan: OutputPlan, store: SegmentStore) -> None:
        super().__init__(plan, keep=bool(store.segments))
        self._store = store
        self._first: int | None = None
        self._pictures: list[tuple[str, str]] = []  # name and digest, of this segment
        self._begun = (0, 0)  # pictures and times in the list at the segment's beginning
        for number in range(len(store.segments)):
            self._take_over(json.loads(store.path_of(number).read_bytes()))

    def _take_over(self, listed: dict[str, Any]) -> None:
        for name, digest in listed["pictures"]:
            self._written[name] = bytes.fromhex(digest)
            self._bytes += (self._part / name).stat().st_size
        self._shown += [(name, Fraction(start)) for name, start in listed["shown"]]
        self._end = Fraction(listed["end"])
        self._frames += listed["frames"]

    def write(self, item: Frame | SidePacket) -> None:
        """See :class:`FolderSink`."""
        if isinstance(item, SegmentStart):
            self._end_segment(item)
            self._first, self._pictures = item.first, []
            self._begun = self._frames, len(self._shown)
        super().write(item)

    def _put(self, name: str, data: bytes) -> None:
        super()._put(name, data)
        self._pictures.append((name, _digest(data)))

    def _end_segment(self, following: SegmentStart) -> None:
        if self._first is None:
            return
        frames, shown = self._frames - self._begun[0], self._shown[self._begun[1] :]
        listed = {
            "pictures": self._pictures,
            "shown": [(name, str(start)) for name, start in shown],
            "end": str(self._end),
            "frames": frames,
        }
        try:
            path = self._store.path_of(len(self._store.segments))
            with open(path, "w", encoding="utf-8") as file:
                json.dump(listed, file)
                file.flush()
                os.fsync(file.fileno())
            covered, size, notes = following.first - self._first, path.stat().st_size, dict(following.notes)
            self._store.add(Segment(path.name, self._first, covered, frames, 0, 0, 0, size, digest_of(path), notes))
        except OSError as error:
            raise explain(error, self._plan.path, self._bytes) from error

    def finish(self) -> Finished:
        """See :class:`FolderSink`; the lists are deleted once the folder has its name."""
        finished = super().finish()
        self._store.discard()
        return finished

    def abort(self) -> None:
        """Delete what was written unless some of it is finished; harmless after finish()."""
        if not self._store.segments:
            super().abort()
