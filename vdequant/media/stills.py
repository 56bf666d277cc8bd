"""Bytes of picture files to planes and back, 8 and 16 bits, alpha kept; no files are touched here."""

from __future__ import annotations

import io
import warnings
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vdequant.errors import InputError
from vdequant.frames import Layout
from vdequant.media.limits import check_size, claimed_size, lies_in_png
from vdequant.settings import MOST_PIXELS

Array = NDArray[Any]
# Our own limit is checked first, and can be moved; OpenCV writes what it finds wrong to standard error.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("error", message="Truncated File Read")  # of a damaged TIFF; Pillow would go on
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
JPEG_QUALITY = 95
_ORIENTATION = 0x0112  # EXIF tag
_TIFF, _PAGE_KIND, _PREVIEW = (b"II*\0", b"MM\0*"), 0x00FE, 1  # magics; a tag, and its bit of a smaller version
# What PIL is asked for where OpenCV does not read the file; each keeps 8 bits as stored.
_GRAY_MODES = ("1", "L")
UPRIGHT = (0, False)  # what turn_of says of pictures that are not turned
# EXIF orientation -> (quarter turns counter-clockwise, then mirror left-right)
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


def decode(
    data: bytes, name: str, *, max_pixels: int = MOST_PIXELS
) -> tuple[tuple[Tensor, ...], Tensor | None, Layout]:
    """Planes, alpha and layout of a still.

    Raises:
        InputError: not a picture, damaged, larger than ``max_pixels``, or floating point.
    """
    check_size(*claimed_size(data), name, max_pixels)
    pixels = _read_pixels(data, name)
    pixels = turned(pixels, turn_of(data))
    bits = 16 if pixels.dtype == np.uint16 else 8
    height, width = pixels.shape[:2]
    planes = [torch.from_numpy(np.array(pixels[:, :, i], order="C")) for i in range(pixels.shape[2])]
    alpha = planes.pop() if len(planes) in (2, 4) else None
    model = "gray" if len(planes) == 1 else "rgb"
    return tuple(planes), alpha, Layout(width, height, "gray" if model == "gray" else "rgb", bits)


def _read_pixels(data: bytes, name: str) -> Array:
    """``(height, width, 1..4)`` in the order gray or R, G, B, then alpha; uint8 or uint16."""
    if data[:2] == b"BM" or data[:4] == b"GIF8" or lies_in_png(data):
        return _with_pil(data, name)
    if data[:4] in _TIFF:
        _check_pages(data, name)
    try:
        found: Array | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputError(f"{name} is damaged or not a picture; check what it really is") from error
    if found is None:
        return _with_pil(data, name)
    if found.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{name} holds {found.dtype} samples; expected 8 or 16 bit integers, convert it to 16-bit PNG")
    if data[:4] in _TIFF and found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 4:
        return _with_pil(data, name)  # OpenCV has multiplied the colors by their alpha, or made alpha up for CMYK
    pixels = found[:, :, None] if found.ndim == 2 else found
    if pixels.shape[2] == 3:
        return pixels[:, :, ::-1]
    return pixels[:, :, [2, 1, 0, 3]] if pixels.shape[2] == 4 else pixels


def _check_pages(data: bytes, name: str) -> None:
    """Raise :class:`InputError` for a TIFF of several pictures; smaller versions of the first one do not count."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            pages = getattr(picture, "n_frames", 1)
            if pages > 1:
                picture.seek(1)
            kind = int(picture.tag_v2.get(_PAGE_KIND, 0)) if pages > 1 else _PREVIEW  # type: ignore[attr-defined]
    except UserWarning as error:
        raise InputError(f"{name} is damaged: it ends too early; record or download it again") from error
    except Exception:  # whether it can be read is found out by those who read it
        return
    if not kind & _PREVIEW:
        raise InputError(f"{name} holds {pages} pictures, expected one; split it, for example: tiffsplit {name}")


def _with_pil(data: bytes, name: str) -> Array:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            transparent = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
            mode = "RGBA" if transparent else ("L" if picture.mode in _GRAY_MODES else "RGB")
            pixels = np.asarray(picture.convert(mode))
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers stumble over damaged files in every way there is
        raise InputError(f"{name} is damaged or not a picture; check what it really is") from error
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def turned(pixels: Array, turn: tuple[int, bool]) -> Array:
    """``(height, width, ...)`` set upright, as :func:`turn_of` says."""
    quarter, mirror = turn
    upright = np.rot90(pixels, quarter)
    return upright[:, ::-1] if mirror else upright


def turn_of(data: bytes) -> tuple[int, bool]:
    """How :func:`decode` sets a photograph upright: quarter turns counter-clockwise, then mirrored left to right."""
    return _TURNS.get(_orientation(data), UPRIGHT)


def _orientation(data: bytes) -> int:
    """EXIF orientation of a photograph, 1 (upright) when there is none."""
    if data[:2] != b"\xff\xd8" and data[:4] not in (b"RIFF", b"\x89PNG"):
        return 1  # TIFF too: its readers turn it by themselves
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # as above; the pixels are read all the same
        return 1


def encode(planes: tuple[Tensor, ...], alpha: Tensor | None, suffix: str) -> bytes:
    """The file's bytes; ``alpha`` must have the planes' size and depth, and a format that keeps it."""
    arrays = [plane.cpu().numpy() for plane in planes]
    if alpha is not None:
        if len(arrays) == 1:
            arrays = arrays * 3
        arrays.append(alpha.cpu().numpy())
    pixels = arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=-1)
    if suffix == ".webp":
        # exact: also what lies under full transparency stays as it is
        target = io.BytesIO()
        Image.fromarray(pixels).save(target, "WEBP", lossless=True, exact=True, method=2)
        return target.getvalue()
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]])
    options: list[int] = []
    if suffix in (".jpg", ".jpeg"):
        # 0x111111: one chroma sample a pixel (4:4:4)
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    done, buffer = cv2.imencode(suffix, pixels, options)
    if not done:
        raise ValueError(f"expected OpenCV to write {suffix}, it refused {pixels.shape} {pixels.dtype}")
    return bytes(buffer)


def fit_alpha(alpha: Tensor, layout: Layout) -> Tensor:
    """``alpha`` at the layout's size (repeated by a whole number) and depth (255 becomes 65535)."""
    height, width = alpha.shape
    if layout.height % height or layout.width % width:
        raise ValueError(f"expected alpha of a whole fraction of {layout.width}x{layout.height}, got {width}x{height}")
    codes = alpha.to(torch.int32)
    bits = 16 if alpha.dtype == torch.uint16 else 8
    if bits < layout.bits:
        codes = codes * 257
    elif bits > layout.bits:
        codes = (codes + 128) // 257
    codes = codes.repeat_interleave(layout.height // height, 0).repeat_interleave(layout.width // width, 1)
    return codes.to(torch.uint8 if layout.bits == 8 else torch.uint16)
