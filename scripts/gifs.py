"""Pictures as ffmpeg cuts them to a palette for a GIF."""

from __future__ import annotations

from fractions import Fraction

import av
import torch
from av.filter import Graph


def as_gif(picture: torch.Tensor, colors: int, dither: str) -> torch.Tensor:
    """``(3, H, W)`` in [0, 1] after palettegen and paletteuse with that dither."""
    pixels = (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    graph = Graph()
    source = graph.add_buffer(width=pixels.shape[1], height=pixels.shape[0], format="rgb24", time_base=Fraction(1, 25))
    split, palette = graph.add("split"), graph.add("palettegen", f"max_colors={colors}:reserve_transparent=0")
    use, sink = graph.add("paletteuse", f"dither={dither}"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame.pts = 0
    graph.push(frame)
    graph.push(None)
    made = graph.pull()
    assert isinstance(made, av.VideoFrame)
    return torch.from_numpy(made.to_ndarray(format="rgb24")).permute(2, 0, 1) / 255
