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


def seek(
    container: InputContainer, path: str, seconds: Fraction, max_pixels: int = MOST_PIXELS
) -> tuple[InputContainer, VideoStream]:
    """A container that stands on a key frame at or before ``seconds`` after the video's start, and its video.

    ``container`` itself when its index is good; else it is closed and a fresh one, standing at the beginning, is
    returned: slower, never wrong.
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
