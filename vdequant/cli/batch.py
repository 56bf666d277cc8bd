"""Several inputs into one directory: each on its own, so that a damaged one stops no other."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

import vdequant
from vdequant.cli.console import DAMAGED, STOPPED, Console, cause
from vdequant.cli.naming import batch_outputs, kept_beside, video_ending
from vdequant.cli.progress import Progress, table_lines
from vdequant.errors import OutputError, UsageError
from vdequant.settings import Settings

One = Callable[[str, str, Progress], Mapping[str, object]]  # input, output, observer -> summary


def restore_all(inputs: list[str], folder: str, settings: Settings, console: Console) -> int:
    """Restore each input into ``folder``, going on after one that fails; see :func:`run_all`."""

    def one(source: str, target: str, progress: Progress) -> Mapping[str, object]:
        return vdequant.restore(source, target, settings, observer=progress).as_dict()

    outputs = batch_outputs(inputs, folder, video_ending(settings.codec, lossless=settings.lossless))
    return run_all(inputs, folder, outputs, one, console, "restored")


def run_all(inputs: Sequence[str], folder: str, outputs: Sequence[str], one: One, console: Console, verb: str) -> int:
    """Do ``one`` for each input and its output in ``folder``, going on after one that fails.

    Returns:
        The exit code: 1 if any failed, else 3 if any was damaged, else 0.
    """
    created = not os.path.isdir(folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"expected to create the folder {folder}, got {error.strerror}; choose another -o") from error
    rows: list[Mapping[str, object]] = []
    try:
        for source, target in zip(inputs, outputs, strict=True):
            console.note(f"{source} -> {target}")
            rows.append(_row(source, target, one, console))
    except KeyboardInterrupt:
        done = sum("error" not in row for row in rows)
        parts = kept_beside(outputs[len(rows)])
        rest = f"the beginning of {inputs[len(rows)]} is kept" if parts else f"nothing was kept of {inputs[len(rows)]}"
        console.error(f"stopped; {done} of {len(inputs)} are finished in {folder}, {rest}")
        return STOPPED
    finally:
        if created and not os.listdir(folder):
            os.rmdir(folder)
    failed = sum("error" in row for row in rows)
    for line in table_lines(rows, verb):
        console.note(line)
    if console.as_json:
        console.answer({"files": rows, "failed": failed})
    return 1 if failed else DAMAGED if any(row.get("damage") for row in rows) else 0


def _row(source: str, target: str, one: One, console: Console) -> Mapping[str, object]:
    """The summary of one input of several, or its error. A wrong command line is wrong for all and ends the run."""
    try:
        with Progress(console) as progress:
            return one(source, target, progress)
    except (UsageError, BrokenPipeError):
        raise
    except Exception as error:
        console.skipped(source, error)
        return {"input": source, "output": target, "error": cause(error)}
