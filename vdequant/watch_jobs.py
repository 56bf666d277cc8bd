"""Decides what ``vdequant watch`` does with a capture, and what its output is called."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from vdequant.captures import Capture, fingerprint
from vdequant.ledger import Entry, Ledger, Outcome
from vdequant.media.source import is_still
from vdequant.settings import Settings

# Settings that do not change the pictures.
MACHINE = frozenset({"device", "workers", "tile", "overwrite", "resume", "max_pixels", "max_frames"})


@dataclass(frozen=True, slots=True)
class Job:
    """A capture to restore, its output relative to the folder of outputs, and whether to replace an existing one."""

    capture: Capture
    output: str
    replaces: bool


class Jobs:
    """Finds what is to be done, by what the ledger says was done."""

    def __init__(self, restored: str, settings: Settings, ending: str, version: str) -> None:
        """``restored``: the folder of outputs. ``ending``: of restored videos. ``version``: of the program.

        Raises:
            OutputError: the ledger in the folder is damaged.
        """
        self._restored, self._ending, self._overwrite = restored, ending, settings.overwrite
        self._identity, self._version = _identity(settings, ending), version
        self._ledger = Ledger(restored)

    @property
    def taken(self) -> dict[str, Entry]:
        """Everything that was ever taken up, by path."""
        return self._ledger.entries

    def find(self, capture: Capture, *, watched: bool) -> Job | None:
        """What is to be done with a capture, None for nothing.

        Args:
            watched: it was restored in this run and never gone since, so that more of it is the same recording.
        """
        entry = self._ledger.entries.get(capture.path)
        replaces = self._overwrite
        if entry is None:
            return Job(capture, self._new_output(capture), replaces)
        other = entry.settings != self._identity
        if (entry.size, entry.mtime) == (capture.size, capture.mtime):
            wanted = replaces and (other or entry.outcome == "kept")
            if entry.outcome == "failed":
                wanted = other or entry.version != self._version
            return Job(capture, self._same_output(capture, entry), replaces) if wanted else None
        if entry.outcome != "failed" and self._is_known(capture, entry):
            return None
        grown = watched and capture.size >= entry.size
        if entry.outcome == "failed" or replaces or grown:
            return Job(capture, self._same_output(capture, entry), replaces or grown)
        return Job(capture, self._new_output(capture, fresh=True), replaces=False)

    def _is_known(self, capture: Capture, entry: Entry) -> bool:
        """Whether a capture with another time holds what it held; then that time is noted."""
        with suppress(OSError):
            if capture.size == entry.size and entry.content == fingerprint(capture):
                self._ledger.record(capture.path, replace(entry, mtime=capture.mtime))
                return True
        return False

    def _new_output(self, capture: Capture, *, fresh: bool = False) -> str:
        """A name that no other capture's output has; with ``fresh`` one that nothing has."""
        base = capture.name if capture.kind == "frames" else os.path.splitext(capture.name)[0]
        names = _names(base, capture.name, self._ending_of(capture))
        return next(name for name in names if self._is_free(name, capture, fresh))

    def _same_output(self, capture: Capture, entry: Entry) -> str:
        """The name that was chosen before, unless it was given to another capture or has the wrong ending now."""
        free = self._ledger.makers.get(entry.output, capture.path) == capture.path
        fits = os.path.splitext(entry.output)[1] == self._ending_of(capture) or capture.kind == "frames"
        return entry.output if free and fits else self._new_output(capture, fresh=True)

    def _ending_of(self, capture: Capture) -> str:
        return self._ending if moves(capture) else {"still": ".png"}.get(capture.kind, "")

    def _is_free(self, name: str, capture: Capture, fresh: bool) -> bool:
        maker = self._ledger.makers.get(name)
        if fresh:
            return maker is None and not os.path.lexists(os.path.join(self._restored, name))
        return maker in (None, capture.path)

    def remember(self, job: Job, outcome: Outcome, error: str = "") -> None:
        """Write into the ledger what came of a job."""
        capture, content = job.capture, ""
        if outcome != "failed":
            with suppress(OSError):
                content = fingerprint(capture)
        entry = Entry(capture.size, capture.mtime, job.output, outcome, self._identity, self._version, content, error)
        self._ledger.record(capture.path, entry)


def _names(base: str, name: str, ending: str) -> Iterator[str]:
    """game.mp4, game.avi.mp4, game_2.mp4, game_3.mp4, ..."""
    yield base + ending
    yield name + ending
    number = 1
    while True:
        number += 1
        yield f"{base}_{number}{ending}"


def moves(capture: Capture) -> bool:
    """Whether a file becomes a video; animations may have the ending of a picture."""
    if capture.kind == "still":
        with suppress(OSError):
            return not is_still(capture.path)
    return capture.kind == "video"


def _identity(settings: Settings, ending: str) -> dict[str, Any]:
    """The settings that differ from the defaults and change the result, as the ledger gives them back."""
    plain = Settings()
    given = {f.name: getattr(settings, f.name) for f in fields(Settings) if f.name not in MACHINE}
    changed = {name: value for name, value in given.items() if value != getattr(plain, name)}
    named: dict[str, Any] = json.loads(json.dumps(changed | ({} if ending == ".mp4" else {"ending": ending})))
    return named
