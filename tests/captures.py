"""Makers of files as recorders leave them: known samples in any pixel format, encoded, or packed by hand.

The samples reach the encoders as raw bytes, through FFmpeg's raw video decoder; what they mean is said here in NumPy.
So none of our own code, and no conversion, lies between a picture and what the tests expect of it.
"""

from __future__ import annotations

import struct
import subprocess
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vdequant.media.ffmpeg_cli import find_ffmpeg

HEIGHT, WIDTH = 32, 48
RATE = 50
CHROMA = {"444": (0, 0), "422": (1, 0), "420": (1, 1)}

Planes = list[np.ndarray]  # R, G, B or Y, Cb, Cr or gray, as vdequant should read them


@dataclass(frozen=True)
class Stored:
    """One picture: its raw bytes in a pixel format, and the samples that they mean."""

    raw: bytes
    planes: Planes


def stored(pix_fmt: str, seed: int) -> Stored:
    """Random samples of all values that ``pix_fmt`` can hold; equal for equal arguments."""
    random = np.random.default_rng(seed)
    if pix_fmt == "pal8":
        return _indexed(random)
    if pix_fmt in _FIELDS:
        return _bit_fields(random, *_FIELDS[pix_fmt])
    bits = _depth(pix_fmt)
    if pix_fmt.startswith("yuv"):
        across, down = CHROMA[pix_fmt[3:6]]
        shapes = [(HEIGHT, WIDTH)] + [(HEIGHT >> down, WIDTH >> across)] * 2
        planes = [random.integers(0, 1 << bits, shape) for shape in shapes]
        return Stored(b"".join(_bytes(plane, bits) for plane in planes), planes)
    if pix_fmt.startswith("gray"):
        plane = random.integers(0, 1 << bits, (HEIGHT, WIDTH))
        return Stored(_bytes(plane, bits), [plane])
    return from_rgb([random.integers(0, 1 << bits, (HEIGHT, WIDTH)) for _ in "rgb"], pix_fmt)


def from_rgb(planes: Planes, pix_fmt: str) -> Stored:
    """Red, green and blue as planes (gbrp, gbrp10le) or side by side (rgb24, bgr0, argb, rgb48be); opaque."""
    bits, planar = _depth(pix_fmt), pix_fmt.startswith("gbrp")
    letters = "gbr" if planar else {"rgb24": "rgb", "bgr24": "bgr", "rgb48be": "rgb"}.get(pix_fmt, pix_fmt)
    opaque = np.full((HEIGHT, WIDTH), (1 << bits) - 1)
    chosen = [planes["rgb".index(letter)] if letter in "rgb" else opaque for letter in letters]
    return Stored(_bytes(np.stack(chosen, 0 if planar else -1), bits, pix_fmt.endswith("be")), planes)


# pixel format -> width of red, green and blue, and byte order; red is highest
_FIELDS = {
    "rgb555le": ((5, 5, 5), "<"),
    "rgb555be": ((5, 5, 5), ">"),
    "rgb565le": ((5, 6, 5), "<"),
}


def _depth(pix_fmt: str) -> int:
    """Bits a sample, from the digits at the end of FFmpeg's name; "48" are three times 16."""
    name = pix_fmt.removesuffix("le").removesuffix("be")
    return next(
        (depth for ending, depth in (("48", 16), ("16", 16), ("12", 12), ("10", 10)) if name.endswith(ending)), 8
    )


def _bytes(samples: np.ndarray, bits: int, big_endian: bool = False) -> bytes:
    return samples.astype("u1" if bits == 8 else ">u2" if big_endian else "<u2").tobytes()


def _bit_fields(random: np.random.Generator, widths: tuple[int, int, int], order: str) -> Stored:
    """Three fields of a 16-bit word; a field of bits abcde means abcdeabc."""
    fields = [random.integers(0, 1 << width, (HEIGHT, WIDTH)) for width in widths]
    word = fields[0] << (widths[1] + widths[2]) | fields[1] << widths[2] | fields[2]
    shown = [v << (8 - w) | v >> (2 * w - 8) for v, w in zip(fields, widths, strict=True)]
    return Stored(word.astype(f"{order}u2").tobytes(), shown)


def _indexed(random: np.random.Generator) -> Stored:
    """Indexes, then 256 little-endian words 0xAARRGGBB."""
    colors = random.integers(0, 256, (256, 3))
    index = random.integers(0, 256, (HEIGHT, WIDTH))
    words = 0xFF << 24 | colors[:, 0] << 16 | colors[:, 1] << 8 | colors[:, 2]
    return Stored(
        index.astype("u1").tobytes() + words.astype("<u4").tobytes(), [colors[index][..., c] for c in range(3)]
    )


