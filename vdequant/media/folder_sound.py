"""The sound that a recorder wrote beside its pictures, as cloud-game's ``audio.wav``."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from av.packet import Packet
from av.stream import Stream

from vdequant.frames import SidePacket
from vdequant.media.opening import open_container
from vdequant.media.passengers import Passengers, living_tags
from vdequant.media.rationals import as_fraction
from vdequant.media.timing import Span

SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a")


def find_sound(folder: str) -> Path | None:
    """The only sound file of a folder; None when there is none, or several to choose from."""
    files = [f for f in Path(folder).iterdir() if f.suffix.lower() in SOUNDS and not f.name.startswith(".")]
    return files[0] if len(files) == 1 else None


class FolderSound:
    """Packets of a sound file in step with pictures that begin when it does.

    Attributes:
        passengers: its stream, for the sink.
    """

    def __init__(self, path: Path, span: Span, start: Fraction) -> None:
        """``start``: second of the sound at which the first picture is shown."""
        self._container = open_container(str(path))
        self._span, self._start = span, start
        streams = tuple(self._container.streams.audio[:1])
        self.passengers = Passengers(streams=streams, metadata=living_tags(dict(self._container.metadata)))
        self._packets = self._read(streams[0]) if streams else iter(())
        self._next: tuple[Fraction, SidePacket] | None = None

    def _read(self, stream: Stream) -> Iterator[tuple[Fraction, SidePacket]]:
        """Packets of the span with the second they begin, moved to the front like the pictures."""
        base = as_fraction(stream.time_base, Fraction(1, 48000))
        shift = round(self._start / base)
        for packet in self._container.demux(stream):
            if packet.pts is None or packet.dts is None or packet.pts < shift:
                continue
            if self._span.after(packet.pts * base):
                return
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            yield packet.pts * base, _side(packet)

    def until(self, seconds: Fraction | None) -> Iterator[SidePacket]:
        """The packets that begin before an instant, None for all that are left; each is given once."""
        while (found := self._next or next(self._packets, None)) is not None:
            self._next = found
            if seconds is not None and found[0] >= seconds:
                return
            self._next = None
            yield found[1]

    def close(self) -> None:
        """Close the file; packets handed out are dead afterwards."""
        self._container.close()


def _side(packet: Packet[Stream]) -> SidePacket:
    return SidePacket(packet, packet.stream_index)
