"""A mapping from the colors of one palette to those of another: text that people can edit, and its effect on pictures.

The file is JSON: ``{"vdequant": "palette mapping", "version": 1, "shots": [{"frame": 0, "map": [{"from": "#aa0000",
"to": "#00aa00", "share": 0.12}, ...]}, ...]}``. A shot begins at its frame, counted from 0, and lasts until the next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from vdequant.errors import InputError, UsageError
from vdequant.quantizers.palette import nearest_index

KIND, VERSION = "palette mapping", 1
FARTHEST = 48 / 255  # from the color that is named in --map to the palette's color that is meant
MOST_COLORS = 4096  # of a mapping, as of a palette
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")

Color = tuple[int, int, int]


def parse_color(text: str, option: str = "--color") -> Color:
    """8-bit codes of "#rrggbb"; raise :class:`UsageError` for anything else."""
    match = _HEX.fullmatch(text.strip())
    if match is None:
        raise UsageError(f'expected {option} as "#rrggbb", such as "#1e2234", got {text!r}')
    red, green, blue = bytes.fromhex(match[1])
    return red, green, blue


def as_tensor(colors: Sequence[Color]) -> Tensor:
    """``(K, 3)`` float32 in [0, 1]."""
    return torch.tensor(colors, dtype=torch.float32).view(-1, 3) / 255


def as_hex(color: Tensor) -> str:
    """A color ``(3,)`` in [0, 1] as "#rrggbb"."""
    return "#" + bytes(int(code) for code in (color * 255).round().clamp(0, 255).tolist()).hex()


@dataclass(frozen=True, slots=True)
class PaletteMapping:
    """Each source color and what becomes of it.

    Attributes:
        source, target: ``(K, 3)`` float32 in [0, 1], 8-bit codes over 255.
        shares: ``(K,)`` float32: the share of the pixels that each source color has; 0 where it is not known.
        frame: number of the frame at which the shot begins that this mapping is for.
    """

    source: Tensor
    target: Tensor
    shares: Tensor
    frame: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.source) <= MOST_COLORS or self.source.shape != self.target.shape:
            raise ValueError(
                f"expected two palettes of 1 to {MOST_COLORS} colors and one size, got {tuple(self.source.shape)} and "
                f"{tuple(self.target.shape)}"
            )

    def quantized(self, x: Tensor) -> Tensor:
        """Pictures ``(N, 3, H, W)`` with the nearest source color of each pixel replaced by its partner."""
        count, _, height, width = x.shape
        index = nearest_index(x.permute(0, 2, 3, 1).reshape(-1, 3), self.source.to(x))
        return self.target.to(x)[index].view(count, height, width, 3).permute(0, 3, 1, 2).contiguous()

    def changed(self, color: Color, target: Color) -> PaletteMapping | None:
        """The mapping with another target for the source color that ``color`` names; None when none is near it."""
        distances = (self.source - as_tensor([color])).norm(dim=1)
        nearest = int(distances.argmin())
        if float(distances[nearest]) > FARTHEST:
            return None
        changed = self.target.clone()
        changed[nearest] = as_tensor([target])[0]
        return replace(self, target=changed)


def parse_change(text: str) -> tuple[Color, Color]:
    """The two colors of "#aa0000=#00aa00"; raise :class:`UsageError` for anything else."""
    before, equals, after = text.partition("=")
    if not equals:
        raise UsageError(f'expected --map as "#rrggbb=#rrggbb", from and to, got {text!r}')
    return parse_color(before, "--map"), parse_color(after, "--map")


def apply_changes(mappings: Sequence[PaletteMapping], changes: Sequence[str]) -> list[PaletteMapping]:
    """Every mapping with the changes of ``--map``; one that lacks a color is left without that change.

    Raises:
        UsageError: a change makes no sense, or none of the mappings has such a color.
    """
    result = list(mappings)
    for text in changes:
        color, target = parse_change(text)
        changed = [mapping.changed(color, target) for mapping in result]
        if not any(changed):
            known = ", ".join(as_hex(one) for one in result[0].source[:8])
            more = f" and {len(result[0].source) - 8} more" if len(result[0].source) > 8 else ""
            raise UsageError(
                f"expected a color of the picture's palette in --map {text!r}, got none near: {known}{more}"
            )
        result = [new or old for new, old in zip(changed, result, strict=True)]
    return result


def to_json(mappings: Sequence[PaletteMapping]) -> str:
    """The text of a mapping file."""
    shots = [
        {
            "frame": mapping.frame,
            "map": [
                {"from": as_hex(one), "to": as_hex(other), "share": round(float(share), 5)}
                for one, other, share in zip(mapping.source, mapping.target, mapping.shares, strict=True)
            ],
        }
        for mapping in mappings
    ]
    return json.dumps({"vdequant": KIND, "version": VERSION, "shots": shots}, indent=1) + "\n"


def from_json(text: str, name: str) -> list[PaletteMapping]:
    """The mappings of a file's text, in order of their frames, the first at frame 0.

    Args:
        name: of the file, for messages.

    Raises:
        InputError: the text is not a mapping file, with what is wrong.
    """
    try:
        content = json.loads(text)
        if content["vdequant"] != KIND or content["version"] != VERSION:
            raise ValueError(f'expected "vdequant": "{KIND}" and "version": {VERSION}')
        found = [_shot(shot) for shot in content["shots"]]
        if not found or found[0].frame != 0 or any(a.frame >= b.frame for a, b in pairwise(found)):
            raise ValueError("expected shots that begin at rising frames, the first at 0")
    except (ValueError, TypeError, KeyError, AttributeError, UsageError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{name} is not a mapping that --save-mapping wrote: {what}") from error
    return found


def _shot(shot: dict[str, object]) -> PaletteMapping:
    rows, frame = shot["map"], shot["frame"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_COLORS:
        raise ValueError(f'expected a "map" of 1 to {MOST_COLORS} rows')
    if not isinstance(frame, int) or isinstance(frame, bool):
        raise ValueError(f'expected a whole number as "frame", got {frame!r}')
    source = as_tensor([parse_color(str(row["from"]), '"from"') for row in rows])
    target = as_tensor([parse_color(str(row["to"]), '"to"') for row in rows])
    shares = torch.tensor([float(row.get("share", 0.0)) for row in rows])
    return PaletteMapping(source, target, shares, frame)
