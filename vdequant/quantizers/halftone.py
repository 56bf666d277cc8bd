"""Which dithered pictures have so few or so coarse colors that a network of their own restores them.

Two levels a channel hold hardly more than a pattern. A network that learned all palettes and dithers lost up to 12 dB
of black and white to a blur: where doing nothing leaves a hundred times the error of a good answer, it had learned
that any answer is good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from vdequant.quantizers.base import Cells, Quantizer
from vdequant.quantizers.mean_cells import MeanCells, dithered_cells
from vdequant.quantizers.palette import PaletteQuantizer, half_gaps
from vdequant.quantizers.pattern_cells import PatternCells
from vdequant.quantizers.ramp import Ramp
from vdequant.quantizers.uniform import UniformQuantizer

FEW = 5  # grays, or tones of a ramp
# Levels of the channel that has most; they have to reach from black to white. With levels in the middle of their cells,
# in color, the network for palettes comes up to 0.6 dB nearer.
FEW_IN_COLOR, AT_THE_END = 4, 0.02
# A coarse palette has so many colors at most, and to the nearest other one it is half as far as this, on average: with
# machines' 16 colors 0.11 (C64) to 0.27 (CGA), and 0.4 with CGA's 4; cut from pictures 0.05 (16 colors) to 0.12 (4).
MOST_COARSE, COARSE, COARSE_FEW = 16, 0.1, 0.2

Colors = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class _Palette:
    """What is known of a palette: its levels where it is of grays, else the ramp it lies on; whether it is coarse."""

    grays: UniformQuantizer | None
    ramp: Ramp | None
    coarse: bool


@lru_cache(maxsize=64)
def _known(colors: Colors) -> _Palette:
    palette = torch.tensor(colors)
    ramp = Ramp.of(palette) if len(colors) <= FEW else None
    if ramp is not None and bool((palette == palette[:, :1]).all()):
        return _Palette(UniformQuantizer([ramp.tones[:, 0].tolist()] * 3), None, False)
    least = COARSE if len(colors) > FEW else COARSE_FEW
    return _Palette(None, ramp, len(colors) > 1 and float(half_gaps(palette).mean()) >= least)


def are_few(levels: Sequence[Tensor]) -> bool:
    """Whether that is so of the levels of R, G and B."""
    at_ends = all(float(c[0]) <= AT_THE_END and float(c[-1]) >= 1 - AT_THE_END for c in levels)
    return at_ends and max(map(len, levels)) <= FEW_IN_COLOR


def is_halftone(cells: Cells) -> bool:
    """Whether that network is asked for such cells."""
    return isinstance(cells, MeanCells | PatternCells) and cells.halftone


def half_of_mean_step(levels: Sequence[Tensor], like: Tensor) -> Tensor:
    """What the network is told as half a step between levels, of the shape of ``like``: the same at each pixel."""
    halves = [float(channel[-1] - channel[0]) / (2 * (len(channel) - 1)) for channel in levels]
    return torch.tensor(halves).to(like)[:, None, None].expand_as(like)


def in_few_levels(cells: Cells, levels: Sequence[Tensor], *, gray: bool) -> Cells:
    """``cells`` of means, marked and told as the network learned them where the levels of R, G and B are few.

    Args:
        cells: of a dithered picture.
        levels: it was dithered between.
        gray: the picture is gray, and so is what lies behind it.
    """
    few = max(map(len, levels)) <= FEW if gray else are_few(levels)
    if not isinstance(cells, MeanCells) or not few:
        return cells
    return replace(cells, halftone=True, half_step=half_of_mean_step(levels, cells.stored))


def shaded(quantizer: Quantizer, y: Tensor, *, gray: bool = False) -> Cells:
    """The cells of dithered pictures ``(N, 3, H, W)`` of the values of ``quantizer``; ``gray``: they are."""
    if isinstance(quantizer, UniformQuantizer):
        return in_few_levels(dithered_cells(quantizer.cells(y)), quantizer.levels, gray=gray)
    if not isinstance(quantizer, PaletteQuantizer) or quantizer.palette.ndim != 2:
        return dithered_cells(quantizer.cells(y))
    if len(quantizer.palette) > MOST_COARSE:
        return dithered_cells(quantizer.cells(y))
    known = _known(tuple(map(tuple, quantizer.palette.detach().tolist())))
    if known.grays is not None:
        return in_few_levels(dithered_cells(known.grays.cells(y)), known.grays.levels, gray=True)
    cells = dithered_cells(quantizer.cells(y))
    if not isinstance(cells, MeanCells) or not (known.ramp or known.coarse):
        return cells
    # Told half a step between grays; of a coarse palette the reaches, as of any other.
    half_step = torch.full_like(y, 0.5 / (len(quantizer.palette) - 1)) if known.ramp else None
    return replace(cells, halftone=True, ramp=known.ramp, half_step=half_step)
