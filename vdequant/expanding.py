"""From native pictures to planes of the output's size: repeated pixels, borders, and a split screen.

native RGB ─► samples of the output ─► rounded ─► repeated              planes in full size
                                    └► repeated ─► halved ─► rounded    subsampled chroma, and all that is blended
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vdequant.color import is_subsampled, samples_of, stored_of
from vdequant.frames import Layout
from vdequant.quantizers.grid import Box, Grid


def expand(rgb: Tensor, across: int, down: int, height: int, width: int) -> Tensor:
    """Repeat every pixel ``across`` times ``down`` times, cut to ``height`` x ``width``."""
    if (across, down) == (1, 1):
        return rgb
    enlarged = rgb.repeat_interleave(down, dim=-2).repeat_interleave(across, dim=-1)
    return enlarged[..., :height, :width]


def enlarged_planes(
    native: Tensor, layout: Layout, grid: Grid, times: int, border: Callable[[Box], Tensor]
) -> tuple[Tensor, ...]:
    """What ``color.from_rgb`` makes of ``grid.expand(native, times)``, several times faster.

    A pixel that is repeated is converted and rounded once. What a scaler blends, it blends before rounding.

    Args:
        native: RGB ``(..., 3, h, w)`` in [0, 1].
        layout: of the output, of the enlarged size.
        grid, times, border: see :meth:`~vdequant.quantizers.grid.Grid.expand`; ``border`` gives RGB.

    Returns:
        Integer planes as ``layout`` says.
    """
    around = {box: samples_of(border(box), layout) for box in grid.strips()} if any(grid.borders) else {}
    planes = []
    for index, samples in enumerate(samples_of(native, layout)):
        late = is_subsampled(layout, index) or grid.blended
        if not late:
            samples = stored_of(samples, layout, index)
        edges = {box: strip[index] if late else stored_of(strip[index], layout, index) for box, strip in around.items()}
        large = grid.expand(samples, times, border=edges.__getitem__)
        planes.append(stored_of(large, layout, index) if late else large.contiguous())
    return tuple(planes)


def split_screen(before: Tensor, after: Tensor) -> Tensor:
    """Left half of ``before``, right half of ``after``, a thin white line between."""
    width = before.shape[-1]
    middle = width // 2
    line = max(1, width // 640)
    result = torch.cat([before[..., :middle], after[..., middle:]], dim=-1)
    result[..., middle : middle + line] = 1.0
    return result
