"""Interlaced video: every stored picture holds two fields, the even rows of one instant and the odd rows of the next.

    stored ─► bwdif  ─► a picture a field; the rows of the other field are interpolated in space and time
           └► fields ─► a picture a field, its rows twice: of consoles that draw 240 rows, each field is a whole picture

Twice as many pictures come out, in ticks of half the length. The filters are FFmpeg's, and read which field comes
first from each picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, TypeAlias

import av
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from vdequant.frames import Frame, Layout
from vdequant.media.conversion import as_frame
from vdequant.media.decoding import Lost
from vdequant.media.rationals import as_fraction

How = Literal["", "bwdif", "fields"]
FIELDS = 2  # a picture
FILTERS: dict[How, tuple[str, str | None]] = {
    "bwdif": ("bwdif", "mode=send_field:parity=auto:deint=all"),
    "fields": ("separatefields", None),
}
Item: TypeAlias = "VideoFrame | Lost | Packet[Stream]"


def can_part(height: int, down: int) -> bool:
    """Whether so many rows fall into two equal fields, those of chroma, too; ``down``: log2 of its subsampling."""
    return height % (FIELDS << down) == 0


@dataclass(frozen=True, slots=True)
class Deinterlacer:
    """What is done to interlaced pictures on their way out of the decoder.

    Attributes:
        how: see the module; "" for nothing.
    """

    how: How = ""

    @property
    def times(self) -> int:
        """How many pictures become of one, and ticks of one."""
        return FIELDS if self.how else 1

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """Pictures with ``pts`` in the new ticks; other items, those of lost pictures likewise, in their places."""
        return _progressive(items, self.how) if self.how else items

    def stored(self, layout: Layout) -> Layout:
        """The stored pictures' layout, of that of pictures that come out."""
        return replace(layout, height=layout.height * FIELDS) if self.how == "fields" else layout

    def frame(self, picture: VideoFrame, layout: Layout, pts: int, time_base: Fraction) -> Frame:
        """The picture as a frame of ``layout``, that of the stored ones.

        Raises:
            InputError: see :func:`~vdequant.media.conversion.as_frame`.
        """
        if self.how != "fields":
            return as_frame(picture, layout, pts, time_base)
        field = as_frame(picture, replace(layout, height=layout.height // FIELDS), pts, time_base)
        planes = tuple(plane.repeat_interleave(FIELDS, dim=0) for plane in field.planes)
        alpha = None if field.alpha is None else field.alpha.repeat_interleave(FIELDS, dim=0)
        return replace(field, planes=planes, layout=layout, alpha=alpha)


def _progressive(items: Iterator[Item], how: How) -> Iterator[Item]:
    graph, like, last, length = None, None, None, 1
    for item in items:
        if isinstance(item, VideoFrame):
            if item.pts is None:
                item.pts = item.dts if item.dts is not None else (0 if last is None else last + length)
            last, length = item.pts, int(item.duration or length)
            kind = item.format.name, item.width, item.height
            if graph is None or kind != like:  # damage may give pictures a format of their own
                yield from _given(graph, None)
                graph, like = _graph(item, how), kind
            yield from _given(graph, item)
        elif isinstance(item, Lost):
            yield from _given(graph, None)
            graph = None
            yield Lost(item.pts * FIELDS, item.damaged)
            yield Lost(item.pts * FIELDS + length, False)
        else:
            yield item
    yield from _given(graph, None)


def _graph(picture: VideoFrame, how: How) -> Graph:
    name, options = FILTERS[how]
    graph = Graph()
    base = as_fraction(picture.time_base, Fraction(1, 1000))
    source = graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=base)
    part, sink = graph.add(name, options), graph.add("buffersink")
    source.link_to(part)
    part.link_to(sink)
    graph.configure()
    return graph


def _given(graph: Graph | None, picture: VideoFrame | None) -> Iterator[VideoFrame]:
    """Hand a picture to the filter, None at the end, and take what is ready."""
    if graph is None:
        return
    graph.push(picture)
    while True:
        try:
            made = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(made, VideoFrame):
            yield made
