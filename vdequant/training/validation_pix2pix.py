"""How much a pix2pix generator gains on held-back tiles, by share of the bits that are lost."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vdequant.metrics.color_difference import ab_error
from vdequant.models.pix2pix import Unet
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.disentangling import disentangle, entangle
from vdequant.training.data import to_tensor

LEVELS = (10, 20, 30, 40, 50)  # percent
MOST = 40  # tiles


@torch.no_grad()
def translate(net: Unet, y: Tensor) -> Tensor:
    """RGB pictures ``(N, 3, H, W)`` in [0, 1] through a generator of colors or of pictures; the same shape."""
    if net.spec.channels == 3:
        made: Tensor = net(y * 2 - 1)
        return (made + 1) / 2
    luma, chroma = disentangle(y)
    return entangle(luma, net(chroma))


def gains(net: Unet, tiles: Sequence[np.ndarray]) -> tuple[int, dict[int, tuple[float, float]]]:
    """Mean PSNR gain in dB over the stored picture, and AB error as a share of its AB error, by level.

    Returns:
        How many tiles were looked at, and the two numbers for each level; none without tiles.
    """
    chosen = [to_tensor(tile)[None] for tile in tiles[:: max(1, math.ceil(len(tiles) / MOST))]]
    found: dict[int, tuple[float, float]] = {}
    for level in LEVELS if chosen else ():
        quantizer = UniformQuantizer.of_cut(level)
        gain, before, after = 0.0, 0.0, 0.0
        for fine in chosen:
            coarse = quantizer.quantize(fine)
            made = translate(net, coarse)
            nothing = float((coarse - fine).square().mean()) + 1e-9
            gain += 10 * math.log10(nothing / (float((made - fine).square().mean()) + 1e-9)) / len(chosen)
            before, after = before + float(ab_error(coarse, fine)), after + float(ab_error(made, fine))
        found[level] = gain, after / max(before, 1e-9)
    return len(chosen), found
