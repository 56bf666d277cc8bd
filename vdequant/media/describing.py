"""What a container promises about its video: the source's ``info``."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal, Protocol

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdequant.frames import Layout, SourceInfo
from vdequant.media.interlacing import Deinterlacer
from vdequant.media.rationals import as_fraction
from vdequant.media.tags import color_tags
from vdequant.media.timing import Span

AV_TIME_BASE = 1_000_000  # units a second of a container's own duration
USUALLY_LOSSY = frozenset({"h264", "hevc", "av1", "dirac"})  # of those that can do without loss
_FALLBACK_RATE = Fraction(60)
# Beyond this a rate is a time base in disguise ("1000 fps" of variable-rate files); encoders plan bits by it.
_HIGHEST_RATE = Fraction(480)


def rate_of(stream: VideoStream) -> Fraction:
    """Nominal frames a second, for encoders and display only."""
    for value in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        rate = as_fraction(value, Fraction(0))
        if 0 < rate <= _HIGHEST_RATE:
            return rate
    return _FALLBACK_RATE


def seconds_of(container: InputContainer, stream: VideoStream) -> float | None:
    """Duration of the video: from the stream, from Matroska's DURATION tag, or from the container."""
    if stream.duration:
        return float(stream.duration * as_fraction(stream.time_base, Fraction(1, 1000)))
    tagged = _tagged_seconds(stream)
    if tagged is not None:
        return tagged
    return container.duration / AV_TIME_BASE if container.duration else None


def _tagged_seconds(stream: VideoStream) -> float | None:
    """What Matroska's tag of the video says."""
    match = re.match(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else None


def describe(
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    layout: Layout,
    *,
    path: str,
    kind: Literal["video", "pipe"],
    span: Span,
    assumed_matrix: bool,
    deinterlacer: Deinterlacer,
) -> SourceInfo:
    """The source's ``info`` after its first picture has been decoded."""
    seconds = seconds_of(container, stream)
    if seconds is not None:
        end = seconds if span.end is None else min(seconds, float(span.end))
        seconds = max(0.0, end - float(span.start))
    kinds = [s.type for s in container.streams if s.index != stream.index]
    # FFmpeg reads a still AVIF as a film of one picture, with its depth and YUV as they are stored.
    still = container.metadata.get("major_brand") == "avif" and stream.frames == 1
    codec = stream.codec_context.codec
    return SourceInfo(
        kind="image" if still else kind,
        path=path,
        layout=layout,
        frames=stream.frames * deinterlacer.times if stream.frames and span.whole else None,
        seconds=seconds,
        rate=rate_of(stream) * deinterlacer.times,
        time_base=as_fraction(stream.time_base, Fraction(1, 1000)) / deinterlacer.times,
        sample_aspect=as_fraction(stream.sample_aspect_ratio, Fraction(1)),
        rotation=round(first.rotation) % 360,
        codec=codec.canonical_name,
        pixel_format=first.format.name,
        container=container.format.name,
        lossy=codec.lossy and (not codec.lossless or codec.canonical_name in USUALLY_LOSSY),
        tags=color_tags(first, stream.codec_context),
        audio=kinds.count("audio"),
        subtitles=kinds.count("subtitle"),
        others=len(kinds) - kinds.count("audio") - kinds.count("subtitle"),
        assumed_matrix=assumed_matrix,
        deinterlaced=deinterlacer.how,
    )


class Found(Protocol):
    """What was read of a file: see :class:`vdequant.media.decoding.Decoder`."""

    video_packets: int
    end: float
    film_end: float


def shortfall(container: InputContainer, stream: VideoStream, found: Found) -> str:
    """One line when a file that was read to its end held less than it promised, else ""."""
    packets, end = found.video_packets, found.end
    if container.format.name == "avi" and stream.frames and end * rate_of(stream) > stream.frames - 0.5:
        return ""  # recorders leave out pictures that equal the one before; their places are counted
    if stream.frames and packets < stream.frames:
        return f"the file is cut off: it promises {stream.frames} pictures and holds {packets}; restored what is there"
    if stream.frames or not container.duration:
        return ""
    start = (container.start_time or 0) / AV_TIME_BASE
    promised, slack = start + container.duration / AV_TIME_BASE, 0.5
    tagged, picture = _tagged_seconds(stream), float(1 / rate_of(stream))
    if tagged is not None and abs(found.film_end - start - packets * picture) < picture:
        # Pictures at an even rate: the tag is exact. At others, how long the last one lasts may not be in the file.
        promised, end, slack = tagged, found.film_end, 0.75 * picture
    if end < promised - slack:
        expected = round((promised - start) * rate_of(stream))
        return (
            f"the file is cut off: it promises {promised - start:.2f} s (about {expected} pictures) and holds "
            f"{max(0.0, end - start):.2f} s ({packets} pictures); restored what is there"
        )
    return ""
