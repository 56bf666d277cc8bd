"""Demultiplexes and decodes one container: pictures in display order, side packets as they come, damage survived."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdequant.errors import InputError

# So many packets in a row without one good picture: the rest of the file is not worth showing as a still.
MAX_DAMAGED_RUN = 100


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
        corrupt: pictures that the decoder flagged as damaged.
        video_packets: video packets read so far.
        end: latest instant of any packet so far, seconds.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, side: frozenset[int]) -> None:
        self._container = container
        self._stream = stream
        self._side = side
        self._sent: list[int] = []  # heap: stamps given to the decoder that have not come back
        self._missing = 0  # refused packets whose place has not been filled yet
        self._run = 0
        self.damaged = 0
        self.corrupt = 0
        self.video_packets = 0
        self.end = 0.0

    def __iter__(self) -> Iterator[VideoFrame | Lost | Packet[Stream]]:
        for packet in self._packets():
            if packet.stream_index == self._stream.index:
                yield from self._picture(packet)
            elif packet.stream_index in self._side:
                if packet.dts is None:
                    packet.dts = packet.pts
                yield packet
        yield from self._decode(None)
        if self.damaged:
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
                if packet.time_base and packet.pts is not None:
                    last = packet.pts + (packet.duration or 0)
                    self.end = max(self.end, last * packet.time_base.numerator / packet.time_base.denominator)
                yield packet
        except (av.error.FFmpegError, OSError):
            # A demuxer that fails in mid-file has reached its end for us; the source compares with what was promised.
            return

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
            self._run = 0
            self.corrupt += frame.is_corrupt
            yield from self._lost_before(frame.pts)
            yield frame

    def _refused(self, error: Exception) -> None:
        if isinstance(error, av.error.EOFError):
            return
        self.damaged += 1
        self._missing += 1
        self._run += 1
        if self._run > MAX_DAMAGED_RUN:
            raise InputError(
                f"{self._run} packets in a row could not be decoded; the file is badly damaged: keep what is good with "
                "--duration"
            ) from error

    def _lost_before(self, pts: int | None) -> Iterator[Lost]:
        """Places of refused packets before ``pts``: with threads an error arrives some packets late."""
        if pts is None:
            return
        while self._sent and self._sent[0] <= pts:
            stamp = heapq.heappop(self._sent)
            if stamp < pts and self._missing:
                self._missing -= 1
                yield Lost(stamp, self.damaged > 0)
