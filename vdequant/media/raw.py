"""How streams are opened: raw pictures as the settings describe them, live ones without waiting for more."""

from __future__ import annotations

from fractions import Fraction

import av

from vdequant.checks import read_rate, read_size
from vdequant.errors import InputError, UsageError
from vdequant.frames import Siting
from vdequant.media.pixels import storage
from vdequant.settings import Settings

RAW_RATE = Fraction(60)
RAW_PIXELS = "rgb24"
# FFmpeg reads 20 pictures to measure the rate, and up to 5 s to know all about each stream, before the first comes out.
_LIVE = {"fpsprobesize": "0", "analyzeduration": "500000"}


def stream_options(settings: Settings) -> dict[str, str]:
    """Of the demuxer of a stream.

    Raises:
        UsageError: raw pictures of a format that does not exist or cannot be read.
    """
    options = dict(_LIVE) if settings.live else {}
    if settings.raw_size:
        width, height = read_size(settings.raw_size)
        rate = raw_rate(settings)
        options |= {
            "video_size": f"{width}x{height}",
            "pixel_format": _checked(settings.pix_fmt or RAW_PIXELS),
            "framerate": f"{rate.numerator}/{rate.denominator}",
        }
    return options


def stream_format(settings: Settings) -> str | None:
    """FFmpeg's name for raw pictures; None: the stream says what it is."""
    return "rawvideo" if settings.raw_size else None


def raw_rate(settings: Settings) -> Fraction:
    """Pictures a second of what has no times of its own."""
    return read_rate(settings.fps) if settings.fps else RAW_RATE


def _checked(pix_fmt: str) -> str:
    try:
        av.VideoFormat(pix_fmt)
        storage(pix_fmt)
    except (ValueError, InputError) as error:
        raise UsageError(
            f"expected --pix-fmt of raw pictures such as rgb24, bgr0, gbrp10le, yuv420p or gray, got {pix_fmt!r}; "
            "ffmpeg -pix_fmts lists all"
        ) from error
    return pix_fmt


def y4m_siting(head: bytes) -> Siting:
    """Where chroma of a 4:2:0 y4m stream lies, by its header: "C420jpeg", and "C420" alone, mean the center.

    PyAV 18 does not tell; the names are those of mjpegtools' yuv4mpeg(5).
    """
    words = head.split(b"\n")[0].split()
    color = next((word for word in words[1:] if word.startswith(b"C")), b"C420")
    return {b"C420mpeg2": Siting.LEFT, b"C420paldv": Siting.TOPLEFT}.get(color, Siting.CENTER)
