"""A few pictures from all over a video, through an opening of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdequant.frames import Frame, SourceInfo
from vdequant.media.decoding import Decoder
from vdequant.media.describing import rate_of
from vdequant.media.interlacing import Deinterlacer
from vdequant.media.opening import film_stream, open_container
from vdequant.media.rationals import as_fraction
from vdequant.media.seeking import builds_on_first, seek, target_pts
from vdequant.media.timing import Span

# Pixels that may be decoded to reach one sample from the key frame before it: 500 pictures of 256x240, 15 of 1080p.
PIXELS_A_SAMPLE = 30_000_000


def _pictures(container: InputContainer, stream: VideoStream, deinterlacer: Deinterlacer) -> Iterator[VideoFrame]:
    step = max(1, round(1 / (rate_of(stream) * as_fraction(stream.time_base, Fraction(1, 1000)))))
    timed, number = False, 0
    for item in deinterlacer(iter(Decoder(container, stream, frozenset()))):
        if not isinstance(item, VideoFrame) or (timed and item.pts is None):
            continue
        timed |= item.pts is not None
        if not timed:  # bare streams of H.264 and HEVC
            item.pts = number * step
        number += 1
        yield item


def _first_ones(info: SourceInfo, span: Span, count: int, max_pixels: int) -> list[Frame]:
    """The first pictures, for files that do not say how long they are."""
    frames: list[Frame] = []
    deinterlacer = Deinterlacer(info.deinterlaced)
    with open_container(info.path, max_pixels=max_pixels) as container:
        stream = film_stream(container, info.path)
        start = target_pts(stream, span.start) * deinterlacer.times
        for picture in _pictures(container, stream, deinterlacer):
            if len(frames) == count:
                break
            if picture.pts is not None and picture.pts >= start:
                frames.append(deinterlacer.frame(picture, info.layout, picture.pts, info.time_base))
    return frames


def visited(
    path: str, instants: Sequence[Fraction], max_pixels: int, deinterlacer: Deinterlacer
) -> Iterator[tuple[VideoFrame, Iterator[VideoFrame]]]:
    """The picture shown at each instant, in order, or an earlier one when that would take long to reach.

    With each come the pictures after it. Instants are seconds after the video's start. Where nothing can be decoded
    after a jump, all is read in order, as far as that takes no longer.
    """
    container = open_container(path, max_pixels=max_pixels)
    try:
        stream = film_stream(container, path)
        tick = as_fraction(stream.time_base, Fraction(1, 1000)) / deinterlacer.times
        budget = max(8, PIXELS_A_SAMPLE // max(1, stream.width * stream.height))
        gap = budget / rate_of(stream) / deinterlacer.times
        pictures, here = _pictures(container, stream, deinterlacer), None
        jumps = not builds_on_first(path, stream, max_pixels)
        for instant in instants:
            target = target_pts(stream, instant) * deinterlacer.times
            if jumps and (here is None or (target - (here.pts or 0)) * tick > gap):
                container, stream = seek(container, path, instant, max_pixels)
                pictures = _pictures(container, stream, deinterlacer)
            here = _advance(pictures, here, target, budget)
            if here is not None:
                yield here, pictures
    finally:
        container.close()


def sample_video(info: SourceInfo, span: Span, count: int, max_pixels: int) -> list[Frame]:
    """At most ``count`` different pictures, evenly spaced over the span, in order."""
    if not info.seconds:
        return _first_ones(info, span, count, max_pixels)
    frames: list[Frame] = []
    deinterlacer = Deinterlacer(info.deinterlaced)
    instants = [span.start + Fraction(info.seconds) * (2 * i + 1) / (2 * count) for i in range(count)]
    for here, _ in visited(info.path, instants, max_pixels, deinterlacer):
        if here.pts is not None and all(here.pts != f.pts for f in frames):
            frames.append(deinterlacer.frame(here, info.layout, here.pts, info.time_base))
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
