"""Several inputs into one directory: each on its own, so that a damaged one stops no other."""

from __future__ import annotations

import os

import vdequant
from vdequant.cli.console import STOPPED, Console, cause
from vdequant.cli.naming import batch_outputs
from vdequant.cli.progress import Progress, table_lines
from vdequant.errors import OutputError, UsageError
from vdequant.settings import Settings


def restore_all(inputs: list[str], folder: str, settings: Settings, console: Console) -> int:
    """Restore each input into ``folder``, going on after one that fails; 1 if any did."""
    created = not os.path.isdir(folder)
    outputs = batch_outputs(inputs, folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"expected to create the folder {folder}, got {error.strerror}; choose another -o") from error
    rows: list[dict[str, object]] = []
    try:
        for source, target in zip(inputs, outputs, strict=True):
            console.note(f"{source} -> {target}")
            rows.append(_row(source, target, settings, console))
    except KeyboardInterrupt:
        done = sum("error" not in row for row in rows)
        rest = inputs[len(rows)]
        console.error(f"stopped; {done} of {len(inputs)} are finished in {folder}, nothing was kept of {rest}")
        return STOPPED
    finally:
        if created and not os.listdir(folder):
            os.rmdir(folder)
    failed = sum("error" in row for row in rows)
    for line in table_lines(rows):
        console.note(line)
    if console.as_json:
        console.answer({"files": rows, "failed": failed})
    return 1 if failed else 0


def _row(source: str, target: str, settings: Settings, console: Console) -> dict[str, object]:
    """The summary of one input of several, or its error. A wrong command line is wrong for all and ends the run."""
    try:
        with Progress(console) as progress:
            return vdequant.restore(source, target, settings, observer=progress).as_dict()
    except (UsageError, BrokenPipeError):
        raise
    except Exception as error:
        console.skipped(source, error)
        return {"input": source, "output": target, "error": cause(error)}
