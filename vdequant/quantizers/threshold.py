"""Gray by weights, then black and white or m gray levels: what *map* de-quantizes and colorizes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.color import LUMA_WEIGHTS
from vdequant.errors import UsageError
from vdequant.frames import Matrix
from vdequant.quantizers.base import MARGIN, per_picture
from vdequant.quantizers.softmax import soft_nearest

RED, BLUE = LUMA_WEIGHTS[Matrix.BT709]  # 0.2126, 0.0722, as in *map*
WEIGHTS = (RED, 1 - RED - BLUE, BLUE)


def gray(x: Tensor) -> Tensor:
    """Weighted gray of RGB, ``(N, 3, H, W)`` to ``(N, H, W)``, in the source's own transfer curve."""
    red, green, blue = x.unbind(1)
    return red * WEIGHTS[0] + green * WEIGHTS[1] + blue * WEIGHTS[2]


def _weights(x: Tensor) -> Tensor:
    return torch.tensor(WEIGHTS, dtype=x.dtype, device=x.device)[:, None, None]


@dataclass(frozen=True)
class SlabCells:
    """All colors whose weighted gray lies between two planes: ``floor <= gray(x) < ceiling``, within the unit cube.

    Attributes:
        floor, ceiling: ``(N, H, W)``; a ceiling of 1 belongs to the cell.
    """

    stored: Tensor
    low: Tensor
    high: Tensor
    floor: Tensor
    ceiling: Tensor
    spread: float = 1.0
    dithered: bool = False
    lossy: bool = False

    def contains(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`; the three samples of a pixel share the answer."""
        level = gray(x)
        inside = (level >= self.floor) & ((level < self.ceiling) | (self.ceiling >= 1))
        return inside[:, None].expand_as(x)

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """The nearest color of the slab within the cube, at least ``margin`` in gray from the planes."""
        x = x.clamp(0, 1)
        inset = ((self.ceiling - self.floor) / 2).clamp(max=margin)
        floor = torch.where(self.floor <= 0, self.floor, self.floor + inset)
        ceiling = torch.where(self.ceiling >= 1, self.ceiling, self.ceiling - inset)
        level = gray(x)
        return _moved(x, torch.minimum(torch.maximum(level, floor), ceiling), level)


def _moved(x: Tensor, target: Tensor, level: Tensor) -> Tensor:
    """The color of the cube nearest to ``x`` whose gray is ``target``.

    It is ``clip(x + t w)`` along the weights w for some t. A channel that reaches 0 or 1 stays there as t grows, so
    three rounds, each moving the channels that are still free, find it exactly.
    """
    weights = _weights(x)
    rising = (target > level)[:, None]
    for _ in range(3):
        missing = (target - gray(x))[:, None]
        free = torch.where(rising, x < 1, x > 0) & (missing != 0)
        power = (free * weights * weights).sum(1, keepdim=True).clamp(min=1e-12)
        x = (x + free * weights * (missing / power)).clamp(0, 1)
    return x


def _slab(y: Tensor, floor: Tensor, ceiling: Tensor) -> SlabCells:
    """Cells with the reach along each axis, from the gray picture ``y``."""
    level, weights = gray(y)[:, None], _weights(y)
    low = y - (level - floor[:, None]).clamp(min=0) / weights
    high = y + (ceiling[:, None] - level).clamp(min=0) / weights
    return SlabCells(y, low.clamp(0, 1), high.clamp(0, 1), floor, ceiling)


class ThresholdQuantizer:
    """Black where the weighted gray is below ``delta``, else white, in three equal channels (*map*, section IV B, C).

    Args:
        delta: between 0 and 1: a number, a tensor of one element, or ``(N,)`` with one per picture. A tensor that
            wants a gradient gets it from :meth:`soft`.

    Raises:
        UsageError: when it is out of range.
    """

    period = 1

    def __init__(self, delta: float | Tensor = 0.5) -> None:
        known = torch.as_tensor(delta).detach()
        if known.ndim > 1 or not bool(((known > 0) & (known < 1)).all()):
            raise UsageError(f"expected a gray threshold between 0 and 1, got {known.tolist()}")
        self.delta = delta

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        known = torch.as_tensor(self.delta).detach()
        return "black and white, cut at " + (f"gray {known.item():.3f}" if known.numel() == 1 else "a gray per picture")

    def _white(self, x: Tensor) -> Tensor:
        return gray(x) >= per_picture(self.delta, x, 3).detach()

    def quantize(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        check_picture(x)
        return self._white(x)[:, None].expand_as(x).to(x.dtype).contiguous()

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """``1 / (1 + exp(-k (gray - delta)))`` in three channels; ``k`` and ``delta`` may both be learned."""
        check_picture(x)
        level = gray(x) - per_picture(self.delta, x, 3)
        return torch.sigmoid(per_picture(k, x, 3) * level)[:, None].expand_as(x)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.quantize(x) + (x - x.detach())

    def cells(self, y: Tensor) -> SlabCells:
        """All colors darker than ``delta``, or not; the stored picture may be any whose gray lies on the right side."""
        check_picture(y, "y")
        white = gray(y) >= 0.5
        delta = per_picture(self.delta, y, 3).detach().expand(white.shape)
        return _slab(y, torch.where(white, delta, 0.0), torch.where(white, 1.0, delta))


class GrayQuantizer:
    """The weighted gray in ``levels`` equal steps, shown at their centers ``(i - 0.5) / m`` (*map*, section IV B).

    Args:
        levels: m, 2 to 256.

    Raises:
        UsageError: for another number.
    """

    period = 1

    def __init__(self, levels: int) -> None:
        if not 2 <= levels <= 256:
            raise UsageError(f"expected 2 to 256 gray levels, got {levels}")
        self.levels = levels

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return f"{self.levels} gray levels"

    def _edges(self, x: Tensor) -> Tensor:
        """``(m + 1,)`` borders of the steps, 0 and 1 among them."""
        return torch.arange(self.levels + 1, dtype=x.dtype, device=x.device) / self.levels

    def _index(self, x: Tensor) -> Tensor:
        """``(N, H, W)`` of 0..m-1."""
        return torch.bucketize(gray(x).contiguous(), self._edges(x)[1:-1], right=True)

    def quantize(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        check_picture(x)
        level = (self._index(x.detach()).to(x.dtype) + 0.5) / self.levels
        return level[:, None].expand_as(x).contiguous()

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """Eq. 10 of *map* on the gray, with distances counted in levels as in ``UniformQuantizer.soft``."""
        check_picture(x)
        centers = torch.arange(self.levels, dtype=x.dtype, device=x.device)[None, :, None] + 0.5
        values = (gray(x) * self.levels).flatten(1)[..., None]
        mean = soft_nearest(values, centers, per_picture(k, x, 3)) / self.levels
        return mean.reshape(len(x), 1, *x.shape[-2:]).expand_as(x)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.quantize(x) + (x - x.detach())

    def cells(self, y: Tensor) -> SlabCells:
        """All colors whose gray falls into the step that the gray of ``y`` falls into."""
        check_picture(y, "y")
        index, edges = self._index(y), self._edges(y)
        floor, ceiling = edges[index], edges[index + 1]
        # The reach of the grays alone, as if the picture had no color: along one axis a channel could go anywhere, and
        # restorers that were told so lost 4 dB against doing nothing.
        return SlabCells(y, floor[:, None].expand_as(y), ceiling[:, None].expand_as(y), floor, ceiling)

    def color_cells(self, y: Tensor) -> SlabCells:
        """The same cells with the reach of every color along each axis."""
        check_picture(y, "y")
        index, edges = self._index(y), self._edges(y)
        return _slab(y, edges[index], edges[index + 1])


def otsu_thresholds(x: Tensor) -> Tensor:
    """The ``delta`` that Otsu's method chooses for each picture, by OpenCV on 8-bit gray codes.

    Args:
        x: ``(N, 3, H, W)``.

    Returns:
        ``(N,)`` float32 on the CPU, half a code above OpenCV's threshold: gray codes above that are white.
    """
    check_picture(x)
    codes = (gray(x.detach()) * 255).round().clamp(0, 255).to("cpu", torch.uint8).numpy()
    how = cv2.THRESH_BINARY | cv2.THRESH_OTSU
    found = [cv2.threshold(np.ascontiguousarray(plane), 0, 255, how)[0] for plane in codes]
    return ((torch.tensor(found, dtype=torch.float32) + 0.5) / 255).clamp(0.5 / 255, 254.5 / 255)
