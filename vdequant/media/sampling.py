"""A few pictures from all over a video, through an opening of their own."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdequant.frames import Frame, SourceInfo
from vdequant.media.conversion import as_frame
from vdequant.media.decoding import Decoder
from vdequant.media.opening import film_stream, open_container
from vdequant.media.seeking import seek, target_pts
from vdequant.media.timing import Span

# Pixels that may be decoded to reach one sample from the key frame before it: 500 pictures of 256x240, 15 of 1080p.
PIXELS_A_SAMPLE = 30_000_000


def _pictures(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    for item in Decoder(container, stream, frozenset()):
        if isinstance(item, VideoFrame) and item.pts is not None:
            yield item


def _first_ones(info: SourceInfo, span: Span, count: int, max_pixels: int) -> list[Frame]:
    """The first pictures, for files that do not say how long they are."""
    frames: list[Frame] = []
    with open_container(info.path, max_pixels=max_pixels) as container:
        stream = film_stream(container, info.path)
        start = target_pts(stream, span.start)
        for picture in _pictures(container, stream):
            if len(frames) == count:
                break
            if picture.pts is not None and picture.pts >= start:
                frames.append(as_frame(picture, info.layout, picture.pts, info.time_base))
    return frames


def sample_video(info: SourceInfo, span: Span, count: int, max_pixels: int) -> list[Frame]:
    """At most ``count`` different pictures, evenly spaced over the span, in order.

    A sample is the picture shown at its instant, or an earlier one when that would take long to reach.
    """
    if not info.seconds:
        return _first_ones(info, span, count, max_pixels)
    budget = max(8, PIXELS_A_SAMPLE // (info.layout.width * info.layout.height))
    frames: list[Frame] = []
    container = open_container(info.path, max_pixels=max_pixels)
    try:
        stream = film_stream(container, info.path)
        pictures = _pictures(container, stream)
        here: VideoFrame | None = None
        for i in range(count):
            instant = span.start + Fraction(info.seconds) * (2 * i + 1) / (2 * count)
            target = target_pts(stream, instant)
            gap = budget * info.rate.denominator / info.rate.numerator
            if here is None or (target - (here.pts or 0)) * info.time_base > gap:
                container, stream = seek(container, info.path, instant, max_pixels)
                pictures = _pictures(container, stream)
            here = _advance(pictures, here, target, budget)
            if here is not None and here.pts is not None and all(here.pts != f.pts for f in frames):
                frames.append(as_frame(here, info.layout, here.pts, info.time_base))
    finally:
        container.close()
    return sorted(frames, key=lambda frame: frame.pts) or _first_ones(info, span, count, max_pixels)


def _advance(pictures: Iterator[VideoFrame], here: VideoFrame | None, target: int, budget: int) -> VideoFrame | None:
    """The first picture at or after ``target``, or the last one that the budget reaches."""
    if here is not None and here.pts is not None and here.pts >= target:
        return here
    for _, picture in zip(range(budget), pictures, strict=False):
        here = picture
        if picture.pts is not None and picture.pts >= target:
            break
    return here
