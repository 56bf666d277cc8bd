"""Palettes from words: a list of colors, or a color map of matplotlib, which is an optional dependency."""

from __future__ import annotations

import importlib

import torch
from torch import Tensor

from vdequant.edits.mapping import as_tensor, parse_color
from vdequant.errors import UsageError

PREFIX = "matplotlib:"


def palette_of_words(text: str) -> Tensor:
    """``(K, 3)`` distinct colors of "#1e2234,#aa5500"; raise :class:`UsageError` for anything else."""
    return as_tensor(list(dict.fromkeys(parse_color(word, "--from") for word in text.split(","))))


def palette_of_colormap(text: str, colors: int) -> Tensor:
    """So many colors of a color map, evenly spaced from its one end to the other, as 8-bit codes.

    Args:
        text: "matplotlib:" and a name, such as "matplotlib:viridis".
        colors: 1 or more; maps with fewer colors of their own give those.

    Returns:
        ``(K, 3)`` float32 in [0, 1], distinct, in the map's order.

    Raises:
        UsageError: matplotlib is not installed, or knows no such map.
    """
    name = text.removeprefix(PREFIX)
    try:
        known = importlib.import_module("matplotlib").colormaps
    except ImportError:
        raise UsageError(f"--from {text} needs matplotlib; install it: pip install matplotlib") from None
    if name not in known:
        raise UsageError(f"expected --from matplotlib:NAME with a color map's name, such as viridis, got {name!r}")
    places = torch.linspace(0, 1, colors).tolist() if colors > 1 else [0.5]
    samples = [tuple(round(255 * float(value)) for value in known[name](place)[:3]) for place in places]
    return as_tensor([(sample[0], sample[1], sample[2]) for sample in dict.fromkeys(samples)])
