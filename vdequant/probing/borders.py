"""Edges of the frame that never change: letter boxes, overscan, the desktop around a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FLAT = 3.0  # codes: what a codec does to a flat border
NARROWEST = 4  # pixels: a row or two of one color is the picture's own
LARGEST = 0.45  # share of a side that may be border


@dataclass(frozen=True)
class Borders:
    """Pixels at each side of the stored picture that show one color in all samples."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __bool__(self) -> bool:
        return any((self.left, self.top, self.right, self.bottom))

    def crop(self, picture: Tensor) -> Tensor:
        """``(..., H, W)`` without them."""
        height, width = picture.shape[-2:]
        return picture[..., self.top : height - self.bottom, self.left : width - self.right]


def _run(flat: Tensor, most: int) -> int:
    """Number of leading True; 0 when few, or more than ``most``: then it is the picture that is flat."""
    count = int(flat.int().cumprod(0).sum())
    return count if NARROWEST <= count <= most else 0


def find_borders(lumas: Sequence[Tensor]) -> Borders:
    """Borders of pictures ``(H, W)`` in 8-bit codes; each side must keep the color of its corner throughout."""
    stack = torch.stack([luma.to(torch.float32) for luma in lumas])
    height, width = stack.shape[1:]

    def flat(stack: Tensor, dim: int, corner: Tensor) -> Tensor:
        return ((stack - corner).abs().amax(dim=(0, dim)) <= FLAT).flatten()

    first, last = stack[0, 0, 0], stack[0, -1, -1]
    rows, columns = flat(stack, 2, first), flat(stack, 1, first)
    rows_up, columns_back = flat(stack, 2, last).flip(0), flat(stack, 1, last).flip(0)
    down, across = int(LARGEST * height), int(LARGEST * width)
    return Borders(_run(columns, across), _run(rows, down), _run(columns_back, across), _run(rows_up, down))
