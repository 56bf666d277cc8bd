"""Opens whatever the user names: a video, a picture, a folder or list of pictures, or standard input."""

from __future__ import annotations

import os
from pathlib import Path

from vdequant.errors import InputError
from vdequant.media.containers import READABLE_PICTURES, REFUSED_INPUTS
from vdequant.media.contracts import Source
from vdequant.media.folder import FolderSource
from vdequant.media.frame_list import is_list_file
from vdequant.media.image import ImageSource
from vdequant.media.opening import check_file
from vdequant.media.pipe import standard_input
from vdequant.media.video_source import VideoSource
from vdequant.media.webp import WebpSource, is_animated
from vdequant.settings import Settings

__all__ = ["Source", "is_still", "open_source"]

_HEAD = 4096  # the chunks that tell still from animation come first
_STILL_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_MNG = b"\x8aMNG\r\n\x1a\n"
_MOTION_JPEG = (".mjpg", ".mjpeg")


def open_source(path: str, settings: Settings) -> Source:
    """A source for ``path``; "-" is standard input.

    Raises:
        InputError: missing, empty, damaged, or of a kind that cannot be read, with what to do instead.
    """
    if path == "-":
        return VideoSource(path, settings, file=standard_input())
    if os.path.isdir(path) or is_list_file(path):
        return FolderSource(path, settings)
    check_file(path)
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    suffix = ".mng" if head.startswith(_MNG) else Path(path).suffix.lower()
    if suffix in REFUSED_INPUTS:
        remedy = REFUSED_INPUTS[suffix].replace("{}", path)
        raise InputError(f"{path} cannot be read: {remedy}")
    if is_animated(head):
        return WebpSource(path, settings)
    if _is_still(head, suffix):
        return ImageSource(path)
    return VideoSource(path, settings)


def is_still(path: str) -> bool:
    """Whether a file is one picture, not an animation, by its content."""
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    return not is_animated(head) and _is_still(head, Path(path).suffix.lower())


def _is_still(head: bytes, suffix: str) -> bool:
    """By content where that is certain; an animated PNG announces itself by acTL before its first pixels."""
    if head.startswith(b"\x89PNG"):
        return b"acTL" not in head.split(b"IDAT")[0]
    if head.startswith(_STILL_STARTS) or head[8:12] == b"WEBP":
        return suffix not in _MOTION_JPEG
    return suffix in READABLE_PICTURES
