"""Was the range of the samples misunderstood somewhere on the way?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vdequant.frames import Layout

BLACK, WHITE = 16, 235  # of limited range, ITU-R BT.601
ENDS = 0.002  # share of the samples at both ends that makes confinement suspicious
BEYOND = 0.01  # share of the samples outside a range that proves that it is not kept


def suspicion(lumas: Sequence[Tensor], layout: Layout) -> str:
    """One line when the range looks wrong, else "".

    Args:
        lumas: ``(H, W)`` stored luma (or green) in 8-bit codes.
        layout: what the file says.
    """
    samples = torch.cat([luma.flatten()[::3] for luma in lumas]).round()
    outside = float(((samples < BLACK - 2) | (samples > WHITE + 2)).float().mean())
    if layout.model == "yuv" and not layout.full_range:
        beyond = float(((samples < BLACK - 4) | (samples > WHITE + 8)).float().mean())
        return (
            "luma reaches beyond 16..235: probably full range without a tag; try --range pc" if beyond > BEYOND else ""
        )
    at_ends = min(float((samples <= BLACK + 1).float().mean()), float((samples >= WHITE - 1).float().mean()))
    if outside == 0 and at_ends > ENDS:
        return "values keep to 16..235: probably limited range that was taken for full; black and white are gray"
    return ""
