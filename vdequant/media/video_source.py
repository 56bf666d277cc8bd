"""Reads a video file, or a video that arrives on standard input."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import torch
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from vdequant.errors import InputError
from vdequant.frames import Frame, SidePacket
from vdequant.media.damage import Damage
from vdequant.media.decoding import Decoder, Lost
from vdequant.media.describing import describe, shortfall
from vdequant.media.field_choice import choose_deinterlacer, peeked
from vdequant.media.interlacing import Item
from vdequant.media.jpeg_sequences import codings_of_video
from vdequant.media.lifetimes import ClosesAtExit
from vdequant.media.limits import check_count, check_size
from vdequant.media.opening import BOXES, film_stream, open_container, unreadable_stream
from vdequant.media.passengers import passengers_of
from vdequant.media.pipe import HEAD, Arriving
from vdequant.media.rationals import as_fraction
from vdequant.media.raw import y4m_siting
from vdequant.media.sampling import sample_video
from vdequant.media.seeking import builds_on_first, seek
from vdequant.media.tags import layout_of
from vdequant.media.timing import Clock, Span
from vdequant.settings import Settings

# How far behind the end of the span sound packets are still looked for: containers interleave that loosely.
INTERLEAVING_SECONDS = 2


class VideoSource(ClosesAtExit):
    """Pictures and side packets of one container, in one pass.

    The first picture is decoded on opening, because ``info`` needs it. Memory use does not depend on the length.
    Keep the source open until the sink has finished: packets and stream templates belong to its container.

    Attributes:
        info: see :class:`SourceInfo`.
        passengers: streams, chapters and metadata for the sink.
        warnings: one line each; complete when the iteration has ended, and so is ``damage``.
    """

    def __init__(self, path: str, settings: Settings, *, file: BinaryIO | Arriving | None = None) -> None:
        """``file``: read from this stream instead of ``path``; then there is no seeking."""
        self.warnings: list[str] = []
        self._path, self._settings, self._file = path, settings, file
        self._name = "standard input" if path == "-" else path
        self._span = Span.of(settings)
        self._damage, self._count = Damage(), 0
        self._container = open_container(path, file, max_pixels=settings.max_pixels)
        try:
            self._open()
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> None:
        most = self._settings.max_pixels
        self._stream = film_stream(self._container, self._name, live=self._settings.live)
        if self._span.start and self._file is None and not builds_on_first(self._path, self._stream, most):
            self._container, self._stream = seek(self._container, self._path, self._span.start, most)
        stream = self._stream
        check_size(stream.width, stream.height, self._name, most)
        side = frozenset(s.index for s in self._container.streams if s.type in ("audio", "subtitle", "data"))
        self._decoder = Decoder(self._container, stream, side, self._is_cut)
        shown, items = peeked(iter(self._decoder))
        self._deinterlacer, doubt = choose_deinterlacer(
            self._container, stream, shown, self._path, self._settings, once=self._file is not None
        )
        self.warnings += [doubt] if doubt else []
        self._time_base = as_fraction(stream.time_base, Fraction(1, 1000)) / self._deinterlacer.times
        self._origin = int(stream.start_time or 0) * self._deinterlacer.times
        self._items: Iterator[Item] = self._deinterlacer(items)
        self._ready: deque[Frame | SidePacket] = deque()  # decoded early, by opening and by sample()
        self._started = self._warned_alpha = False
        first, early = self._find_first()
        check_size(first.width, first.height, self._name, most)  # containers need not tell it
        tags = {key.lower(): value for key, value in stream.metadata.items()}
        if tags.get("alpha_mode") == "1":  # of VP8 and VP9, whose decoders do not show it
            self._warn_of_alpha()
        # What begins before time 0 is moved there: MP4 would hide those pictures.
        self._shift = int(first.pts or 0) if self._span.start or (first.pts or 0) < 0 else 0
        layout, assumed = layout_of(first, stream.codec_context, self._settings)
        layout = self._deinterlacer.stored(layout)
        if self._container.format.name == "yuv4mpegpipe" and layout.chroma == (1, 1):
            layout = dataclasses.replace(layout, siting=y4m_siting(self._head()))
        self.info = describe(
            self._container,
            stream,
            first,
            layout,
            path=self._path,
            kind="video" if self._file is None else "pipe",
            span=self._span,
            assumed_matrix=assumed,
            deinterlacer=self._deinterlacer,
        )
        # Of parted pictures the blocks are others than those that were coded.
        if self.info.codec == "mjpeg" and self._file is None and not self._deinterlacer.how:
            self.info = dataclasses.replace(self.info, jpegs=codings_of_video(self._path, layout))
        self._clock = Clock(round(1 / (self.info.rate * self._time_base)))
        self.passengers = passengers_of(self._container, stream, self._span, self._shift * self._time_base)
        self._ready.extend(self._side_packets(early))
        self._last = self._frame(first)
        self._ready.append(self._last)

    def _head(self) -> bytes:
        """The first bytes; none of a stream that was handed in by others."""
        if isinstance(self._file, Arriving):
            return self._file.head
        if self._file is not None:
            return b""
        with open(self._path, "rb") as file:
            return file.read(HEAD)

    def _find_first(self) -> tuple[VideoFrame, list[Packet[Stream]]]:
        """The first picture of the span, and the side packets that came before it."""
        early: list[Packet[Stream]] = []
        for item in self._items:
            if isinstance(item, Packet):
                if self._seconds(item, item.pts) >= self._span.start - 1:
                    early.append(item)
            elif isinstance(item, VideoFrame):
                if item.pts is None:
                    item.pts = item.dts if item.dts is not None else self._origin
                if not self._span.before(self._seconds(None, item.pts)):
                    return item, early
        if self._span.start and self._decoder.video_packets:
            raise InputError(f"{self._name} ends before --start {float(self._span.start):g} s; choose an earlier one")
        if isinstance(self._file, Arriving) and self._file.head[4:8] in BOXES:
            raise InputError(unreadable_stream(self._name, self._file))
        raise InputError(f"{self._name} holds no picture that can be decoded; record or download it again")

    def _seconds(self, clock: object, pts: int | None) -> Fraction:
        """Instant of a stamp, after the video's first picture; ``clock``: a packet, None for pictures."""
        base = as_fraction(getattr(clock, "time_base", None), self._time_base)
        return (pts or 0) * base - self._origin * self._time_base

    @property
    def damage(self) -> Damage:
        """See :class:`vdequant.media.contracts.Source`."""
        return self._damage

    def _next_one(self) -> None:
        self._count += 1
        check_count(self._count, self._name, self._settings.max_frames)

    def _frame(self, picture: VideoFrame) -> Frame:
        self._next_one()
        self._damage.partly += picture.is_corrupt
        pts = self._clock.stamp(None if picture.pts is None else picture.pts - self._shift)
        frame = self._deinterlacer.frame(picture, self.info.layout, pts, self._time_base)
        if frame.alpha is None:
            return frame
        if not self._warned_alpha and int(frame.alpha.to(torch.int32).min()) < (1 << frame.layout.bits) - 1:
            self._warn_of_alpha()
        return dataclasses.replace(frame, alpha=None)

    def _warn_of_alpha(self) -> None:
        self._warned_alpha = True
        self.warnings.append("transparency is not kept in video; transparent places show the color stored there")

    def _frame_or_repeat(self, picture: VideoFrame) -> Frame:
        """The picture; the one before it where damage has given it a size or format of its own."""
        try:
            return self._frame(picture)
        except InputError:
            if picture.pts is None or not (picture.is_corrupt or self._decoder.damaged):
                raise
            self._damage.partly -= picture.is_corrupt
            self._count -= 1
            return self._repeat(Lost(picture.pts, damaged=True))

    def _repeat(self, lost: Lost) -> Frame:
        """The last good picture at the place of one that is not there, so that sound stays in step."""
        self._next_one()
        self._damage.repeated += lost.damaged
        pts = self._clock.stamp(lost.pts - self._shift)
        self._last = dataclasses.replace(self._last, pts=pts, corrupt=lost.damaged)
        return self._last

    def _side_packets(self, packets: list[Packet[Stream]]) -> Iterator[SidePacket]:
        """Packets of the span, moved to the front like the pictures."""
        shift = self._shift * self._time_base
        for packet in packets:
            seconds = self._seconds(packet, packet.pts)
            if not self._span.whole:
                early = self._span.start and seconds < shift - self._origin * self._time_base
                if early or self._span.after(seconds):
                    continue
            if shift:
                ticks = round(shift / as_fraction(packet.time_base, self._time_base))
                packet.pts = None if packet.pts is None else packet.pts - ticks
                packet.dts = None if packet.dts is None else packet.dts - ticks
            yield SidePacket(packet, packet.stream_index)

    def __iter__(self) -> Iterator[Frame | SidePacket]:
        """Everything in the span, once; frames in display order with rising ``pts``."""
        if self._started:
            raise ValueError("expected one pass over a video source, got a second; open it again")
        self._started = True
        while self._ready:
            yield self._ready.popleft()
        yield from self._rest()
        self._report()

    def _rest(self) -> Iterator[Frame | SidePacket]:
        over = False
        self._complete = True
        for item in self._items:
            if isinstance(item, Packet):
                yield from self._side_packets([item])
                continue
            seconds = Fraction(0) if item.pts is None else self._seconds(None, item.pts)
            if over or self._span.after(seconds):
                over = True
                if self._span.end is not None and seconds > self._span.end + INTERLEAVING_SECONDS:
                    self._complete = False
                    return
                continue
            if isinstance(item, Lost):
                yield self._repeat(item)
            else:
                self._last = self._frame_or_repeat(item)
                yield self._last

    def _report(self) -> None:
        decoder, damage = self._decoder, self._damage
        if self._span.whole:  # packets without a time have no place at which a picture could be repeated
            damage.repeated = max(damage.repeated, decoder.damaged)
        if self._complete and not self._span.start:
            damage.rest = shortfall(self._container, self._stream, decoder)
        if decoder.broken and not self._is_cut():
            damage.rest = f"reading stopped after {decoder.end:.2f} s ({decoder.broken}); restored what is there"
        if damage.line():
            self.warnings.append(damage.line())
        if self._clock.repaired:
            self.warnings.append(f"{self._clock.repaired} missing or falling time stamps were repaired")

    def sample(self, count: int) -> list[Frame]:
        """At most ``count`` pictures, evenly spaced over the span; from a stream: its first ones, which stay in line.

        Does not disturb the iteration.
        """
        if self._file is None:
            return sample_video(self.info, self._span, count, self._settings.max_pixels)
        rest = self._rest() if not self._started else iter(())
        while sum(isinstance(item, Frame) for item in self._ready) < count:
            item = next(rest, None)
            if item is None:
                break
            self._ready.append(item)
        return [item for item in self._ready if isinstance(item, Frame)][:count]

    def close(self) -> None:
        """Close the container; packets handed out are dead afterwards."""
        self._container.close()
        if isinstance(self._file, Arriving):
            self._file.close()

    @property
    def waited(self) -> float:
        """For how many seconds a stream had nothing to be read so far."""
        return self._file.waited if isinstance(self._file, Arriving) else 0.0

    def stop(self, grace: float = 0.0) -> None:
        """Let the iteration end ``grace`` seconds from now, even while it waits; may be called from any thread."""
        if isinstance(self._file, Arriving):
            self._file.stop(grace)

    def _is_cut(self) -> bool:
        """Whether what is missing was cut off on purpose."""
        return isinstance(self._file, Arriving) and self._file.cut
