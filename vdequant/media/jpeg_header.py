"""Reads how a JPEG was quantized from the bytes before its first scan; the samples are decoded elsewhere.

    FF D8 | FF marker, length, content | ... | FF DA: the coefficients begin

Markers, tables and zigzag are those of ITU-T T.81 annex B and figure A.6; colors as libjpeg guesses them (jdapimin.c).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

from vdequant.frames import JpegCoding

START = b"\xff\xd8"
_TABLES, _ADOBE, _JFIF, _SCAN = 0xDB, 0xEE, 0xE0, 0xDA
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})  # with a transform: sequential and progressive, Huffman, arithmetic
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_SUBSAMPLINGS: dict[tuple[int, int], Literal["444", "422", "420"]] = {(1, 1): "444", (2, 1): "422", (2, 2): "420"}
_RGB = (ord("R"), ord("G"), ord("B"))  # ids of components that are colors themselves


@dataclass
class _Found:
    """What the segments said so far; components as (id, factor across, factor down, table)."""

    tables: dict[int, tuple[int, ...]] = field(default_factory=dict)
    components: list[tuple[int, int, int, int]] = field(default_factory=list)
    bits: int = 8
    width: int = 0
    height: int = 0
    adobe: int = -1  # its color transform
    jfif: bool = False


@cache
def zigzag() -> tuple[int, ...]:
    """For each place in the file's order the place row by row, T.81 figure A.6."""

    def along(place: int) -> tuple[int, int]:
        row, column = divmod(place, 8)
        diagonal = row + column
        return diagonal, row if diagonal % 2 else column

    return tuple(sorted(range(64), key=along))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and contents up to the first scan; ends without a word where the data make no sense."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF or marker in _ALONE:  # fill bytes
            place += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        content = data[place + 4 : place + 2 + length]
        if marker == _SCAN or len(content) != length - 2:
            return
        yield marker, content
        place += 2 + length


def _read_tables(content: bytes, found: _Found) -> None:
    place = 0
    while place < len(content):
        size = 2 if content[place] >> 4 else 1
        values = content[place + 1 : place + 1 + 64 * size]
        if len(values) != 64 * size:
            return
        steps = [0] * 64
        for i, target in enumerate(zigzag()):
            steps[target] = int.from_bytes(values[i * size : (i + 1) * size], "big")
        found.tables[content[place] & 15] = tuple(steps)
        place += 1 + 64 * size


def _read_frame(content: bytes, found: _Found) -> None:
    if len(content) < 6 or len(content) < 6 + 3 * content[5]:
        return
    found.bits = content[0]
    found.height, found.width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
    parts = [content[6 + 3 * i : 9 + 3 * i] for i in range(content[5])]
    found.components = [(part[0], part[1] >> 4, part[1] & 15, part[2]) for part in parts]


def _read(data: bytes) -> _Found:
    found = _Found()
    for marker, content in _segments(data):
        if marker == _TABLES:
            _read_tables(content, found)
        elif marker in _FRAMES:
            _read_frame(content, found)
        elif marker == _JFIF:
            found.jfif |= content[:5] == b"JFIF\0"
        elif marker == _ADOBE and content[:5] == b"Adobe" and len(content) >= 12:
            found.adobe = content[11]
    return found


def _is_rgb(found: _Found) -> bool:
    if found.jfif:
        return False
    return found.adobe == 0 or (found.adobe < 0 and tuple(c[0] for c in found.components) == _RGB)


def _color(found: _Found) -> JpegCoding:
    """Of three components."""
    (_, *first, y), (_, *second, blue), (_, *third, red) = found.components
    across, down = (a // b if b and a % b == 0 else 0 for a, b in zip(first, second, strict=True))
    subsampling = _SUBSAMPLINGS.get((across, down))
    trouble = ""
    if _is_rgb(found):
        trouble = "RGB without a color transform"
    elif found.bits != 8:
        trouble = f"{found.bits} bits a sample"
    elif second != third or found.tables[blue] != found.tables[red]:
        trouble = "Cb and Cr coded unlike each other"
    elif subsampling is None:
        trouble = "chroma neither 4:4:4, 4:2:2 nor 4:2:0"
    return JpegCoding(found.tables[y], found.tables[blue], subsampling or "444", trouble=trouble)


def read_coding(data: bytes) -> JpegCoding | None:
    """How the JPEG in ``data`` was quantized; None when it is none, or has no tables that can be read.

    Args:
        data: the file, or as much as comes before its first scan.
    """
    found = _read(data) if data[:2] == START else _Found()
    if not found.components or any(part[3] not in found.tables for part in found.components):
        return None
    if any(min(found.tables[part[3]]) < 1 for part in found.components):
        return None
    return replace(_coding(found), width=found.width, height=found.height)


def _coding(found: _Found) -> JpegCoding:
    luma = found.tables[found.components[0][3]]
    coding = JpegCoding(luma, luma, "444")
    if len(found.components) == 1:
        return replace(coding, gray=True, trouble="" if found.bits == 8 else f"{found.bits} bits a sample")
    if len(found.components) != 3:
        return replace(coding, trouble=f"{len(found.components)} colors, as for print")
    return _color(found)
