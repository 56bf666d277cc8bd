"""The two folders of ``vdequant watch``: whether they can work, and who may write to the second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vdequant.errors import InputError, OutputError, UsageError

try:
    import fcntl
except ImportError:  # Windows has no locks on folders
    fcntl = None  # type: ignore[assignment]


def check_folders(captures: str, restored: str) -> None:
    """Raise UsageError or InputError when ``captures`` cannot be watched, or ``restored`` would be watched with it."""
    if not os.path.exists(captures):
        raise InputError(f"expected a folder to watch, {captures} does not exist; create it: mkdir -p {captures}")
    if not os.path.isdir(captures):
        raise UsageError(f"expected a folder to watch, got the file {captures}; try: vdequant {captures} -o OUTPUT")
    inner, outer = os.path.realpath(captures), os.path.realpath(restored)
    if inner == outer or inner.startswith(os.path.join(outer, "")):
        raise UsageError(f"expected -o FOLDER beside or in {captures}, got {restored}, which holds the captures")


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """Keep a second watch out of the folder of outputs, which is made if needed and removed again if left empty."""
    created = not os.path.isdir(folder)
    try:
        os.makedirs(folder, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY) if fcntl is not None else None
    except OSError as error:
        raise OutputError(
            f"expected a folder to write to at {folder}, got {error.strerror}; choose another -o"
        ) from error
    try:
        if handle is not None:
            _lock(handle, folder)
        yield
    finally:
        if handle is not None:
            os.close(handle)
        if created and not os.listdir(folder):
            os.rmdir(folder)


def _lock(handle: int, folder: str) -> None:
    """The system drops the lock when the process ends, however it ends."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(f"another vdequant watch works in {folder}; stop it or choose another -o") from error
    except OSError:  # a file system without locks
        return


def readable(reports: Iterator[set[Any]], folder: str) -> Iterator[set[Any]]:
    """The system's reports; when it refuses them, one line that says what to do."""
    try:
        yield from reports
    except (OSError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise InputError(
            f"{folder} cannot be watched ({text}); raise fs.inotify.max_user_watches, set WATCHFILES_FORCE_POLLING=1, "
            "or run vdequant watch --once now and then"
        ) from error