def encode(
    path: Path, codec: str, pix_fmt: str, pictures: Sequence[Stored], stamps: Sequence[int], options: dict[str, str]
) -> None:
    """Write ``pictures`` through PyAV, shown at ``stamps`` (milliseconds; AVI counts frames, so multiples of 20)."""
    base = Fraction(1, RATE if path.suffix == ".avi" else 1000)
    with av.open(str(path), "w") as out:
        film = out.add_stream(codec, rate=RATE, options=options)
        film.width, film.height, film.pix_fmt = WIDTH, HEIGHT, pix_fmt
        film.codec_context.time_base = base
        for picture, stamp in zip(pictures, stamps, strict=True):
            frame = _frame(picture.raw, pix_fmt)
            frame.pts, frame.time_base = int(Fraction(stamp, 1000) / base), base
            out.mux(film.encode(frame))
        out.mux(film.encode(None))


def _frame(raw: bytes, pix_fmt: str) -> av.VideoFrame:
    context = av.CodecContext.create("rawvideo", "r")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, pix_fmt
    (frame,) = context.decode(av.Packet(raw))
    return frame


def with_ffmpeg(target: Path, *arguments: str) -> None:
    """Run the ffmpeg program, for encoders and containers that PyAV does not offer."""
    command = [find_ffmpeg(), "-v", "error", "-y", *arguments, str(target)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


# ---- codecs that no free encoder writes: the simplest packet that their decoders take ----------------------------


def _upwards(picture: Planes) -> np.ndarray:
    """``(H, W, 3)`` blue, green, red, bottom row first, as Windows bitmaps lie."""
    return np.stack(picture[::-1], -1)[::-1].astype("u1")


def _camstudio(picture: Planes) -> bytes:
    """CSCD: flags (1: key frame, 2: zlib), a byte, the bitmap."""
    return bytes([3, 0]) + zlib.compress(_upwards(picture).tobytes())


def _camtasia(picture: Planes) -> bytes:
    """TSCC: zlib of run-length code; 0, n: n literal pixels; 0, 0: next row; 0, 1: end."""
    lines = [bytes([0, WIDTH]) + row.tobytes() + b"\0\0" for row in _upwards(picture)]
    return zlib.compress(b"".join(lines) + b"\0\1")


def _fraps(picture: Planes) -> bytes:
    """Version 1: a header of 8 bytes (bit 30 says so), the bitmap."""
    return struct.pack("<II", 1 | 1 << 30, 0) + _upwards(picture).tobytes()


def _dxtory(picture: Planes) -> bytes:
    """RGB24, version 1: a header of 16 bytes, blue, green, red from the top."""
    return b"\1\0\0\1" + bytes(12) + _upwards(picture)[::-1].tobytes()


def _planar_bitmap(picture: Planes) -> bytes:
    """8BPS: lengths of all rows of all planes, then the rows in PackBits; n - 1: n literal bytes."""
    rows = [bytes([WIDTH - 1]) + row.astype("u1").tobytes() for plane in picture for row in plane]
    return b"".join(struct.pack(">H", len(row)) for row in rows) + b"".join(rows)


def _lagarith(picture: Planes) -> bytes:
    """Type 4, RGB24: where the second and third plane begin; planes B - G, G, R - G; 4: not entropy-coded."""
    red, green, blue = (plane[::-1].astype(np.int64) for plane in picture)
    planes = [b"\4" + _median_residual(p & 255) for p in (blue - green, green, red - green)]
    second = 9 + len(planes[0])
    return b"\4" + struct.pack("<II", second, second + len(planes[1])) + b"".join(planes)


def _median_residual(plane: np.ndarray) -> bytes:
    """Each sample minus the median of left, above and left + above - above left; rows go on from the one before."""
    flat = plane.ravel()
    left = np.concatenate([[0], flat[:-1]])
    above = np.concatenate([np.zeros(WIDTH, np.int64), flat[:-WIDTH]])
    corner = np.concatenate([np.zeros(WIDTH + 1, np.int64), flat[: -WIDTH - 1]])
    corner[WIDTH] = left[WIDTH]
    guess = np.median([left, above, left + above - corner], axis=0).astype(np.int64)
    guess[:WIDTH] = left[:WIDTH]
    return ((flat - guess) & 255).astype("u1").tobytes()


PACKERS: dict[str, Callable[[Planes], bytes]] = {
    "cscd": _camstudio,
    "tscc": _camtasia,
    "fraps": _fraps,
    "dxtory": _dxtory,
    "8bps": _planar_bitmap,
    "lagarith": _lagarith,
}


def pack(path: Path, codec: str, pictures: Sequence[Stored]) -> None:
    """Write ``pictures`` (red, green, blue, 8 bits) in a codec of :data:`PACKERS`, at 50 pictures a second."""
    with av.open(str(path), "w") as out:
        film = out.add_mux_stream(codec, rate=RATE, width=WIDTH, height=HEIGHT, time_base=Fraction(1, RATE))
        for number, picture in enumerate(pictures):
            packet = av.Packet(PACKERS[codec](picture.planes))
            packet.stream, packet.time_base, packet.is_keyframe = film, Fraction(1, RATE), True
            packet.pts = packet.dts = number
            packet.duration = 1
            out.mux(packet)
