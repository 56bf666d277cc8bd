"""Names of outputs that the user did not spell out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vdequant.errors import UsageError


def is_folder_name(path: str) -> bool:
    """Whether ``path`` means a directory: it is one, or is spelled like one."""
    return path.endswith(("/", os.sep)) or (path != "" and os.path.isdir(path))


def default_suffix(source: str, video: str = ".mp4") -> str:
    """What an input becomes by default: ``.png`` for a picture, "" for a folder of frames, else ``video``."""
    if os.path.isdir(source):
        return ""
    return ".png" if _is_picture(source) else video


def _is_picture(source: str) -> bool:
    """By content: a GIF may be a picture or a film, and so may a PNG; by its ending where it cannot be read."""
    from vdequant.media.containers import READABLE_PICTURES
    from vdequant.media.source import is_still

    try:
        return is_still(source)
    except OSError:
        return Path(source).suffix.lower() in READABLE_PICTURES


def suggested_output(source: str, done: str = "restored", video: str = ".mp4") -> str:
    """An output to propose for ``source``, beside it and under another name that says what was ``done``."""
    if source == "-":
        return f"{done}{video}"
    path = Path(source)
    name = path.name if os.path.isdir(source) else path.stem
    return str(path.with_name(f"{name or 'frames'}_{done}{default_suffix(source, video)}"))


def kept_beside(target: str) -> str:
    """The folder in which finished segments of an unfinished output are kept; "" when there is none."""
    folder = f"{os.path.normpath(target)}.parts"
    return folder if os.path.isdir(folder) else ""


def video_ending(codec: str, *, lossless: bool) -> str:
    """What a restored video is called by default: ``.mp4``, unless its codec needs another container."""
    return ".mkv" if lossless or codec == "ffv1" else ".mov" if codec == "prores" else ".mp4"


def batch_outputs(sources: Sequence[str], folder: str, video: str = ".mp4") -> list[str]:
    """One output in ``folder`` for each of several inputs, under the input's name.

    Raises:
        UsageError: for standard input, which has no name, and for two inputs that would share an output.
    """
    taken: dict[str, str] = {}
    for source in sources:
        if source == "-":
            raise UsageError("expected files or folders when there are several inputs, got -; restore - on its own")
        path = Path(os.path.abspath(source))
        name = path.name if os.path.isdir(source) else path.stem
        target = os.path.join(folder, name + default_suffix(source, video))
        if target in taken:
            raise UsageError(
                f"expected inputs with different names, got {taken[target]} and {source}, both for {target}; "
                "restore them one at a time"
            )
        taken[target] = source
    return list(taken)
