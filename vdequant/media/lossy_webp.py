"""The YUV 4:2:0 that lies in a lossy WebP: one key frame of VP8, which picture readers show as RGB of 8 bits.

    RIFF size WEBP | VP8X flags | ICCP ... | ALPH opacity | VP8_ key frame | EXIF ...        all but VP8_ may be missing

Read as RGB it looks like fine color; what the codec did shows in its own planes, as it does in a film's.
"""

from __future__ import annotations

import struct

import av
import numpy as np
import torch
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from torch import Tensor

from vdequant.frames import Layout, Matrix, Siting
from vdequant.media.pixels import storage
from vdequant.media.stills import UPRIGHT, turned

_BEFORE_PIXELS = (b"VP8X", b"ICCP", b"ALPH", b"EXIF", b"XMP ")  # chunks that may stand before the picture
PIXEL_FORMAT = "yuv420p"


def key_frame(data: bytes) -> bytes:
    """The VP8 key frame in a WebP's bytes; b"" in lossless and animated ones, and in everything else."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return b""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"VP8 ":
            return data[at + 8 : at + 8 + size]
        if name not in _BEFORE_PIXELS:
            return b""
        at += 8 + size + size % 2
    return b""


class _Bits:
    """VP8's arithmetic decoder of bits that are as often 0 as 1 (RFC 6386, section 7)."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 2
        self._value, self._range, self._shifts = int.from_bytes(data[:2], "big"), 255, 0

    def bit(self) -> int:
        split = 1 + (((self._range - 1) * 128) >> 8)
        one = self._value >= split << 8
        self._value, self._range = (self._value - (split << 8), self._range - split) if one else (self._value, split)
        while self._range < 128:
            self._value, self._range = self._value << 1, self._range << 1
            self._shifts += 1
            if self._shifts == 8:
                self._value |= self._data[self._at] if self._at < len(self._data) else 0
                self._at, self._shifts = self._at + 1, 0
        return int(one)

    def number(self, bits: int) -> int:
        """Highest bit first."""
        found = 0
        for _ in range(bits):
            found = found << 1 | self.bit()
        return found

    def signed(self, bits: int) -> int:
        """A number that may be left out, and is 0 then; its sign comes last."""
        if not self.bit():
            return 0
        found = self.number(bits)
        return -found if self.bit() else found


def step_index(data: bytes) -> float | None:
    """The index of VP8's quantizer, 0 (finest) to 127, the mean over its segments; None where there is no key frame.

    Header of a key frame: 3 bytes tag, 3 bytes start code, 4 bytes size, then what RFC 6386, section 9.2 to 9.6 says.
    """
    coded = key_frame(data)
    if len(coded) < 12:
        return None
    bits = _Bits(coded[10:])
    bits.number(2)  # color space, clamping
    own, absolute = _segments(bits) if bits.bit() else ([0], False)
    bits.number(1 + 6 + 3)  # of the loop filter: kind, level, sharpness
    if bits.bit() and bits.bit():
        for _ in range(8):
            bits.signed(6)
    bits.number(2)  # parts
    base = bits.number(7)
    each = own if absolute else [base + more for more in own]
    return sum(min(max(index, 0), 127) for index in each) / len(each)


def _segments(bits: _Bits) -> tuple[list[int], bool]:
    """Quantizers of the four segments, and whether they stand for themselves or are added to that of the picture."""
    has_map, has_values = bits.bit(), bits.bit()
    own, absolute = [0], False
    if has_values:
        absolute = bool(bits.bit())
        own = [bits.signed(7) for _ in range(4)]
        for _ in range(4):
            bits.signed(6)
    if has_map:
        for _ in range(3):
            if bits.bit():
                bits.number(8)
    return own, absolute


def stored_planes(data: bytes, turn: tuple[int, bool]) -> tuple[tuple[Tensor, ...], Layout] | None:
    """Y, Cb and Cr of a lossy WebP as they are stored, and how they encode the picture.

    The format knows one kind of YUV: BT.601 in limited range, each color sample in the middle of four pixels.

    Args:
        data: of the whole file, of which it is known that it decodes.
        turn: of :func:`~vdequant.media.stills.turn_of`; the planes are set upright.

    Returns:
        None for pictures of other kinds, and where a side to be turned is odd: its last color sample, which is that of
        one pixel, would come to lie first.
    """
    picture = _decoded(key_frame(data))
    if picture is None or (turn != UPRIGHT and (picture.width % 2 or picture.height % 2)):
        return None
    views = [turned(plane, turn) for plane in storage(PIXEL_FORMAT).read(picture)]
    height, width = views[0].shape
    layout = Layout(width, height, "yuv", 8, (1, 1), Matrix.SMPTE170M, full_range=False, siting=Siting.CENTER)
    return tuple(torch.from_numpy(np.array(view, order="C")) for view in views), layout


def _decoded(coded: bytes) -> VideoFrame | None:
    if not coded:
        return None
    decoder = VideoCodecContext.create("vp8", "r")
    try:
        shown = [*decoder.decode(av.Packet(coded)), *decoder.decode(None)]
    except av.error.FFmpegError:
        return None
    return shown[0] if len(shown) == 1 and shown[0].format.name == PIXEL_FORMAT else None
