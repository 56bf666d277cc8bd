"""Every decoded pixel format as planes R, G, B or Y, Cb, Cr or gray, sample for sample as stored; nothing is rounded.

A format's name is parsed into a :class:`Storage`, which says how the planes lie in FFmpeg's buffers. The samples are
always copied out: decoders keep using their pictures as references, and a ``Frame`` must stay valid while it lives.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from torch import Tensor

from vdequant.errors import InputError

Array = NDArray[Any]
Reader = Callable[[VideoFrame], list[Array]]

# log2 of the chroma subsampling across and down, by FFmpeg's three digits.
CHROMA = {"444": (0, 0), "422": (1, 0), "420": (1, 1), "440": (0, 1), "411": (2, 0), "410": (2, 2)}


@dataclass(frozen=True, slots=True)
class Storage:
    """How a pixel format stores a picture.

    ``read`` returns the planes in the order of ``frames.Layout``, followed by alpha where ``alpha`` is True.
    ``full_range``: the format itself says full range (yuvj); for other YUV the stream's tag decides.
    """

    model: Literal["rgb", "yuv", "gray"]
    bits: int
    read: Reader
    chroma: tuple[int, int] = (0, 0)
    alpha: bool = False
    full_range: bool = False


def rows(frame: VideoFrame, index: int, dtype: str, samples: int) -> Array:
    """Plane ``index`` as a ``(plane height, samples)`` view without the padding; upside-down pictures are turned."""
    plane = frame.planes[index]
    stride = plane.line_size
    grid: Array = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, abs(stride))
    if stride < 0:
        grid = grid[::-1]
    view: Array = grid[:, : samples * np.dtype(dtype).itemsize].view(dtype)
    return view


def _dtype(bits: int, endian: str) -> str:
    if bits <= 8:
        return "u1"
    return ">u2" if endian == "be" else "<u2"


def _planar(order: tuple[int, ...], dtype: str, shift: int = 0) -> Reader:
    """Planes of their own, named in the order we want them."""

    def read(frame: VideoFrame) -> list[Array]:
        views = [rows(frame, i, dtype, frame.planes[i].width) for i in order]
        return [view >> shift for view in views] if shift else views

    return read


def _semi_planar(dtype: str, shift: int, swapped: bool) -> Reader:
    """Y in one plane, Cb and Cr taking turns in a second one (nv12, p010); unused low bits are shifted out."""

    def read(frame: VideoFrame) -> list[Array]:
        luma = rows(frame, 0, dtype, frame.planes[0].width) >> shift
        width = frame.planes[1].width
        both = rows(frame, 1, dtype, 2 * width) >> shift
        first, second = both[:, 0::2], both[:, 1::2]
        return [luma, second, first] if swapped else [luma, first, second]

    return read


def _packed(dtype: str, step: int, places: tuple[int, ...], shift: int = 0) -> Reader:
    """Samples of one pixel side by side: ``step`` samples a pixel, ours at ``places``."""

    def read(frame: VideoFrame) -> list[Array]:
        grid = rows(frame, 0, dtype, frame.width * step).reshape(frame.height, frame.width, step) >> shift
        return [grid[:, :, place] for place in places]

    return read


def _packed_422(dtype: str, places: tuple[int, int, int], shift: int = 0) -> Reader:
    """Two pixels in four samples; ``places`` of the first Y, Cb and Cr among them."""

    def read(frame: VideoFrame) -> list[Array]:
        pairs = -(-frame.width // 2)
        grid = rows(frame, 0, dtype, pairs * 4) >> shift
        return [grid[:, places[0] :: 2][:, : frame.width], grid[:, places[1] :: 4], grid[:, places[2] :: 4]]

    return read


def _bit_fields(dtype: str, fields: tuple[tuple[int, int], ...]) -> Reader:
    """R, G and B as (lowest bit, width) in one word. Fields under 8 bits are repeated to 8 bits, as hardware does:
    5 bits abcde become abcdeabc, so that black stays 0 and white becomes 255.
    """

    def read(frame: VideoFrame) -> list[Array]:
        words = rows(frame, 0, dtype, frame.width)
        planes = []
        for low, width in fields:
            value = (words >> low) & ((1 << width) - 1)
            planes.append(value if width >= 8 else value << (8 - width) | value >> (2 * width - 8))
        return planes

    return read


def _palette(frame: VideoFrame) -> list[Array]:
    """256 colors of native 32-bit words 0xAARRGGBB, looked up exactly."""
    colors = np.frombuffer(memoryview(frame.planes[1]), np.uint32)[:256]
    index = rows(frame, 0, "u1", frame.width)
    return [((colors >> shift) & 255).astype(np.uint8)[index] for shift in (16, 8, 0, 24)]


def _floats(order: tuple[int, ...], dtype: str) -> Reader:
    """Floating point planes, rounded once to 16 bits."""

    def read(frame: VideoFrame) -> list[Array]:
        views = [rows(frame, i, dtype, frame.width).astype(np.float64) for i in order]
        return [np.rint(np.nan_to_num(v).clip(0, 1) * 65535).astype(np.uint16) for v in views]

    return read


def _looked_up(frame: VideoFrame) -> list[Array]:
    """Formats of at most 8 bits a pixel: swscale's conversion to rgb24 is a table, hence exact."""
    return _packed("u1", 3, (0, 1, 2))(VideoReformatter().reformat(frame, format="rgb24"))


