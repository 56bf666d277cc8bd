"""Cells behind a video codec that stores color at half the size: luma of each pixel, and color of each 4x4, are known.

    what is stored        luma of every pixel        color of 2x2 pixels, shown as a slope from one to the next
    so the truth has      the same, give or take     about the same mean color in each square, in any arrangement

A box around each sample would forbid what is lost most: at the border of two colors of one luma, samples are off by a
hundred codes. How programs halve color differs, and codecs err besides; means over 4x4 pixels hold for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.checks import check_picture
from vdequant.errors import UsageError
from vdequant.quantizers.base import MARGIN

SIDE = 4  # of a square
COLOR_GAIN = 2.0  # of the tolerance of color over that of luma: measured, color is off by twice as much
ROUNDS = 3  # of project, before squares that colors cut at 0 or 1 keep from their cell are given back
SLACK = 1e-6  # what float rounding may do
KR, KB = 0.299, 0.114  # BT.601; of another matrix, luma differs by a part of what color does
# R, G, B to luma and two differences of color, all in [0, 1] or half of it to both sides, and back
TO_LUMA = torch.tensor(
    [
        [KR, 1 - KR - KB, KB],
        [-KR / (2 - 2 * KB), -(1 - KR - KB) / (2 - 2 * KB), 0.5],
        [0.5, -(1 - KR - KB) / (2 - 2 * KR), -KB / (2 - 2 * KR)],
    ]
)
FROM_LUMA = torch.linalg.inv(TO_LUMA)


def changed(matrix: Tensor, x: Tensor) -> Tensor:
    """A ``(3, 3)`` matrix on each pixel of ``(N, 3, H, W)``."""
    flat = x.flatten(2)
    return torch.matmul(matrix.to(x), flat).view_as(x)


def _square_means(x: Tensor) -> Tensor:
    """``(N, C, ceil(H / 4), ceil(W / 4))``; squares at the right and lower border may be smaller."""
    return functional.avg_pool2d(x, SIDE, ceil_mode=True, count_include_pad=False)


def _on_squares(means: Tensor, like: Tensor) -> Tensor:
    wide = means.repeat_interleave(SIDE, -2).repeat_interleave(SIDE, -1)
    return wide[..., : like.shape[-2], : like.shape[-1]]


@dataclass(frozen=True)
class VideoCells:
    """Pictures with the luma of ``stored`` at each pixel, and its mean color in each square, to within tolerances.

    Attributes:
        low, high: ``tolerance`` around each sample: how far restorers that know of no color at half the size may go.
        tolerance: of luma, in [0, 1] units; of the differences of color COLOR_GAIN times that.
        movable: which pixels ``project`` may change, boolean ``(N, 1, H, W)``; None for all. Whether others are where
            they belong is not asked here.
    """

    stored: Tensor
    low: Tensor
    high: Tensor
    tolerance: float
    spread: float = 1.0
    dithered: bool = False
    lossy: bool = True
    movable: Tensor | None = None

    def _off(self, x: Tensor, slack: float) -> tuple[Tensor, Tensor]:
        """By how much luma ``(N, 1, H, W)`` and mean color ``(N, 2, h, w)`` lie beyond their tolerances."""
        change = changed(TO_LUMA, x - self.stored)
        luma, color = change[:, :1], _square_means(change[:, 1:])
        most = max(self.tolerance - slack, 0.0), max(COLOR_GAIN * self.tolerance - slack, 0.0)
        return luma - luma.clamp(-most[0], most[0]), color - color.clamp(-most[1], most[1])

    def contains(self, x: Tensor) -> Tensor:
        """Whether luma is kept at the pixel, and mean color in its square; three samples share it."""
        luma, color = self._off(x, -SLACK)
        kept = _on_squares((color == 0).all(1, keepdim=True), x)
        return ((luma == 0) & kept & ((x >= 0) & (x <= 1)).all(1, keepdim=True)).expand_as(x)

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """Take back what is beyond the tolerances, in luma of pixels and in color of whole squares.

        Where cutting colors to [0, 1] keeps a square from its cell, it becomes the stored one.
        """
        x = x.clamp(0, 1)
        margin = min(margin, self.tolerance / 2)
        for _ in range(ROUNDS):
            outside = self._outside(x)
            if not bool(outside.any()):
                return x
            luma, color = self._off(x, margin)
            back = changed(FROM_LUMA, torch.cat([luma, self._gain(x) * _on_squares(color, x)], dim=1))
            touched = _on_squares(_square_means(outside.to(x.dtype)) > 0, x)
            if self.movable is not None:
                touched = touched & self.movable
            x = torch.where(touched, (x - back).clamp_(0, 1), x)
        failed = _on_squares(_square_means(self._outside(x).to(x.dtype)) > 0, x)
        return torch.where(failed, self.stored, x)

    def _outside(self, x: Tensor) -> Tensor:
        """Pixels ``(N, 1, H, W)`` that are not where they belong, and may be moved."""
        outside = ~self.contains(x)[:, :1]
        return outside if self.movable is None else outside & self.movable

    def _gain(self, x: Tensor) -> Tensor | float:
        """How many times farther pixels have to go, where others of their square stay, for the same mean."""
        if self.movable is None:
            return 1.0
        return 1 / _on_squares(_square_means(self.movable.to(x.dtype)), x).clamp(min=1 / SIDE**2)


class VideoQuantizer:
    """What a video codec in 4:2:0 or 4:2:2 leaves of a picture.

    Args:
        tolerance: by how much luma may be off, in [0, 1] units, such as 4 / 255.

    Raises:
        UsageError: unless it is above 0.
    """

    period = SIDE

    def __init__(self, tolerance: float) -> None:
        if tolerance <= 0:
            raise UsageError(f"expected a tolerance above 0, got {tolerance}")
        self.tolerance = tolerance

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return f"a lossy codec (±{self.tolerance * 255:.1f}/255 of luma, color at half the size)"

    def quantize(self, x: Tensor) -> Tensor:
        """What was stored before the codec; the codec itself is unknown."""
        return x

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return x

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return x

    def cells(self, y: Tensor) -> VideoCells:
        """All pictures with about the luma and the mean colors of ``y``."""
        check_picture(y, "y")
        low, high = (y - self.tolerance).clamp_(0, 1), (y + self.tolerance).clamp_(0, 1)
        return VideoCells(y, low, high, self.tolerance)
