"""Writes the pixel aspect into a finished Matroska or WebM file.

FFmpeg's muxer takes it from a field that PyAV 18 cannot set; AV1, VP9 and FFV1 do not carry it themselves, so that
an 8:7 capture would come out with square pixels. The file is patched in place: while writing, the video's name is
padded with blanks, and afterwards the room is given to the aspect.

    TrackEntry [ ... Name "title                 " ... Video [ PixelWidth PixelHeight ... ] ... ]
    TrackEntry [ ... Name "title" ... Video [ PixelWidth PixelHeight ... DisplayWidth Height Unit ] ... Void ]

Element numbers are those of RFC 9559 (Matroska), the coding is that of RFC 8794 (EBML).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

PADDING = " " * 40  # display elements take at most 2 * (3 + 8) + 4 bytes, a longer size field up to 7
_SEGMENT, _TRACKS, _ENTRY = 0x18538067, 0x1654AE6B, 0xAE
_TYPE, _NAME, _VIDEO, _VOID = 0x83, 0x536E, 0xE0, 0xEC
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_VIDEO_TYPE, _RATIO_UNIT = 1, 3
_HEAD = 1 << 20  # the tracks come before the first cluster, within the first kilobytes


def _number(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """The variable-length integer at ``at`` and where it ends; its length is the place of the first set bit."""
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length], "big")
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), at + length


def _elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(id, begin, begin of content, end) of the elements between ``start`` and ``end``."""
    at = start
    while at < end:
        name, place = _number(data, at, keep_marker=True)
        size, body = _number(data, place, keep_marker=False)
        yield name, at, body, min(body + size, end)
        at = body + size


def _find(data: bytes, wanted: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    for name, _, body, stop in _elements(data, start, end):
        if name == wanted:
            yield body, stop


def _element(name: int, content: bytes) -> bytes:
    size = 1
    while len(content) >= (1 << 7 * size) - 1:
        size += 1
    marker = (1 << 7 * size) | len(content)
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + marker.to_bytes(size, "big") + content


def _unsigned(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _display(width: int, height: int, aspect: Fraction) -> bytes:
    """Shape of the whole picture as a ratio, which is exact where a number of pixels would be rounded."""
    shape = aspect * width / height
    return (
        _unsigned(_DISPLAY_WIDTH, shape.numerator)
        + _unsigned(_DISPLAY_HEIGHT, shape.denominator)
        + _unsigned(_DISPLAY_UNIT, _RATIO_UNIT)
    )


def _patched(data: bytes, start: int, end: int, display: bytes) -> bytes | None:
    """A video's track entry of the same length, with ``display`` in it; None when it is no video or has no room."""
    parts = []
    is_video = False
    for name, begin, body, stop in _elements(data, start, end):
        content = data[body:stop]
        if name == _TYPE:
            is_video = content == bytes([_VIDEO_TYPE])
        if name == _NAME:
            title = content.removesuffix(PADDING.encode())
            parts.append(_element(_NAME, title) if title else b"")
        elif name == _VIDEO:
            parts.append(_element(_VIDEO, content + display))
        else:
            parts.append(data[begin:stop])
    entry = b"".join(parts)
    room = end - start - len(entry)
    if not is_video or room < 2:
        return None
    return entry + _element(_VOID, bytes(room - 2))


def set_pixel_aspect(path: Path, size: tuple[int, int], aspect: Fraction) -> bool:
    """Write ``aspect`` (width over height of one pixel) into the file's video track; False when there is no room.

    ``size``: width and height of the picture. The track's name must have been written with :data:`PADDING`.
    """
    with open(path, "rb+") as file:
        data = file.read(_HEAD)
        display = _display(*size, aspect)
        for segment, segment_end in _find(data, _SEGMENT, 0, len(data)):
            for tracks, tracks_end in _find(data, _TRACKS, segment, segment_end):
                for entry, entry_end in _find(data, _ENTRY, tracks, tracks_end):
                    patched = _patched(data, entry, entry_end, display)
                    if patched is not None:
                        file.seek(entry)
                        file.write(patched)
                        return True
    return False