_TABLED = ("rgb8", "bgr8", "rgb4_byte", "bgr4_byte", "monow", "monob")
_PACKED_422 = {"yuyv422": (0, 1, 3), "uyvy422": (1, 0, 2), "yvyu422": (0, 3, 1)}
# FFmpeg's semi-planar names: digits of the chroma, and whether Cr comes first.
_NV = {"nv12": ("420", False), "nv21": ("420", True), "nv16": ("422", False), "nv24": ("444", False)}
_NV |= {"nv42": ("444", True)}
_P_CHROMA = {"0": "420", "2": "422", "4": "444"}
_FIELD_WIDTHS = {"444": (4, 4, 4), "555": (5, 5, 5), "565": (5, 6, 5)}


def _parse_yuv(name: str) -> Storage | None:
    match = re.fullmatch(r"yuv(a|j)?(444|422|420|440|411|410)p(\d+)?(le|be)?", name)
    if not match:
        return None
    kind, digits, depth, endian = match.groups()
    bits = int(depth or 8)
    order = (0, 1, 2, 3) if kind == "a" else (0, 1, 2)
    read = _planar(order, _dtype(bits, endian))
    return Storage("yuv", bits, read, CHROMA[digits], alpha=kind == "a", full_range=kind == "j")


def _parse_semi_planar(name: str) -> Storage | None:
    if name in _NV:
        digits, swapped = _NV[name]
        return Storage("yuv", 8, _semi_planar("u1", 0, swapped), CHROMA[digits])
    match = re.fullmatch(r"p([024])(10|12|16)(le|be)", name)
    if not match:
        return None
    kind, depth, endian = match.groups()
    bits = int(depth)
    return Storage("yuv", bits, _semi_planar(_dtype(16, endian), 16 - bits, False), CHROMA[_P_CHROMA[kind]])


def _parse_packed_yuv(name: str) -> Storage | None:
    if name in _PACKED_422:
        return Storage("yuv", 8, _packed_422("u1", _PACKED_422[name]), (1, 0))
    match = re.fullmatch(r"y2(10|12|16)(le|be)", name)
    if not match:
        return None
    bits = int(match[1])
    return Storage("yuv", bits, _packed_422(_dtype(16, match[2]), (0, 1, 3), 16 - bits), (1, 0))


def _parse_gray(name: str) -> Storage | None:
    match = re.fullmatch(r"gray(8|9|10|12|14|16)?(le|be)?", name)
    if match:
        bits = int(match[1] or 8)
        return Storage("gray", bits, _planar((0,), _dtype(bits, match[2])), full_range=False)
    match = re.fullmatch(r"ya(8|16)(le|be)?", name)
    if match:
        bits = int(match[1])
        return Storage("gray", bits, _packed(_dtype(bits, match[2]), 2, (0, 1)), alpha=True)
    return None


def _parse_planar_rgb(name: str) -> Storage | None:
    match = re.fullmatch(r"gbr(a)?p(f)?(\d+)?(le|be)?", name)
    if not match:
        return None
    alpha, floating, depth, endian = match.groups()
    order = (2, 0, 1, 3) if alpha else (2, 0, 1)
    if floating:
        dtype = (">" if endian == "be" else "<") + ("f2" if depth == "16" else "f4")
        return Storage("rgb", 16, _floats(order, dtype), alpha=bool(alpha))
    bits = int(depth or 8)
    return Storage("rgb", bits, _planar(order, _dtype(bits, endian)), alpha=bool(alpha))


