"""What ``vdequant watch`` has done, in a small file beside the outputs, so that nothing is done twice."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from vdequant.errors import OutputError

STATE_NAME = ".vdequant-watch.json"
VERSION = 1
Outcome = Literal["done", "kept", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One capture.

    Attributes:
        size, mtime: bytes and modification time (nanoseconds) of the capture when it was taken up.
        output: relative to the folder of outputs.
        outcome: "done"; "kept": the output was there before and was left alone; "failed".
        settings: those that are not at their default.
        version: of the program; another one tries again what failed.
        content: a digest, by which a file that was only touched or copied back is known again.
        error: one line, of a failure.
    """

    size: int
    mtime: int
    output: str
    outcome: Outcome
    settings: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    content: str = ""
    error: str = ""


class Ledger:
    """Entries by the captures' absolute paths; every change is on the disk when :meth:`record` returns.

    Attributes:
        entries: the latest of each capture.
        makers: which capture each output was made from, also of recordings that were replaced since.
    """

    def __init__(self, folder: str) -> None:
        """Read the state of ``folder``; without a file nothing was done yet.

        Raises:
            OutputError: the file is damaged or of a later version.
        """
        self._file = Path(folder) / STATE_NAME
        self.entries: dict[str, Entry] = {}
        self.makers: dict[str, str] = {}
        if not self._file.exists():
            return
        try:
            state = json.loads(self._file.read_text(encoding="utf-8"))
            if state["version"] != VERSION:
                raise ValueError(f"version {state['version']}")
            self.entries = {source: Entry(**entry) for source, entry in state["captures"].items()}
            self.makers = {str(output): str(source) for output, source in state["makers"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise OutputError(
                f"expected the state of vdequant watch in {self._file}, got something else ({error}); delete it: "
                "outputs that exist are kept and not made again"
            ) from error

    def record(self, source: str, entry: Entry) -> None:
        """Remember ``entry`` for a capture.

        Raises:
            OutputError: the disk is full, or the folder may no longer be written.
        """
        self.entries[source] = entry
        if entry.outcome != "failed":
            self.makers[entry.output] = source
        state = {
            "version": VERSION,
            "captures": {path: asdict(known) for path, known in self.entries.items()},
            "makers": self.makers,
        }
        part = self._file.with_name(f"{STATE_NAME}.part")
        try:
            with open(part, "w", encoding="utf-8") as file:
                json.dump(state, file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self._file)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OutputError(
                f"expected to write {self._file}, got {error.strerror or error}; free some space and start again"
            ) from error
