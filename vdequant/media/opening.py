"""Opens containers and says in one line why one cannot be opened."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vdequant.errors import InputError
from vdequant.media.pipe import Arriving
from vdequant.settings import MOST_PIXELS

MAX_PIXELS = "max_pixels"  # FFmpeg's name for the option that every decoder heeds
# Demuxers that take any text or any bytes for a film, or some bytes of noise for the words of a song (lrc).
_NOT_FILMS = ("tty", "txd", "bin", "xbin", "adf", "idf", "lrc")
# Bare streams known by some 20 bits, which noise and raw pictures happen to have: one in 10,000 is taken for
# H.263. They are believed where the file's name says the same.
_KNOWN_BY_NAME = {"h261": (".h261", ".261"), "h263": (".h263", ".263")}
BOXES = (b"ftyp", b"wide", b"mdat")  # with which MP4 and MOV begin


def _roomy(pixels: int) -> int:
    """What decoders are told: they count their buffers, which are as wide as cache lines and as high as blocks."""
    return 2 * pixels + (1 << 16)


def check_file(path: str) -> None:
    """Raise :class:`InputError` unless ``path`` is a readable file with something in it."""
    if not os.path.exists(path):
        if "://" in path:
            raise InputError(f"expected a file, got the address {path}; download it first, as with yt-dlp or curl")
        raise InputError(f"{path} does not exist; check the name and the folder")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} may not be read by this user; change its permissions")
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        raise InputError(f"{path} is empty (0 bytes); record or download it again")


def _lacks_index(path: str) -> bool:
    """Whether an MP4 or MOV file has no "moov" box: the recorder was stopped before it wrote the index.

    A file is a row of boxes: 4 bytes size, 4 bytes name, then size - 8 bytes; size 1 means that 8 more bytes
    hold the size, 0 that the box runs to the end.
    """
    names: list[bytes] = []
    with open(path, "rb") as file:
        end = os.fstat(file.fileno()).st_size
        while len(header := file.read(8)) == 8:
            size, name = struct.unpack(">I4s", header)
            names.append(name)
            if size == 1:
                wide = file.read(8)
                size = struct.unpack(">Q", wide)[0] - 8 if len(wide) == 8 else 0
            if names[0] not in BOXES or size < 8 or size - 8 >= end - file.tell():  # what follows is no box
                break
            file.seek(size - 8, os.SEEK_CUR)
    return bool(names) and names[0] in BOXES and b"moov" not in names


def open_container(
    path: str, file: BinaryIO | Arriving | None = None, *, max_pixels: int = MOST_PIXELS
) -> InputContainer:
    """Open ``path``, or the stream ``file`` (standard input) when given.

    Args:
        max_pixels: decoders refuse pictures that are much larger, here and later.

    Raises:
        InputError: missing, damaged or no film, with the cause and a remedy.
    """
    name = "standard input" if path == "-" else path
    form, options = (file.format, file.options) if isinstance(file, Arriving) else (None, {})
    if file is None:
        check_file(path)
    try:
        options = {MAX_PIXELS: str(_roomy(max_pixels)), **options}
        container = av.open(path if file is None else file, "r", format=form, options=options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if file is None and _lacks_index(path):
            raise InputError(
                f"{name} has no index (moov): the recording was cut off; repair it with untrunc or record again as mkv"
            ) from error
        if isinstance(file, Arriving):
            raise InputError(unreadable_stream(name, file)) from error
        raise InputError(f"{name} is not a video or picture that FFmpeg can read; check what it really is") from error
    found = container.format.name
    if found in _NOT_FILMS or not name.lower().endswith(_KNOWN_BY_NAME.get(found, "")):
        container.close()
        if isinstance(file, Arriving):
            raise InputError(unreadable_stream(name, file))
        if found in _NOT_FILMS:
            raise InputError(f"{name} is text, not a video; check what it really is")
        raise InputError(f"{name} looks like bare {found}, as noise may; if it is, let its name end in .{found}")
    return container


def unreadable_stream(name: str, file: Arriving) -> str:
    """Why nothing could be read from a stream, in one line with a remedy."""
    if not file.head:
        return f"{name} ended before anything came; check the command in front of the pipe"
    if file.head[4:8] in BOXES:
        return f"{name} is an MP4 whose index comes last, which a pipe cannot bring first; give the file's name instead"
    return (
        f"{name} is not a video that FFmpeg can read; send -f nut or -f yuv4mpegpipe, or say what raw pictures are "
        "like: --size 256x240 --fps 60 --pix-fmt rgb24"
    )


def film_stream(container: InputContainer, name: str, *, live: bool = False) -> VideoStream:
    """The first video stream that is not a cover picture, ready for threaded decoding.

    Args:
        live: each picture has to come out before the next one goes in, which decoders of one picture a thread cannot.
    """
    most = container.options.get(MAX_PIXELS, str(_roomy(MOST_PIXELS)))
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                raise InputError(f"{name} holds video of an unknown codec; update PyAV, or convert it with ffmpeg")
            if not stream.codec_context.is_open:  # else it was set before, and cannot be again
                stream.thread_type = "SLICE" if live else "AUTO"  # faster, and damaged pictures get flagged
                stream.codec_context.options = {MAX_PIXELS: most}
            return stream
    kinds = sorted({stream.type for stream in container.streams})
    raise InputError(f"{name} holds no video, only {', '.join(kinds) or 'nothing'}; give a file with pictures")
