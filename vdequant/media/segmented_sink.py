"""A video sink that keeps what is finished, and goes on where an earlier run stopped.

    frames ─► encoder of this segment ─┬─► the film, as in every video sink
                                       └─► a packet log, which the store takes when the segment ends

Every segment has an encoder of its own, so that its pictures do not depend on where a run began. When a run goes on,
the packets of finished segments come from their logs instead, in step with the source's sound and subtitles.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdequant.errors import OutputError
from vdequant.frames import AlreadyDone, SegmentStart, SidePacket
from vdequant.media.contracts import Finished
from vdequant.media.encoding import flush, open_apart
from vdequant.media.packet_log import PacketLog, read_packets
from vdequant.media.passengers import Passengers
from vdequant.media.plan import OutputPlan
from vdequant.media.rationals import as_fraction
from vdequant.media.segment_store import Segment, SegmentStore
from vdequant.media.splicing import Splicer
from vdequant.media.video_sink import VideoSink


class _Unfinished:
    """The segment that is being written."""

    def __init__(self, store: SegmentStore, encoder: VideoStream, first: int, time_base: Fraction) -> None:
        self.encoder, self.first, self.pictures = encoder, first, 0
        self.first_pts = self.last_pts = 0
        self._path = store.path_of(len(store.segments))
        self.log = PacketLog(self._path, time_base)

    def shown(self, pts: int) -> None:
        """Another picture goes in."""
        self.first_pts = self.first_pts if self.pictures else pts
        self.last_pts = pts
        self.pictures += 1

    def finished(self, following: SegmentStart, repaired: int) -> Segment:
        """Complete the log; ``following``: the segment after."""
        size, digest = self.log.bytes, self.log.close()
        return Segment(
            self._path.name,
            self.first,
            following.first - self.first,
            self.pictures,
            self.first_pts,
            self.last_pts,
            repaired,
            size,
            digest,
            dict(following.notes),
        )


class SegmentedSink(VideoSink):
    """See :class:`VideoSink`; wants a :class:`SegmentStart` before the first picture of each segment.

    In front of the first one it takes an :class:`AlreadyDone` for every frame that the store has.
    """

    _segment: _Unfinished | None = None  # abort() may come before __init__ is through

    def __init__(self, plan: OutputPlan, passengers: Passengers, store: SegmentStore) -> None:
        super().__init__(plan, passengers)
        self._store = store
        self._splicer = Splicer()
        self._kept = self._packets()
        if store.segments:
            last = store.segments[-1]
            self._clock.go_on(last.last_pts, last.repaired)
            self._frames = sum(segment.pictures for segment in store.segments)

    def _packets(self) -> Iterator[Packet[Stream]]:
        """Those of all finished segments, ready to be written."""
        for number in range(len(self._store.segments)):
            yield from self._splicer.begin()
            for packet in read_packets(self._store.path_of(number)):
                yield from self._splicer.fit(packet)
        yield from self._splicer.begin()

    def _carry(self, item: SidePacket) -> None:
        if isinstance(item, SegmentStart):
            self._end_segment(item)
            self._begin_segment(item)
        elif isinstance(item, AlreadyDone):
            self._repeat(item.instant)
        else:
            super()._carry(item)

    def _repeat(self, until: Fraction | None) -> None:
        """Write kept packets up to an instant, or all of them."""
        for packet in self._kept:
            instant = (packet.pts or 0) * self._base(packet)
            self._put(packet)
            if until is not None and instant >= until:
                return

    def _base(self, packet: Packet[Stream]) -> Fraction:
        return as_fraction(packet.time_base, self._plan.time_base)

    def _put(self, packet: Packet[Stream]) -> None:
        packet.stream = self._film
        self._mux_picture(packet)

    def _begin_segment(self, start: SegmentStart) -> None:
        self._repeat(None)
        encoder = self._film if start.first == 0 else open_apart(self._plan)
        if encoder.codec_context.extradata != self._film.codec_context.extradata:
            raise OutputError(f"encoder {self._plan.codec} gives every segment a header of its own; pass --no-resume")
        base = as_fraction(encoder.codec_context.time_base, self._plan.time_base)
        self._segment = _Unfinished(self._store, encoder, start.first, base)

    def _end_segment(self, following: SegmentStart) -> None:
        if self._segment is None:
            return
        self._drain()
        self._store.add(self._segment.finished(following, self._clock.repaired))
        self._segment = None

    def _encode_picture(self, picture: VideoFrame) -> None:
        if self._segment is None:
            raise RuntimeError("expected the start of a segment before its pictures")
        self._segment.shown(int(picture.pts or 0))
        self._mux_film(self._lasting(self._segment.encoder, self._segment.encoder.encode(picture)))

    def _drain(self) -> None:
        self._repeat(None)
        if self._segment is not None:
            self._mux_film(self._lasting(self._segment.encoder, flush(self._segment.encoder)))
        self._mux_spliced(self._splicer.begin())

    def _mux_film(self, packets: list[Packet[Stream]]) -> None:
        for packet in packets:
            if self._segment is not None:
                self._segment.log.add(packet)
            self._mux_spliced(self._splicer.fit(packet))

    def _mux_spliced(self, packets: list[Packet[Stream]]) -> None:
        for packet in packets:
            self._put(packet)

    def finish(self) -> Finished:
        """See :class:`VideoSink`; what was kept is deleted once the film has its name."""
        finished = super().finish()
        self._close_log()
        self._store.discard()
        return finished

    def _close_log(self) -> None:
        if self._segment is not None:
            self._segment.log.abort()
            self._segment = None

    def abort(self) -> None:
        """See :class:`VideoSink`; finished segments are kept."""
        self._close_log()
        super().abort()
