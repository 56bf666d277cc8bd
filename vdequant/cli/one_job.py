"""One job, as every command that writes one output does it: progress, Ctrl-C, summary, exit code."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from vdequant.cli.console import DAMAGED, STOPPED, Console
from vdequant.cli.naming import kept_beside
from vdequant.cli.progress import Progress


class Done(Protocol):
    """The summary of a job."""

    @property
    def damage(self) -> str:
        """What was wrong with the input; "" for nothing."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        ...


S = TypeVar("S", bound=Done)


def run_one(
    output: str, console: Console, work: Callable[[Progress], S], summary_lines: Callable[[S], list[str]]
) -> int:
    """Do ``work``, which writes ``output``, and say how it went.

    Returns:
        The exit code: 0, 3 when the input was damaged, 130 after Ctrl-C.
    """
    existed = os.path.exists(output)
    with Progress(console) as progress:
        try:
            summary = work(progress)
        except KeyboardInterrupt:
            progress.close()
            console.error(_stopped(output, existed=existed))
            return STOPPED
    for line in summary_lines(summary):
        console.note(line)
    if console.as_json:
        console.answer(summary.as_dict())
    return DAMAGED if summary.damage else 0


def _stopped(output: str, *, existed: bool) -> str:
    if output == "-":
        return "stopped; what standard output received is incomplete"
    if folder := kept_beside(output):
        return f"stopped; what is finished is kept in {folder}; the same command goes on from there"
    kept = f"what was at {output} before is untouched" if existed else f"nothing was kept at {output}"
    return f"stopped; {kept}; run the same command again to start over"
