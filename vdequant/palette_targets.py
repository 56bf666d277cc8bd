"""The palette that is transferred: from a picture or clip, a palette file, a color map or a list of colors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vdequant.color import to_rgb
from vdequant.edits.colormaps import PREFIX, palette_of_colormap, palette_of_words
from vdequant.errors import InputError, UsageError
from vdequant.media.source import open_source
from vdequant.quantizers.palette import nearest_index
from vdequant.quantizers.palette_files import load_palette
from vdequant.quantizers.palettes_from import palette_from
from vdequant.settings import Settings

FILES = (".gpl", ".hex", ".pal", ".act")  # a .png is a picture here, and its palette is made of it
SAMPLES = 12  # pictures of a clip


@dataclass(frozen=True, slots=True)
class Target:
    """A palette to transfer.

    Attributes:
        colors: ``(M, 3)`` distinct colors in [0, 1].
        shares: ``(M,)``: how much of its picture each has; equal ones where there is no picture.
        available: how many colors there were before they were reduced.
    """

    colors: Tensor
    shares: Tensor
    available: int


def shares_of(colors: Tensor, pixels: Tensor) -> Tensor:
    """The share ``(K,)`` of pixels ``(P, 3)`` that is nearest to each of the colors ``(K, 3)``."""
    counts = torch.bincount(nearest_index(pixels, colors), minlength=len(colors))
    return counts.to(torch.float32) / max(1, len(pixels))


def distinct_colors(pixels: Tensor) -> int:
    """How many 8-bit colors are among pixels ``(P, 3)`` in [0, 1]."""
    codes = (pixels * 255).round().to(torch.int32)
    return len(torch.unique((codes[:, 0] << 16) | (codes[:, 1] << 8) | codes[:, 2]))


def read_target(text: str, colors: int) -> Target:
    """The palette that the words of ``--from`` mean.

    Args:
        text: a picture or clip, whose colors are reduced by median cut; a file ending in one of FILES, or "#rrggbb"
            colors with commas between, which are taken whole; or "matplotlib:NAME".
        colors: how many are wanted of a picture or color map.

    Raises:
        InputError: a file cannot be read.
        UsageError: the words make no sense, or matplotlib is missing.
    """
    if text.startswith(PREFIX):
        return _listed(palette_of_colormap(text, colors))
    if text.startswith("#"):
        return _listed(palette_of_words(text))
    if Path(text).suffix.lower() in FILES:
        return _listed(torch.unique(load_palette(text), dim=0))
    return _pictured(text, colors)


def _listed(colors: Tensor) -> Target:
    return Target(colors, torch.full((len(colors),), 1 / len(colors)), len(colors))


def _pictured(path: str, colors: int) -> Target:
    if path == "-":
        raise UsageError('expected a file, matplotlib:NAME or "#rrggbb,..." for --from, got - (standard input)')
    try:
        with open_source(path, Settings()) as source:
            frames = source.sample(SAMPLES)
            pixels = [to_rgb(frame.planes, frame.layout).flatten(1) for frame in frames]
    except InputError as error:
        raise InputError(f"cannot take a palette --from {path}: {error}") from error
    if not pixels:
        raise InputError(f"expected pictures in {path} for --from, found none that decode")
    every = torch.cat(pixels, dim=1)
    palette = palette_from([every[:, None]], colors)
    rows = every.T.contiguous()
    return Target(palette, shares_of(palette, rows), distinct_colors(rows))