def _parse_packed_rgb(name: str) -> Storage | None:
    """rgb24, bgr0, argb, rgb48be, bgra64le: letters in memory order, 0 or x for an unused sample."""
    match = re.fullmatch(r"([rgbax0]{3,4})(24|48|64)?(le|be)?", name)
    if not match or not {"r", "g", "b"} <= set(match[1]):
        return None
    letters, total, endian = match.groups()
    bits = 16 if total in ("48", "64") else 8
    if total in ("24", "48") and len(letters) != 3:
        return None
    alpha = "a" in letters
    places = tuple(letters.index(letter) for letter in ("rgba" if alpha else "rgb"))
    return Storage("rgb", bits, _packed(_dtype(bits, endian), len(letters), places), alpha=alpha)


def _parse_bit_fields(name: str) -> Storage | None:
    match = re.fullmatch(r"(rgb|bgr)(444|555|565)(le|be)", name)
    if match:
        widths = _FIELD_WIDTHS[match[2]]
        high_first = [(widths[1] + widths[2], widths[0]), (widths[2], widths[1]), (0, widths[2])]
        fields = high_first if match[1] == "rgb" else high_first[::-1]
        return Storage("rgb", 8, _bit_fields(_dtype(16, match[3]), tuple(fields)))
    match = re.fullmatch(r"x2(rgb|bgr)10(le|be)", name)
    if match:
        fields = [(20, 10), (10, 10), (0, 10)] if match[1] == "rgb" else [(0, 10), (10, 10), (20, 10)]
        return Storage("rgb", 10, _bit_fields("<u4" if match[2] == "le" else ">u4", tuple(fields)))
    return None


@lru_cache(maxsize=64)
def storage(name: str) -> Storage:
    """How FFmpeg's pixel format ``name`` stores a picture.

    Raises:
        InputError: nothing exact is known about this format.
    """
    if name == "pal8":
        return Storage("rgb", 8, _palette, alpha=True)
    if name in _TABLED:
        return Storage("rgb", 8, _looked_up)
    for parse in (_parse_yuv, _parse_semi_planar, _parse_packed_yuv, _parse_gray, _parse_planar_rgb):
        found = parse(name)
        if found:
            return found
    found = _parse_bit_fields(name) or _parse_packed_rgb(name)
    if found:
        return found
    raise InputError(f"pixel format {name} cannot be read exactly; convert first: ffmpeg -i IN -c:v ffv1 OUT.mkv")


def unpack(frame: VideoFrame) -> tuple[tuple[Tensor, ...], Tensor | None]:
    """The planes of a decoded picture in the order of ``frames.Layout``, and its alpha plane where it has one.

    Returns:
        Contiguous copies, uint8 up to 8 bits and uint16 above, of the sizes ``Layout.plane_shape`` states.
    """
    store = storage(frame.format.name)
    dtype = np.uint8 if store.bits <= 8 else np.uint16
    planes = [torch.from_numpy(np.array(plane, dtype=dtype, order="C")) for plane in store.read(frame)]
    alpha = planes.pop() if store.alpha else None
    return tuple(planes), alpha


# ---- the way back -------------------------------------------------------------------------------------------------

_GBR_ORDER = (1, 2, 0)


def _fill(frame: VideoFrame, index: int, plane: Tensor) -> None:
    samples = plane.cpu().numpy()
    rows(frame, index, samples.dtype.str, samples.shape[1])[:] = samples


def _fill_interleaved(frame: VideoFrame, planes: tuple[Tensor, ...], dtype: str, step: int, places: str) -> None:
    grid = rows(frame, 0, dtype, frame.width * step).reshape(frame.height, frame.width, step)
    for letter, plane in zip("rgb", planes, strict=True):
        grid[:, :, places.index(letter)] = plane.cpu().numpy()
    if step > len(planes):
        grid[:, :, len(planes) :] = 0


_INTERLEAVED = {"bgr0": ("u1", 4, "bgr"), "rgb24": ("u1", 3, "rgb"), "rgb48be": (">u2", 3, "rgb")}
_INTERLEAVED |= {"rgb48le": ("<u2", 3, "rgb")}


def pack(planes: tuple[Tensor, ...], pixel_format: str) -> VideoFrame:
    """A picture for an encoder, copied from planes in the order of ``frames.Layout``.

    The encoder may hold it for many pictures; the tensors are free again when this returns.
    """
    height, width = planes[0].shape
    frame = VideoFrame(width, height, pixel_format)
    if pixel_format in _INTERLEAVED:
        dtype, step, places = _INTERLEAVED[pixel_format]
        _fill_interleaved(frame, planes, dtype, step, places)
        return frame
    order = _GBR_ORDER if pixel_format.startswith("gbr") else (0, 1, 2)
    for index, source in enumerate(order):
        _fill(frame, index, planes[source])
    return frame
