"""Tells a folder of screenshots from a folder of a video's frames, by names and sizes alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from vdequant.media.containers import READABLE_PICTURES

_PNG = b"\x89PNG\r\n\x1a\n"
# RetroArch: Game-230101-120000.png; OBS: Screenshot 2023-01-01 12-00-00.png; phones: Screenshot_20230101_120000.png
_STAMP = re.compile(
    r"(?<!\d)(?:\d{6}-\d{6}|\d{8}[-_T]\d{6}|\d{4}-\d\d-\d\d[-_ T]{1,3}\d\d[-_.:h]?\d\d[-_.:m]?\d\d)(?!\d)"
)


def why_stills(files: Sequence[Path]) -> str:
    """Why the pictures are screenshots, each for itself, in words; "" when they are the frames of one video.

    They are when each was taken in a second of its own, as their names say, or when they are not all of one size.
    Numbered pictures of one size are taken for frames.
    """
    if len(files) < 2:
        return ""
    stamps = {found[0] for file in files if (found := _STAMP.search(file.stem))}
    if len(stamps) == len(files):
        return "named by the second they were taken"
    sizes = {size for file in files if (size := _size(file)) is not None}
    return f"of {len(sizes)} sizes" if len(sizes) > 1 else ""


def is_picture(file: Path) -> bool:
    """Whether a name is that of a readable picture; hidden files are none."""
    return file.suffix.lower() in READABLE_PICTURES and not file.name.startswith(".")


def _size(file: Path) -> tuple[int, int] | None:
    """Width and height from the first bytes; None for what is damaged, which is reported when it is read."""
    try:
        with open(file, "rb") as data:
            head = data.read(24)
        if head.startswith(_PNG) and len(head) == 24:
            return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
        with Image.open(file) as picture:
            return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
