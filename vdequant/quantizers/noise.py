"""How far a lossy codec moved the samples, from what it does to places where the samples should be equal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.quantizers.grid import Axis, Grid, run_starts

BLOCK = 8
STILL = 2.0  # codes: mean change of a block's luma up to which its content is taken for unchanged
FEWEST = 16  # blocks that must tell
GAIN = 4.0  # RGB tolerance over the mean change of luma: chroma errors weigh double, and the tail counts, not the mean
TYPICAL = 4.0  # codes, where nothing can be told. x264 at crf 12 to 28 over captures: median error 2 to 8 on most
YUV_ROUNDING = 2.0  # codes: what rounding to 8-bit YUV and back can do to a sample of RGB
LEAST, MOST = TYPICAL, 8.0  # codes, of the estimate: flicker that is not seen proves nothing
TAIL = 0.9  # quantile of the differences within native pixels
CHROMA_GAIN = 2.0  # of an RGB error over that of luma


def ringing(lumas: Sequence[Tensor], grid: Grid) -> float:
    """The same for enlarged pictures: from the differences within native pixels, all of one value before the codec."""
    spreads = []
    for luma in lumas:
        inner = grid.crop(luma).to(torch.float32)
        if grid.blended:
            means = grid.unblend(luma.to(torch.float32))
        else:
            means = _run_means(_run_means(inner, grid.columns, -1), grid.rows, -2)
        spreads.append((inner - grid.widen(means)).abs().flatten()[::7])
    told = torch.cat(spreads)
    return min(MOST, max(LEAST, CHROMA_GAIN * float(told[:: max(1, len(told) >> 20)].quantile(TAIL))))


def _run_means(values: Tensor, axis: Axis, dim: int) -> Tensor:
    """Mean of each run along ``dim`` of ``(H, W)``."""
    _, widths = run_starts(axis, values.device)
    index = torch.arange(axis.count, device=values.device).repeat_interleave(widths)
    shape = list(values.shape)
    shape[dim] = axis.count
    sums = values.new_zeros(shape).index_add_(dim, index, values)
    return sums / widths.view([-1] + [1] * (-dim - 1))


def flicker(lumas: Sequence[Tensor]) -> float:
    """Radius, in 8-bit codes, within which a decoded sample probably lies from the one that was encoded.

    Args:
        lumas: ``(H, W)`` in 8-bit codes, sampled over the clip, of one size.

    Returns:
        Between LEAST and MOST from the flicker of unchanged blocks; TYPICAL when there are too few of them.
    """
    changes = []
    for before, after in pairwise(lumas):
        change = (after.to(torch.float32) - before.to(torch.float32)).abs()[None, None]
        blocks = functional.avg_pool2d(change, BLOCK).flatten()
        changes.append(blocks[(blocks > 0) & (blocks < STILL)])
    told = torch.cat(changes) if changes else torch.zeros(0)
    if len(told) < FEWEST:
        return TYPICAL
    return min(MOST, max(LEAST, GAIN * float(told.median())))
