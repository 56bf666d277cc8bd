"""Decides what is done to a video that says it is interlaced, by a look at some of its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdequant.errors import UsageError
from vdequant.media.combing import Rows, is_combed, shows_rows_twice
from vdequant.media.describing import seconds_of
from vdequant.media.interlacing import Deinterlacer, Item, can_part
from vdequant.media.pixels import storage
from vdequant.media.sampling import visited
from vdequant.settings import Settings

PLACES, PICTURES = 6, 3  # that are looked at, and consecutive pictures at each
PROGRESSIVE = 1  # AVFieldOrder: 0 is unknown, all above are orders of fields


def peeked(items: Iterator[Item]) -> tuple[VideoFrame | None, Iterator[Item]]:
    """The first picture, None where there is none, and all items from the first one on."""
    seen: list[Item] = []
    for item in items:
        seen.append(item)
        if isinstance(item, VideoFrame):
            return item, chain(seen, items)
    return None, iter(seen)


def says_interlaced(stream: VideoStream, first: VideoFrame | None) -> bool:
    """Whether the stream is tagged as interlaced, or its first picture is: DV tells it there alone."""
    return int(stream.codec_context.field_order) > PROGRESSIVE or (first is not None and bool(first.interlaced_frame))


def choose_deinterlacer(
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame | None,
    path: str,
    settings: Settings,
    *,
    once: bool,
) -> tuple[Deinterlacer, str]:
    """What to do, and a warning or "".

    Args:
        container, stream: as opened.
        first: picture.
        path: is opened again for a look.
        settings: their ``deinterlace`` and ``max_pixels``.
        once: ``path`` is a stream that cannot be opened again.

    Raises:
        UsageError: fields are wanted of pictures that do not fall into two.
    """
    wanted = settings.deinterlace
    if wanted == "off" or (wanted == "auto" and not says_interlaced(stream, first)):
        return Deinterlacer(), ""
    height, down = stream.height, storage(stream.codec_context.pix_fmt or "yuv420p").chroma[1]
    if not can_part(height, down):
        if wanted == "auto":
            return Deinterlacer(), f"interlaced, but {height} rows do not fall into two fields: restored as stored"
        raise UsageError(
            f"--deinterlace {wanted} expects a height that is a multiple of {2 << down}, got {height}; drop it"
        )
    if wanted != "auto":
        return Deinterlacer("fields" if wanted == "fields" else "bwdif"), ""
    if once:
        words = "the stream says it is interlaced, and is restored as stored; --deinterlace bwdif parts its fields"
        return Deinterlacer(), words
    runs = _lumas(path, stream, seconds_of(container, stream), settings.max_pixels)
    if not is_combed(runs):
        return Deinterlacer(), ""
    return Deinterlacer("fields" if shows_rows_twice(runs) else "bwdif"), ""


def _lumas(path: str, stream: VideoStream, seconds: float | None, most: int) -> list[list[Rows]]:
    """Of runs of pictures from all over the video, in codes of 255; damage may give some a size of their own."""
    instants = [Fraction(seconds or 0) * (2 * i + 1) / (2 * PLACES) for i in range(PLACES if seconds else 1)]
    size = stream.width, stream.height
    return [
        [
            np.asarray(picture.to_ndarray(format="gray"), np.float32)
            for picture in (here, *islice(after, PICTURES - 1))
            if (picture.width, picture.height) == size
        ]
        for here, after in visited(path, instants, most, Deinterlacer())
    ]
