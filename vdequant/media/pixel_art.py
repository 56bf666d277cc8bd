"""Enlarging drawn pictures with FFmpeg's xBR filter, which follows their edges instead of showing their pixels."""

from __future__ import annotations

import threading
from fractions import Fraction

import av
import numpy as np
import torch
from torch import Tensor

XBR_FACTORS = (2, 3, 4)


class XbrFilter:
    """xBR (Hyllian 2011) as libavfilter has it; of 8-bit samples, like everything in that filter.

    Args:
        factor: 2, 3 or 4.
    """

    def __init__(self, factor: int) -> None:
        if factor not in XBR_FACTORS:
            raise ValueError(f"expected a factor of 2, 3 or 4, got {factor}")
        self.factor = factor
        self._mine = threading.local()  # a graph holds the state of one stream and 64 MiB of tables

    def __call__(self, codes: Tensor) -> Tensor:
        """``(3, H, W)`` uint8 RGB on the CPU to ``(3, factor * H, factor * W)``."""
        height, width = codes.shape[-2:]
        frame = av.VideoFrame(width, height, "bgr0")
        plane = frame.planes[0]
        rows = np.zeros((height, plane.line_size), np.uint8)
        rows[:, : 4 * width].reshape(height, width, 4)[..., :3] = codes.flip(0).permute(1, 2, 0).numpy()
        plane.update(rows.tobytes())
        graph = self._graph(height, width)
        frame.pts = None
        graph.push(frame)
        result = graph.pull()
        if not isinstance(result, av.VideoFrame):
            raise RuntimeError(f"expected a picture from FFmpeg's xbr filter, got {type(result).__name__}")
        plane = result.planes[0]
        pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(result.height, plane.line_size)[
            :, : 4 * result.width
        ]
        return torch.from_numpy(pixels.reshape(result.height, result.width, 4)[..., 2::-1].copy()).permute(2, 0, 1)

    def _graph(self, height: int, width: int) -> av.filter.Graph:
        """The graph of this thread for pictures of that size."""
        if getattr(self._mine, "size", None) != (height, width):
            graph = av.filter.Graph()
            first = graph.add_buffer(
                width=width, height=height, format=av.VideoFormat("bgr0"), time_base=Fraction(1, 1000)
            )
            xbr, last = graph.add("xbr", f"n={self.factor}"), graph.add("buffersink")
            first.link_to(xbr)
            xbr.link_to(last)
            graph.configure()
            self._mine.graph, self._mine.size = graph, (height, width)
        kept: av.filter.Graph = self._mine.graph
        return kept
