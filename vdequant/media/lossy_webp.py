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
