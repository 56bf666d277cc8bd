"""Edges of the frame that never change: letter boxes, overscan, the desktop around a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FLAT = 3.0  # codes: what a codec does to a flat border
FLAT_COLOR = 6.0  # the same of chroma, whose blocks ring farther; a sky as light as its border was 28 codes away
NARROWEST = 4  # pixels: a row or two of one color is the picture's own
LARGEST = 0.45  # share of a side that may be border
BLACK = 26.0  # luma code up to which a border is black, in limited range with a codec's noise
# Codes, of columns that were added to make a side even. Behind x264 at crf 18 and 20 their samples were off by 3.6
# (root of the mean square), and pictures began 134 away on the mean; a dark picture's own columns do without the step.
PAD_NOISE, PAD_STEP = 8.0, 24.0
CENTERED = 0.2  # of their sum by which bars at both ends may differ


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


def find_borders(lumas: Sequence[Tensor], flat: float = FLAT) -> Borders:
    """Borders of pictures ``(H, W)`` in 8-bit codes; each side must keep the color of its corner throughout.

    Args:
        flat: codes by which samples of a border may differ.
    """
    stack = torch.stack([luma.to(torch.float32) for luma in lumas])
    height, width = stack.shape[1:]

    def is_flat(stack: Tensor, dim: int, corner: Tensor) -> Tensor:
        return ((stack - corner).abs().amax(dim=(0, dim)) <= flat).flatten()

    first, last = stack[0, 0, 0], stack[0, -1, -1]
    rows, columns = is_flat(stack, 2, first), is_flat(stack, 1, first)
    rows_up, columns_back = is_flat(stack, 2, last).flip(0), is_flat(stack, 1, last).flip(0)
    down, across = int(LARGEST * height), int(LARGEST * width)
    return Borders(_run(columns, across), _run(rows, down), _run(columns_back, across), _run(rows_up, down))


def within_colors(borders: Borders, chromas: Sequence[Sequence[Tensor]]) -> Borders:
    """Borders of luma, no wider than color says: a sky may be as light as the desktop around a window.

    Args:
        borders: of luma.
        chromas: for each plane of chroma, pictures ``(H, W)`` in 8-bit codes, as large as luma.
    """
    found = [borders, *(find_borders(pictures, FLAT_COLOR) for pictures in chromas)]
    return Borders(*(min(getattr(one, side) for one in found) for side in ("left", "top", "right", "bottom")))


def find_pads(lumas: Sequence[Tensor]) -> Borders:
    """Columns and rows, fewer than those of a border, that were added to make a side even: black, then a hard step.

    Args:
        lumas: ``(H, W)`` in 8-bit codes.
    """
    left, right = (_pad(torch.stack([side(luma) for luma in lumas])) for side in (_first, _last))
    top, bottom = (_pad(torch.stack([side(luma.mT) for luma in lumas])) for side in (_first, _last))
    return Borders(left, top, right, bottom)


def _first(luma: Tensor) -> Tensor:
    """The columns of ``(H, W)`` that may be padding, and one more."""
    return luma[:, :NARROWEST].to(torch.float32)


def _last(luma: Tensor) -> Tensor:
    return luma[:, -NARROWEST:].flip(-1).to(torch.float32)


def _pad(stack: Tensor) -> int:
    """Columns in front of ``(N, H, W)``; 0 when there are none."""
    for count in range(1, min(NARROWEST, stack.shape[-1])):
        outside, beside = stack[..., :count], stack[..., count]
        color = outside.mean()
        if float(color) > BLACK or float((outside - color).square().mean().sqrt()) > PAD_NOISE:
            return 0
        if float((beside - color).abs().mean()) > PAD_STEP:
            return count
    return 0


def are_bars(before: int, after: int, size: int, corners: Sequence[float]) -> bool:
    """Whether flat edges at the two ends of an axis are black bars around a centered picture.

    Other flat edges may be sky: a flat color of the picture itself, behind which there may be a shade to restore.

    Args:
        before, after: their stored pixels.
        size: of the axis.
        corners: luma codes of the picture's corners.
    """
    both = before + after
    return min(before, after) > 0 and abs(before - after) <= max(2, CENTERED * both) and 16 * both >= size and (
        max(corners) <= BLACK
    )  # fmt: skip
