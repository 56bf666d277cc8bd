"""How much an input may ask for: a header of a few bytes can claim pictures that no memory holds."""

from __future__ import annotations

import io
import struct

from PIL import Image

from vdequant.errors import InputError

_PNG = b"\x89PNG\r\n\x1a\n"


def check_size(width: int, height: int, name: str, most: int) -> None:
    """Raise :class:`InputError` when a picture has more than ``most`` pixels."""
    if width * height > most:
        raise InputError(
            f"{name} says that its pictures are {width}x{height}; expected at most {most / 1e6:g} million pixels, so "
            f"that memory suffices; if it is true, pass --max-pixels {width * height}"
        )


def check_count(count: int, name: str, most: int) -> None:
    """Raise :class:`InputError` when an input has more than ``most`` pictures."""
    if count > most:
        raise InputError(f"{name} holds more than {most} pictures; if that is meant, pass --max-frames with more")


def lies_in_png(data: bytes) -> bool:
    """Whether a PNG has a chunk that is longer than what is left of the file, or no end.

    A chunk is 4 bytes length, 4 bytes name, the content, 4 bytes checksum. OpenCV takes memory for what it says.
    """
    at, name = len(_PNG), b""
    while data.startswith(_PNG) and name != b"IEND":
        name = data[at + 4 : at + 8]
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        if at > len(data):
            return True
    return False


def claimed_size(data: bytes) -> tuple[int, int]:
    """Width and height by the header of a picture file, without decoding it; (0, 0) where nothing can be made of it."""
    if data.startswith(_PNG) and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.size
    except Image.DecompressionBombError:  # Pillow's own limit, which is above our default
        return (2 * (Image.MAX_IMAGE_PIXELS or 0) + 1, 1)
    except Exception:  # Pillow's readers stumble over damaged headers in every way there is
        return (0, 0)
