"""Color at full size from color at half the size, led by brightness: pixels of one brightness have one color.

The least-squares colorization of Levin, Lischinski and Weiss ("Colorization using optimization", 2004), where the
strokes are the stored samples: color differs little between neighbors of like luma, freely across edges of luma, and
its halves are what was stored.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.quantizers.color_taps import ColorTaps

STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))  # down and across, to the neighbors on one side
STORED = 20.0  # weight of what was stored against one pair of neighbors
LEAST = 1e-3  # weight of a pair across an edge
HELD = 20.0  # weight of what is known
ROUNDS = 60  # of conjugate gradients


def _pair(x: Tensor, step: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Views of the last two dimensions: every pixel and its neighbor at that step."""
    down, across = step
    height, width = x.shape[-2:]
    if across >= 0:
        return x[..., : height - down, : width - across], x[..., down:, across:]
    return x[..., : height - down, -across:], x[..., down:, :across]


def guided_color(
    luma: Tensor,
    stored: Tensor,
    taps: ColorTaps,
    noise: float,
    known: tuple[Tensor, Tensor] | None = None,
    rounds: int = ROUNDS,
) -> Tensor:
    """The color of every pixel.

    Args:
        luma: ``(H, W)`` in 8-bit codes, sides even.
        stored: ``(2, H / 2, W / 2)`` Cb and Cr.
        taps: how color was halved.
        noise: by how many codes luma of one color differs, about.
        known: colors ``(2, H, W)`` that pixels have, and which ones, ``(H, W)``; the rest is guessed to begin with.
        rounds: of conjugate gradients; fewer do where most is known.

    Returns:
        ``(2, H, W)`` in 8-bit codes, not rounded.
    """
    weights = []
    for step in STEPS:
        one, other = _pair(luma, step)
        weights.append(torch.exp((one - other) ** 2 / (-2 * noise * noise)) + LEAST)

    def applied(color: Tensor) -> Tensor:
        result = STORED * taps.spread(taps.halved(color))
        if known is not None:
            result += held * color
        for step, weight in zip(STEPS, weights, strict=True):
            one, other = _pair(color, step)
            pull = weight * (one - other)
            here, there = _pair(result, step)
            here += pull
            there -= pull
        return result

    found = stored.repeat_interleave(2, -2).repeat_interleave(2, -1) if known is None else known[0]
    held = torch.zeros(()) if known is None else HELD * known[1]
    rest = STORED * taps.spread(stored) + held * found - applied(found)
    way, size = rest.clone(), float((rest * rest).sum())
    enough = 1e-6 * luma.numel()
    for _ in range(rounds):
        if size < enough:
            break
        change = applied(way)
        length = size / float((way * change).sum())
        found, rest = found + length * way, rest - length * change
        before, size = size, float((rest * rest).sum())
        way = rest + size / before * way
    return found
