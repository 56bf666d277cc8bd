"""Only one run at a time writes an output: a lock beside it, which the system drops however its holder ends.

restored.mkv.lock  ──(held while the output is being written)──►  deleted

A lock that a killed run left behind is a file that nobody holds, and stops no one.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vdequant.errors import OutputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ENDING = ".lock"
_FAR = 1 << 20  # Windows locks bytes, and others may not read them: one far behind the holder's number


def lock_path(path: str) -> Path:
    """The lock of the output ``path``, beside it."""
    target = Path(os.path.normpath(path))
    return target.with_name(f"{target.name}{ENDING}")


@contextmanager
def writing_alone(path: str) -> Iterator[None]:
    """Hold the lock of the output ``path``; "-" and places without locks (some network drives) go without.

    Raises:
        OutputError: another run holds it.
    """
    file = None if path == "-" else _taken(path)
    try:
        yield
    finally:
        if file is not None:
            _given_back(file, lock_path(path))


def _taken(path: str) -> BinaryIO | None:
    """The lock's open file, None where there can be none."""
    lock = lock_path(path)
    while True:
        try:
            file = os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        except OSError:  # what is wrong with the folder, the output's own checks say better
            return None
        try:
            _lock(file)
        except BlockingIOError as error:
            with file:
                raise OutputError(
                    f"{path} is being written by another vdequant{_holder(file)}; wait for it or choose another name"
                ) from error
        except OSError:
            file.close()
            return None
        if _is_still_there(file, lock):
            with contextlib.suppress(OSError):  # a full disk
                file.truncate(0)
                file.write(str(os.getpid()).encode())
            return file
        file.close()  # its holder deleted it while we opened it


def _lock(file: BinaryIO) -> None:
    """Lock without waiting.

    Raises:
        BlockingIOError: another one holds it.
        OSError: there are no locks here.
    """
    if sys.platform == "win32":
        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
        finally:
            file.seek(0)
    else:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_still_there(file: BinaryIO, lock: Path) -> bool:
    """Whether the open file is the one with that name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(lock))
    except OSError:
        return False


def _holder(file: BinaryIO) -> str:
    """Who holds a lock, in words."""
    with contextlib.suppress(OSError, ValueError):
        return f" (process {int(file.read(20))})"
    return ""


def _given_back(file: BinaryIO, lock: Path) -> None:
    """Delete the lock, then let go: in this order nobody can take one that is about to vanish."""
    with contextlib.suppress(OSError):  # Windows deletes no open file
        lock.unlink()
    file.close()
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            lock.unlink()
