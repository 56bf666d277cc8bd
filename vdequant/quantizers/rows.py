"""Pictures as one row a pixel and back, for work on colors that does not care where they are."""

from __future__ import annotations

from torch import Tensor


def to_rows(x: Tensor) -> Tensor:
    """``(N, C, H, W)`` to ``(N * H * W, C)``."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def from_rows(rows: Tensor, like: Tensor) -> Tensor:
    """``(N * H * W, C)`` to ``(N, C, H, W)``, the size taken from the picture ``like``."""
    count, _, height, width = like.shape
    return rows.reshape(count, height, width, -1).permute(0, 3, 1, 2).contiguous()
