"""What the program says: notes, warnings and errors on standard error, results on standard output."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping

from vdequant.errors import VdequantError

DAMAGED = 3  # exit code when the output is complete and the input was not
STOPPED = 130  # exit code after Ctrl-C: 128 + SIGINT, as shells report it


def one_line(text: str) -> str:
    """``text`` with line breaks and runs of blanks turned into single blanks."""
    return " ".join(text.split())


def cause(error: Exception) -> str:
    """One line for an error: its own words if it is one of ours, else its name and how to learn more."""
    if isinstance(error, VdequantError):
        return one_line(str(error))
    words = f"unexpected {type(error).__name__}: {error}" if str(error) else f"unexpected {type(error).__name__}"
    return f"{one_line(words)}; run again with -v for the traceback"


class Console:
    """Prints for one run.

    Args:
        verbose: print more, and tracebacks.
        quiet: print only warnings and errors.
        as_json: standard output carries exactly one JSON object, for an error too.
    """

    def __init__(self, *, verbose: bool = False, quiet: bool = False, as_json: bool = False) -> None:
        self.verbose = verbose
        self.quiet = quiet
        self.as_json = as_json

    def note(self, text: str) -> None:
        """A line for people, on standard error."""
        if not self.quiet:
            self._say(text)

    def warn(self, text: str) -> None:
        """Something that the user should know but that does not stop the work."""
        self._say(f"vdequant: warning: {one_line(text)}")

    def error(self, text: str) -> None:
        """The one line that ends a run, and its JSON object when that was asked for."""
        self._say(f"vdequant: error: {one_line(text)}")
        if self.as_json:
            self.answer({"error": one_line(text)})

    def failed(self, error: Exception) -> None:
        """End a run with ``error``: one line, after the traceback if the run is verbose."""
        if self.verbose:
            self._say("".join(traceback.format_exception(error)).rstrip())
        self.error(cause(error))

    def skipped(self, source: str, error: Exception) -> None:
        """One of several inputs failed; the others go on."""
        if self.verbose:
            self._say("".join(traceback.format_exception(error)).rstrip())
        self._say(f"vdequant: error: {source}: {cause(error)}")

    def answer(self, values: Mapping[str, object]) -> None:
        """One JSON object on standard output."""
        print(json.dumps(values, ensure_ascii=False), flush=True)

    def result(self, text: str) -> None:
        """A line of the answer itself, on standard output."""
        print(text, flush=True)

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
