"""Where the blocks of a JPEG lie in a picture that was turned upright or cropped, and how to lay it onto them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Placing:
    """From a picture as it is shown to one whose blocks begin in its corner, and back.

        shown ──► turned back ──► edges repeated up to the last block border before them
           ◄── turned ◄── cut ◄──

    Attributes:
        turn: quarter turns counter-clockwise, then mirrored left to right or not, that were made to show it.
        left, top: pixels of the first column and row of blocks that were cropped off, 0 to 15.
    """

    turn: tuple[int, bool] = (0, False)
    left: int = 0
    top: int = 0

    def __bool__(self) -> bool:
        return self != Placing()

    def onto_blocks(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` as shown, turned back and grown."""
        quarters, mirrored = self.turn
        x = torch.rot90(x.flip(-1) if mirrored else x, -quarters, (-2, -1))
        return functional.pad(x, (self.left, 0, self.top, 0), mode="replicate").contiguous()

    def back(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`onto_blocks`."""
        quarters, mirrored = self.turn
        x = torch.rot90(x[..., self.top :, self.left :], quarters, (-2, -1))
        return (x.flip(-1) if mirrored else x).contiguous()
