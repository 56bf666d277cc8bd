"""What is between two parts of a network, as a picture on a larger sheet that moves under the frame as content does.

┌─ sheet ───────────────┐    When content scrolls by two pixels, the frame moves by two pixels and all that is
│   ┌─ frame ─┐         │    still in sight lies right where it lay; only near the sheet's edge is a new one
│   │         │→        │    begun. Around the frame is a border of zeros as wide as the next part's halo, so
│   └─────────┘         │    that windows can be cut anywhere.
└───────────────────────┘
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.temporal.reuse_batches import Spot
from vdequant.temporal.reuse_parts import Copy
from vdequant.temporal.reuse_shifts import STILL, Mask, Shift, overlap
from vdequant.temporal.reuse_tiles import Shape

Bits = NDArray[Any]  # values as integers of their size; NumPy takes a fifth of the time for many small pieces

WORDS = {2: torch.int16, 4: torch.int32}  # by bytes of a value
SLACK = 48  # pixels that a frame can move in each direction on a new sheet


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A picture ``(C, H, W)`` on a sheet; whoever moves it on is the only one to use it from then on.

    Attributes:
        sheet: ``(rows, columns, C)``.
        bits: the same memory, see :func:`bits_of`.
        top, left: where the frame begins.
        size: of the frame, ``(H, W)``.
        border: pixels around the frame that are zero.
    """

    sheet: Tensor
    bits: Bits
    top: int
    left: int
    size: Shape
    border: int

    @staticmethod
    def empty(like: Tensor, size: Shape, border: int) -> Canvas:
        """A new one with the channels ``(N, C, h, w)`` and the type of ``like``; nothing has been put there yet."""
        rows, columns = (side + 2 * (border + SLACK) for side in size)
        sheet = like.new_empty((rows, columns, like.shape[1]))
        canvas = Canvas(sheet, bits_of(sheet), border + SLACK, border + SLACK, size, border)
        canvas._clear_border()
        return canvas

    @staticmethod
    def holding(x: Tensor, border: int) -> Canvas:
        """A new one for ``x`` ``(1, C, H, W)``."""
        canvas = Canvas.empty(x, (x.shape[-2], x.shape[-1]), border)
        canvas.picture.copy_(x[0].permute(1, 2, 0))
        return canvas

    @property
    def picture(self) -> Tensor:
        """What is in the frame, ``(H, W, C)``; writing there changes it."""
        return self.sheet[self.top : self.top + self.size[0], self.left : self.left + self.size[1]]

    def moved(self, ground: Shift, copies: Sequence[Copy]) -> Canvas:
        """The next picture: this one's at the shift ``ground``, with ``copies`` of this one's put over that.

        The sheet is written to. What no copy reaches and was out of sight is left to be put.
        """
        steps = [self._steps(copy.mask) for copy in copies]
        lines, first = self._lines(), self._line(self.top, self.left)
        taken = [lines.take(step + (first + self._line(*copy.shift))) for step, copy in zip(steps, copies, strict=True)]
        top, left = self.top + ground[0], self.left + ground[1]
        rows, columns = (
            range(self.border, whole - side - self.border + 1)
            for whole, side in zip(self.sheet.shape[:2], self.size, strict=True)
        )
        if top in rows and left in columns:
            result = Canvas(self.sheet, self.bits, top, left, self.size, self.border)
            if ground != STILL:
                result._clear_border()
        else:
            result = Canvas.empty(self.sheet.permute(2, 0, 1)[None], self.size, self.border)
            sides = zip(self.size, ground, strict=True)
            (here_y, there_y), (here_x, there_x) = (overlap(side, by) for side, by in sides)
            result.picture[here_y, here_x] = self.picture[there_y, there_x]
        for step, values in zip(steps, taken, strict=True):
            result._lines()[step + result._line(result.top, result.left)] = values
        return result

    def cut(self, spots: Sequence[Spot], windows: Sequence[Bits]) -> None:
        """Copy tiles with the border around them into windows ``(N, h, w, C)``, by batch."""
        down, across, sheet = self.top - self.border, self.left - self.border, self.bits
        for batch, slot, (top, left) in spots:
            window = windows[batch][slot]
            height, width, _ = window.shape
            window[...] = sheet[down + top : down + top + height, across + left : across + left + width]

    def put(self, spots: Sequence[Spot], tiles: Sequence[Bits]) -> None:
        """Put tiles ``(N, h, w, C)``, by batch, where they belong."""
        sheet = self.bits
        for batch, slot, (top, left) in spots:
            tile = tiles[batch][slot]
            down, across = self.top + top, self.left + left
            sheet[down : down + tile.shape[0], across : across + tile.shape[1]] = tile

    def _lines(self) -> Bits:
        """The pixels of the sheet one after the other, each one value to NumPy, which is what it copies quickest."""
        return self.bits.view(f"V{self.bits.shape[-1] * self.bits.itemsize}").reshape(-1)

    def _line(self, row: int, column: int) -> int:
        return row * int(self.bits.shape[1]) + column

    def _steps(self, mask: Mask) -> NDArray[np.int64]:
        """How many lines from that of the frame's first pixel on those of the ``mask`` lie."""
        places = np.flatnonzero(mask)
        rows = places // mask.shape[1]
        rows *= self.bits.shape[1] - mask.shape[1]
        places += rows
        return places

    def _clear_border(self) -> None:
        (height, width), wide = self.size, self.border
        top, left, bottom, right = self.top, self.left, self.top + height, self.left + width
        self.bits[top - wide : top, left - wide : right + wide] = 0
        self.bits[bottom : bottom + wide, left - wide : right + wide] = 0
        self.bits[top:bottom, left - wide : left] = 0
        self.bits[top:bottom, right : right + wide] = 0


def bits_of(x: Tensor) -> Bits:
    """The same memory for NumPy."""
    bits: Bits = x.view(WORDS[x.element_size()]).numpy()
    return bits
