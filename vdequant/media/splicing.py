"""Decoding times of films that were encoded apart, as one encoder would have given them.

An encoder that reorders pictures starts to decode before the first one is shown. In the middle of a film that time
belongs to the pictures before:

    shown    ... 5 6 7 8 | 9 10 11 ...
    decoded  ... 3 4 5 6 | 7  8  9 ...      the encoder itself wrote, of the second part, 9 - 2, 9 - 1, 9 ...

With an even rate both are the same; with an uneven one they collide, and muxers refuse times that do not rise.
"""

from __future__ import annotations

from collections import deque

from av.packet import Packet
from av.stream import Stream

DEEPEST = 64  # pictures that an encoder may decode ahead


class Splicer:
    """Takes the packets of one film after the other, in decoding order and in one time base."""

    def __init__(self) -> None:
        self._shown: deque[int] = deque(maxlen=2 * DEEPEST)  # latest times of showing, in decoding order
        self._before: list[int] = []  # of the films before, rising
        self._first: int | None = None  # time at which this film's first picture is shown
        self._held: list[Packet[Stream]] = []
        self._last: int | None = None

    def begin(self) -> list[Packet[Stream]]:
        """Another film follows; the packets that were held of the one before."""
        ready = self._release()
        self._before, self._first = sorted(self._shown)[-DEEPEST:], None
        return ready

    def fit(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """Take a packet; those that are ready, which rise. Held are only those that are decoded before ``begin``."""
        shown = packet.pts or 0
        self._shown.append(shown)
        self._first = shown if self._first is None else self._first
        if self._before and packet.dts is not None and packet.dts < self._first:
            self._held.append(packet)
            return []
        return [*self._release(), self._risen(packet)]

    def _release(self) -> list[Packet[Stream]]:
        held, self._held = self._held, []
        places = self._before[-len(held) :] if held else []
        for packet, place in zip(held[-len(places) :], places, strict=False):
            packet.dts = place
        return [self._risen(packet) for packet in held]

    def _risen(self, packet: Packet[Stream]) -> Packet[Stream]:
        """The packet decoded later than the one before, unless that were after it is shown."""
        if packet.dts is not None:
            if self._last is not None and packet.dts <= self._last:
                packet.dts = min(self._last + 1, max(packet.dts, packet.pts or 0))
            self._last = packet.dts
        return packet
