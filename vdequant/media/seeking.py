"""Moves to a place in a file so that decoding starts at or before it."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vdequant.media.opening import film_stream, open_container
from vdequant.media.rationals import as_fraction
from vdequant.settings import MOST_PIXELS


def target_pts(stream: VideoStream, seconds: Fraction) -> int:
    """The stamp of the instant ``seconds`` after the stream's start."""
    return int(stream.start_time or 0) + int(seconds / as_fraction(stream.time_base, Fraction(1, 1000)))


def builds_on_first(path: str, stream: VideoStream, max_pixels: int = MOST_PIXELS) -> bool:
    """Whether decoding needs what comes beside the first packet, so that nothing can be decoded after a jump.

    AVI and MOV hold the palette of raw pictures, SMC and others in their header or beside the pictures; it is sent with
    the first packet and again only where it changes. Decoders that have not seen it show black.

    Args:
        path: is opened again for a look at its first packet.
        stream: as opened; only those of palettes are looked at.
    """
    if stream.codec_context.pix_fmt != "pal8":
        return False
    with open_container(path, max_pixels=max_pixels) as container:
        first = next(container.demux(film_stream(container, path)), None)
        return first is not None and first.has_sidedata("palette")


def seek(
    container: InputContainer, path: str, seconds: Fraction, max_pixels: int = MOST_PIXELS
) -> tuple[InputContainer, VideoStream]:
    """A container that stands on a key frame at or before ``seconds`` after the video's start, and its video.

    ``container`` itself when its index is good; else it is closed and a fresh one, standing at the beginning, is
    returned: slower, never wrong. Not for streams that :func:`builds_on_first` names.
    """
    stream = film_stream(container, path)
    target = target_pts(stream, seconds)
    try:
        container.seek(target, stream=stream)
        for packet in container.demux(stream):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and stamp <= target and packet.is_keyframe:
                container.seek(target, stream=stream)
                return container, stream
            break
    except (av.error.FFmpegError, OSError):
        pass  # not seekable or without an index: read from the beginning
    container.close()
    fresh = open_container(path, max_pixels=max_pixels)
    return fresh, film_stream(fresh, path)
