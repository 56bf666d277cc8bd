"""The native grid: many captures are enlarged by whole numbers, often differently across and down (4x2, 2x1)."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import torch
from torch import Tensor

LARGEST = 16  # enlargement that is believed
SMALLEST_SIDE = 16  # native pixels
BUSY = 0.5  # share of native columns (rows) at which something must change in some picture


def _axis_scale(changes: Tensor) -> int:
    """The enlargement along one axis.

    Args:
        changes: ``(size - 1,)`` boolean: whether samples ``i`` and ``i + 1`` differ anywhere.

    Returns:
        The largest divisor of the size that all changes keep to, or 1 when there are too few of them to tell: a
        picture of large flat areas keeps to many grids by accident.
    """
    size = len(changes) + 1
    places = (changes.nonzero().squeeze(1) + 1).tolist()
    scale = gcd(size, *places)
    if scale > LARGEST or size // scale < SMALLEST_SIDE:
        return 1
    return scale if len(places) >= BUSY * (size // scale - 1) else 1


def native_scale(pictures: Sequence[Tensor]) -> tuple[int, int]:
    """Integer nearest-neighbor enlargement ``(across, down)`` of lossless ``(3, H, W)`` pictures; (1, 1) when unsure.

    Every run of ``across`` equal columns (``down`` equal rows) must hold exactly, in all pictures.
    """
    if len({picture.shape for picture in pictures}) != 1:
        return 1, 1
    across = torch.stack([(p[..., 1:] != p[..., :-1]).flatten(0, 1).any(0) for p in pictures]).any(0)
    down = torch.stack([(p[:, 1:] != p[:, :-1]).any(0).any(-1) for p in pictures]).any(0)
    return _axis_scale(across), _axis_scale(down)


def to_native(picture: Tensor, scale: tuple[int, int]) -> Tensor:
    """One sample of each run: ``(..., H, W)`` to ``(..., H / down, W / across)``."""
    across, down = scale
    return picture[..., ::down, ::across]
