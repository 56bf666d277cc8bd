"""Palettes as files: GIMP .gpl, .hex lists, JASC .pal, Adobe .act and the colors of a PNG picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from vdequant.errors import InputError

Color = tuple[int, int, int]
MOST_COLORS = 4096  # of a picture that is meant as a palette; a photograph has more
_THREE_NUMBERS = re.compile(r"\s*(\d+)\s+(\d+)\s+(\d+)(?:\s|$)")
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")


def _parse_gpl(raw: bytes) -> list[Color]:
    """GIMP palette: a first line "GIMP Palette", then "R G B name"; "#" begins a comment."""
    lines = raw.decode("utf-8", errors="replace").splitlines()
    if not lines or not lines[0].lstrip("\ufeff").startswith("GIMP Palette"):
        raise ValueError("expected a first line 'GIMP Palette'")
    found = (_THREE_NUMBERS.match(line) for line in lines[1:] if not line.lstrip().startswith("#"))
    return [(int(m[1]), int(m[2]), int(m[3])) for m in found if m]


def _parse_hex(raw: bytes) -> list[Color]:
    """One RRGGBB a line, as Lospec writes them."""
    colors: list[Color] = []
    for line in raw.decode("utf-8-sig", errors="replace").split():
        match = _HEX.fullmatch(line)
        if not match:
            raise ValueError(f"expected RRGGBB on each line, got {line[:20]!r}")
        red, green, blue = bytes.fromhex(match[1])
        colors.append((red, green, blue))
    return colors


def _parse_jasc(raw: bytes) -> list[Color]:
    """Paint Shop Pro: "JASC-PAL", a version, the number of colors, then "R G B" lines."""
    lines = raw.decode("ascii", errors="replace").splitlines()
    if not lines or lines[0].strip() != "JASC-PAL":
        raise ValueError("expected a first line 'JASC-PAL'")
    found = (_THREE_NUMBERS.match(line) for line in lines[3:])
    return [(int(m[1]), int(m[2]), int(m[3])) for m in found if m]


def _parse_act(raw: bytes) -> list[Color]:
    """Adobe color table: 256 triplets; 772 bytes when a count and a transparent index follow, both big-endian."""
    if len(raw) not in (768, 772):
        raise ValueError(f"expected 768 or 772 bytes, got {len(raw)}")
    count = int.from_bytes(raw[768:770], "big") if len(raw) == 772 else 256
    if not 1 <= count <= 256:
        raise ValueError(f"expected 1 to 256 colors, got {count}")
    return [(raw[3 * i], raw[3 * i + 1], raw[3 * i + 2]) for i in range(count)]


def _parse_png(raw: bytes) -> list[Color]:
    """The distinct colors of a picture, transparent pixels left out."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(raw)) as picture:
        counted = picture.convert("RGBA").getcolors(MOST_COLORS)
    if counted is None:
        raise ValueError(f"expected a picture of at most {MOST_COLORS} colors")
    pixels = [color for _, color in counted if isinstance(color, tuple)]
    return [(color[0], color[1], color[2]) for color in pixels if color[3]]


PARSERS: dict[str, Callable[[bytes], list[Color]]] = {
    ".gpl": _parse_gpl,
    ".hex": _parse_hex,
    ".pal": _parse_jasc,
    ".act": _parse_act,
    ".png": _parse_png,
}


def load_palette(path: str | Path) -> Tensor:
    """Read a palette file, its kind given by the suffix.

    Returns:
        ``(K, 3)`` float32 in [0, 1], in the file's order, duplicates kept.

    Raises:
        InputError: when the file cannot be read or is not what its suffix says.
    """
    path = Path(path)
    try:
        parser = PARSERS[path.suffix.lower()]
        colors = parser(path.read_bytes())
    except KeyError:
        raise InputError(f"expected a palette file ending in {', '.join(PARSERS)}, got {path.name!r}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"cannot read the palette {str(path)!r}: {reason}") from None
    if not colors or any(channel > 255 for color in colors for channel in color):
        raise InputError(f"expected colors of three numbers 0 to 255 in {str(path)!r}, got {len(colors)} usable ones")
    return torch.tensor(colors, dtype=torch.float32) / 255
