"""How an evaluation ends: what should be known about it, its tables or one JSON object, and where the files are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vdequant.cli.console import Console


def tell_tables(
    console: Console, notes: Sequence[str], text: str, answer: dict[str, Any], files: Sequence[Path]
) -> None:
    """Say what was found.

    Args:
        console: where.
        notes: one line each, shown as warnings.
        text: the tables in Markdown.
        answer: the same for programs, in place of ``text`` where JSON is asked for.
        files: that were written.
    """
    for note in notes:
        console.warn(note)
    if console.as_json:
        console.answer(answer)
    else:
        console.result(text.rstrip())
    console.note(f"wrote {', '.join(str(path) for path in files)}")
