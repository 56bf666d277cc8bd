"""Demultiplexes and decodes one container: pictures in display order, side packets as they come, damage survived."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True)
class Lost:
    """A picture that could not be decoded, or that the file says is the one before again; its time is known.

    ``damaged``: the first may be true.
    """

    pts: int
    damaged: bool


class Decoder:
    """Iterates over one container from where it stands.

    Yields ``VideoFrame`` in display order, ``Lost`` in place of undecodable pictures, and packets of ``side`` streams.

    Attributes:
        damaged: packets that the decoder refused so far.
        broken: why nothing more could be read, though the end was not reached; "" otherwise.
        video_packets: video packets read so far.
        end, film_end: latest instant of any packet so far, and of any picture's, seconds.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        side: frozenset[int],
        is_cut: Callable[[], bool] = lambda: False,
    ) -> None:
        """``is_cut``: whether reading has met an end that was cut off on purpose; half a packet is no damage then."""
        self._is_cut = is_cut
        self._container = container
        self._stream = stream
        self._side = side
        self._sent: list[int] = []  # heap: stamps given to the decoder that have not come back
        self._partly = False  # a picture has been mended, so that others may have been swallowed
        self._missing = 0  # refused packets whose place has not been filled yet
        self.damaged = 0
        self.broken = ""
        self.video_packets = 0
        self.end = self.film_end = 0.0

    def __iter__(self) -> Iterator[VideoFrame | Lost | Packet[Stream]]:
        for packet in self._packets():
            if packet.stream_index == self._stream.index:
                yield from self._picture(packet)
            elif packet.stream_index in self._side:
                if packet.dts is None:
                    packet.dts = packet.pts
                yield packet
        yield from self._decode(None)
        if self.damaged or self._partly:
            # Threaded decoders swallow errors of their last packets; what did not come back is lost.
            self.damaged += max(0, len(self._sent) - self._missing)
            self._missing = len(self._sent)
        while self._missing and self._sent:
            self._missing -= 1
            yield Lost(heapq.heappop(self._sent), self.damaged > 0)

    def _packets(self) -> Iterator[Packet[Stream]]:
        """Packets with content or time; PyAV's empty flush packets are left out."""
        try:
            for packet in self._container.demux():
                if packet.dts is None and packet.pts is None and not packet.size:
                    continue
                if self._is_cut():  # while this one was being read
                    return
                if packet.time_base and packet.pts is not None:
                    last = packet.pts + (packet.duration or 0)
                    seconds = last * packet.time_base.numerator / packet.time_base.denominator
                    self.end = max(self.end, seconds)
                    if packet.stream_index == self._stream.index:
                        self.film_end = max(self.film_end, seconds)
                yield packet
        except av.error.InvalidDataError:
            return  # no more packets in what is left; the source compares with what was promised
        except (av.error.FFmpegError, OSError) as error:
            self.broken = getattr(error, "strerror", None) or str(error)

    def _picture(self, packet: Packet[Stream]) -> Iterator[VideoFrame | Lost]:
        if packet.pts is not None and not packet.is_discard:
            heapq.heappush(self._sent, packet.pts)
        self.video_packets += 1
        if packet.size:
            yield from self._decode(packet)
        else:
            self._missing += (
                1  # AVI and Ogg write empty packets for "same picture again"; to a decoder they would mean the end
            )

    def _decode(self, packet: Packet[Stream] | None) -> Iterator[VideoFrame | Lost]:
        try:
            frames = self._stream.decode(packet)
        except (av.error.FFmpegError, OSError) as error:
            self._refused(error)
            return
        for frame in frames:
            self._partly |= bool(frame.is_corrupt)
            yield from self._lost_before(frame.pts)
            yield frame

    def _refused(self, error: Exception) -> None:
        if isinstance(error, av.error.EOFError):
            return
        if isinstance(error, MemoryError):
            raise error
        self.damaged += 1
        self._missing += 1

    def _lost_before(self, pts: int | None) -> Iterator[Lost]:
        """Places of refused packets before ``pts``: with threads an error arrives some packets late."""
        if pts is None:
            return
        while self._sent and self._sent[0] <= pts:
            stamp = heapq.heappop(self._sent)
            if stamp < pts and self._missing:
                self._missing -= 1
                yield Lost(stamp, self.damaged > 0)
