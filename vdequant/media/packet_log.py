"""Encoded pictures in a file, exactly as the encoder gave them: times are neither rounded nor derived again.

A container would not do: Matroska counts milliseconds, NUT and MP4 make decoding times of their own. The file is a
time base (two 64-bit numbers) and then, of each packet in decoding order, a head and its bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from av.packet import Packet
from av.stream import Stream

from vdequant.media.rationals import as_fraction

_BASE = struct.Struct("<qq")
_HEAD = struct.Struct("<qqqBI")  # pts, dts, duration, is a key frame, size
_NO_TIME = -(1 << 63)
DIGEST_BYTES = 16


class PacketLog:
    """Writes packets beside ``path`` and gives them that name once they are on the disk.

    Attributes:
        bytes: written so far.
    """

    def __init__(self, path: Path, time_base: Fraction) -> None:
        """``time_base``: seconds per unit of the packets' times.

        Raises:
            OSError: the disk is full, or the folder may not be written.
        """
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._file = open(self._part, "wb")  # noqa: SIM115 (open over many calls)
        self.bytes = 0
        self._write(_BASE.pack(time_base.numerator, time_base.denominator))

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.bytes += len(data)

    def add(self, packet: Packet[Stream]) -> None:
        """Append a packet whose times are in the log's time base."""
        content = bytes(packet)
        pts, dts = (_NO_TIME if time is None else time for time in (packet.pts, packet.dts))
        self._write(_HEAD.pack(pts, dts, packet.duration or 0, packet.is_keyframe, len(content)))
        self._write(content)

    def close(self) -> str:
        """Complete the file and give it its name; returns a digest of its content."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._part, self._path)
        return self._digest.hexdigest()

    def abort(self) -> None:
        """Delete what was written; harmless after :meth:`close`."""
        with contextlib.suppress(OSError):  # what is buffered may not fit on the disk
            self._file.close()
        self._part.unlink(missing_ok=True)


def digest_of(path: Path) -> str:
    """The digest that :meth:`PacketLog.close` returned if the file is what was written then."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).hexdigest()


def read_packets(path: Path) -> Iterator[Packet[Stream]]:
    """The packets of a complete file, in decoding order; they belong to no stream yet."""
    with open(path, "rb") as file:
        base = as_fraction(Fraction(*_BASE.unpack(file.read(_BASE.size))), Fraction(1, 1000))
        while head := file.read(_HEAD.size):
            pts, dts, duration, is_key, size = _HEAD.unpack(head)
            packet: Packet[Stream] = Packet(file.read(size))
            packet.time_base = base
            packet.pts, packet.dts = (None if time == _NO_TIME else time for time in (pts, dts))
            packet.duration, packet.is_keyframe = duration, bool(is_key)
            yield packet
