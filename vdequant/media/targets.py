"""Where output goes: checks before the work, writing beside the target, renaming at the end, and disk errors in words.

restored.part.mkv  ──(complete, synced)──►  restored.mkv
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from vdequant.errors import OutputError

# EFBIG: the file system's or the user's limit for one file.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def part_path(path: str) -> Path:
    """The name beside ``path`` that is written first; it keeps the ending, by which muxers and people go."""
    target = Path(path)
    return target.with_name(f"{target.stem}.part{target.suffix}")


def parts_path(path: str) -> Path:
    """The folder beside ``path`` where finished segments are kept until the job is done."""
    target = Path(os.path.normpath(path))
    return target.with_name(f"{target.name}.parts")


def _same(first: Path, second: str) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False


def check_target(path: str, source_path: str, *, overwrite: bool, folder: bool = False) -> None:
    """Raise :class:`OutputError` when ``path`` cannot or must not be written."""
    target = Path(path)
    if _same(target, source_path):
        raise OutputError(f"output {path} is the input itself; choose another name")
    parent = target.absolute().parent
    if not parent.is_dir():
        raise OutputError(f"folder {parent} does not exist; create it: mkdir -p {parent}")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"folder {parent} may not be written by this user; choose another one")
    if target.is_dir() and not folder:
        raise OutputError(f"{path} is a folder; choose a file name")
    if folder and target.exists() and not target.is_dir():
        raise OutputError(f"{path} is a file; choose a folder name")
    if not target.exists() or overwrite:
        return
    if not folder:
        raise OutputError(f"{path} exists; choose another name or pass --overwrite")
    if any(target.iterdir()):
        raise OutputError(f"folder {path} is not empty; choose another name or pass --overwrite")


def is_full(error: BaseException) -> bool:
    """Whether ``error`` says that no more can be written."""
    return getattr(error, "errno", None) in _FULL


def explain(error: BaseException, path: str, written: int = 0) -> OutputError:
    """``error`` of a write to ``path`` as one line with a remedy; ``written``: bytes so far."""
    if is_full(error):
        amount = f" after {written / 1e6:.1f} MB" if written else ""
        return OutputError(f"disk full{amount} while writing {path}; free some space or choose another disk")
    if isinstance(error, BrokenPipeError) or getattr(error, "errno", None) == errno.EPIPE:
        return OutputError("the program that reads our output has ended; check the command behind the pipe")
    if isinstance(error, PermissionError):
        return OutputError(f"{path} may not be written by this user; choose another folder")
    text = " ".join(str(error).split())
    return OutputError(f"{path} cannot be written ({text}); try another container or codec, for example an .mkv name")


def sync(path: Path) -> None:
    """Make sure that the file's content is on the disk before it gets its final name."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder last; not every system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def publish(part: Path, path: str) -> int:
    """Give the complete file its final name; returns its size in bytes. Both last when this returns."""
    try:
        sync(part)
        size = part.stat().st_size
        os.replace(part, path)
        sync_folder(part.parent)
    except OSError as error:
        raise explain(error, path) from error
    return size
