"""How a recorder halved color: the weights of pixels in each stored sample of it.

rows -1..2 and columns -1..2 around the     .    .    .    .       a mean has .25 in the middle four; swscale's
upper left pixel of each 2x2:               .   .25  .25   .       bicubic .19, and .06 above and below; its point
                                            .   .25  .25   .       scaler .5 in one row;
                                            .    .    .    .       color sited left [.25 .5 .25] across
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

SIDE = 4  # taps in a row and in a column
_BICUBIC, _MEAN, _COSITED = (0.12, 0.38, 0.38, 0.12), (0.0, 0.5, 0.5, 0.0), (0.25, 0.5, 0.25, 0.0)
_FIRST, _SECOND = (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)
_KNOWN = (  # down and across
    (_BICUBIC, _MEAN),
    (_MEAN, _MEAN),
    (_SECOND, _MEAN),
    (_FIRST, _MEAN),
    (_MEAN, _COSITED),
    (_BICUBIC, _COSITED),
    (_COSITED, _COSITED),
    (_FIRST, _FIRST),
    (_FIRST, _SECOND),
    (_SECOND, _FIRST),
    (_SECOND, _SECOND),
)
LEAST_SHARE = 0.02  # a tap of a sample below which a block's pixels have no part in it


@dataclass(frozen=True, eq=False)
class ColorTaps:
    """A linear map from the color of pixels to that of squares of 2x2.

    Attributes:
        weights: ``(4, 4)``, of sum 1.
    """

    weights: Tensor

    @staticmethod
    def known() -> list[ColorTaps]:
        """Those that are in use, FFmpeg's scaler's first, with which most recorders make 4:2:0."""
        return [ColorTaps(torch.outer(torch.tensor(down), torch.tensor(across))) for down, across in _KNOWN]

    def fitted(self, color: list[Tensor], stored: list[Tensor], stiffness: float = 200.0) -> ColorTaps:
        """Those near these by which the colors ``(2, H, W)`` of some pictures became the ``stored`` ones ``(2, h, w)``.

        ``stiffness``: how many samples, per squared code, these taps are worth: flat pictures tell nothing.
        """
        before = self.weights.flatten().double()
        gram, right = stiffness * torch.eye(SIDE * SIDE, dtype=torch.float64), stiffness * before
        for pixels, samples in zip(color, stored, strict=True):
            padded = functional.pad(pixels[:, None], (1, 1, 1, 1), mode="replicate")
            windows = functional.unfold(padded, SIDE, stride=2).movedim(1, -1).reshape(-1, SIDE * SIDE).double()
            values = samples.reshape(2, -1).flatten().double()
            center = windows.mean(1, keepdim=True)  # a sum of 1 is known: only differences from the mean say anything
            windows, values = windows - center, values - center[:, 0]
            gram, right = gram + windows.T @ windows, right + windows.T @ values
        found = torch.linalg.solve(gram, right)
        found = found + (1 - found.sum()) / (SIDE * SIDE)
        return ColorTaps(found.view(SIDE, SIDE).float())

    def halved(self, color: Tensor) -> Tensor:
        """``(2, H, W)``, sides even, to ``(2, H / 2, W / 2)``."""
        padded = functional.pad(color[:, None], (1, 1, 1, 1), mode="replicate")
        return functional.conv2d(padded, self.weights.to(color)[None, None], stride=2)[:, 0]

    def spread(self, samples: Tensor) -> Tensor:
        """The transpose of :meth:`halved`, but for the borders: ``(2, h, w)`` to ``(2, 2 h, 2 w)``."""
        kernel = self.weights.to(samples)[None, None]
        return functional.conv_transpose2d(samples[:, None], kernel, stride=2, padding=1)[:, 0]

    @cached_property
    def shares(self) -> Tensor:
        """``(S, 4)``: the part of a block's pixels, row by row, in its own sample and in those beside it."""
        rows = []
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                places = [(row - 2 * down + 1, column - 2 * across + 1) for row in (0, 1) for column in (0, 1)]
                row = [float(self.weights[y, x]) if 0 <= y < SIDE and 0 <= x < SIDE else 0.0 for y, x in places]
                if max(map(abs, row)) >= LEAST_SHARE:
                    rows.append(row)
        return torch.tensor(rows)
