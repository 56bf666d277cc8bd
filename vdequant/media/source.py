"""Opens whatever the user names: a video, a picture, a folder or list of pictures, or standard input."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import av

from vdequant.errors import InputError, UsageError
from vdequant.media.containers import READABLE_PICTURES, READABLE_VIDEOS, REFUSED_INPUTS
from vdequant.media.contracts import Source
from vdequant.media.folder import FolderSource
from vdequant.media.frame_list import is_list_file
from vdequant.media.image import ImageSource, is_still_gif
from vdequant.media.opening import check_file
from vdequant.media.pipe import Arriving, arriving, is_redirected_file, is_stream, standard_input
from vdequant.media.raw import stream_format, stream_options
from vdequant.media.video_source import VideoSource
from vdequant.media.webp import WebpSource, is_animated
from vdequant.settings import Settings

__all__ = ["Source", "is_still", "open_source"]

_HEAD = 4096  # the chunks that tell still from animation come first
_STILL_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_MNG = b"\x8aMNG\r\n\x1a\n"
_AVIF = b"ftypavif"  # an animation's is another
_MOTION_JPEG = (".mjpg", ".mjpeg")


def open_source(path: str, settings: Settings) -> Source:
    """A source for ``path``; "-" is standard input.

    Raises:
        InputError: missing, empty, damaged, or of a kind that cannot be read, with what to do instead.
    """
    stream = _stream(path, settings)
    if stream is not None:
        return VideoSource(path, settings, file=stream)
    _check_file_settings(path, settings)
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
    if _is_still(head, suffix, path):
        return ImageSource(path, settings.max_pixels)
    return VideoSource(path, settings)


def _stream(path: str, settings: Settings) -> BinaryIO | Arriving | None:
    """What is read once and in order: standard input, pipes with a name, raw pictures; None for everything else."""
    if path == "-":
        if is_redirected_file() and not settings.raw_size:
            return standard_input()
    elif not is_stream(path):
        if not settings.raw_size or os.path.isdir(path):
            return None
        check_file(path)
        _refuse_known(path)
    return arriving(path, stream_format(settings), stream_options(settings))


def _refuse_known(path: str) -> None:
    """Raise :class:`UsageError` for a file that says by its name and its content that it holds no raw pictures."""
    if os.path.splitext(path)[1].lower() not in (*READABLE_VIDEOS, *READABLE_PICTURES):
        return
    try:
        with av.open(path) as container:
            known = container.format.name if container.streams.video else ""
    except (av.error.FFmpegError, OSError):
        return
    if known:
        raise UsageError(f"--size is for raw pictures without a header, {path} is {known} and has its own; drop it")


def _check_file_settings(path: str, settings: Settings) -> None:
    """Refuse what only streams and folders have use for."""
    folder = os.path.isdir(path)
    if settings.raw_size:
        raise UsageError(f"--size is for raw pictures in one stream or file, {path} is a folder; drop it")
    if settings.fps and not folder:
        raise UsageError(f"--fps is for raw pictures (with --size) and folders, {path} has its own times; drop it")


def is_still(path: str) -> bool:
    """Whether a file is one picture, not an animation, by its content."""
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    still = _is_still(head, Path(path).suffix.lower(), path) or head[4:12] == _AVIF
    return still and not is_animated(head)


def _is_still(head: bytes, suffix: str, path: str) -> bool:
    """By content where that is certain; an animated PNG announces itself by acTL before its first pixels."""
    if head.startswith(b"GIF8"):
        return is_still_gif(path)
    if head.startswith(b"\x89PNG"):
        return b"acTL" not in head.split(b"IDAT")[0]
    if head.startswith(_STILL_STARTS) or head[8:12] == b"WEBP":
        return suffix not in _MOTION_JPEG
    return suffix in READABLE_PICTURES
