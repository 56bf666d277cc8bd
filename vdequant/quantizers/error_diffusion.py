"""Error diffusion: each pixel takes the nearest stored color, and what it got wrong is shared among later neighbors.

Pixels depend on the ones before them, so a picture cannot be done at once. But with ``skew`` columns between a row and
the next, all pixels of one slanted front depend on earlier fronts only, and a front is one vector operation:

    row 0   0 1 2 3 4 5 6 7        the number is the front in which a pixel is done (skew 2);
    row 1       2 3 4 5 6 7 8 9    a picture W x H takes W + 2 (H - 1) fronts
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colors = NDArray[np.float32]
Nearest = Callable[[Colors], Colors]  # (P, 3) wanted -> (P, 3) stored


@dataclass(frozen=True)
class Kernel:
    """Where the error of a pixel goes.

    Attributes:
        taps: (rows down, columns right, weight); weights are in units of ``1 / divisor``.
        skew: columns between a row's front and the next row's: one more than the farthest reach back to the left.
    """

    taps: tuple[tuple[int, int, int], ...]
    divisor: int
    skew: int

    @property
    def rows(self) -> int:
        """Rows that the error reaches down."""
        return max(tap[0] for tap in self.taps)

    @property
    def reach(self) -> int:
        """Fronts that the error reaches ahead."""
        return max(right + self.skew * down for down, right, _ in self.taps)


# Floyd and Steinberg, An adaptive algorithm for spatial greyscale, Proc. SID 17 (1976).
FLOYD_STEINBERG = Kernel(((0, 1, 7), (1, -1, 3), (1, 0, 5), (1, 1, 1)), 16, skew=2)
# Bill Atkinson's for MacPaint: a quarter of the error is dropped, for contrast, so that local means move a little.
ATKINSON = Kernel(((0, 1, 1), (0, 2, 1), (1, -1, 1), (1, 0, 1), (1, 1, 1), (2, 0, 1)), 8, skew=2)
# Jarvis, Judice and Ninke, A survey of techniques for the display of continuous tone pictures on bilevel displays,
# Computer Graphics and Image Processing 5 (1976).
JARVIS = Kernel(
    ((0, 1, 7), (0, 2, 5), (1, -2, 3), (1, -1, 5), (1, 0, 7), (1, 1, 5), (1, 2, 3),
     (2, -2, 1), (2, -1, 3), (2, 0, 5), (2, 1, 3), (2, 2, 1)),
    48, skew=3,
)  # fmt: skip
# Stucki, MECCA, a multiple-error correction computation algorithm for bi-level image hardcopy reproduction (1981).
STUCKI = Kernel(
    ((0, 1, 8), (0, 2, 4), (1, -2, 2), (1, -1, 4), (1, 0, 8), (1, 1, 4), (1, 2, 2),
     (2, -2, 1), (2, -1, 2), (2, 0, 4), (2, 1, 2), (2, 2, 1)),
    42, skew=3,
)  # fmt: skip
# Burkes (1988), and Frankie Sierra's of three rows and of two taps below (1989, 1990): messages to users' groups, as
# FFmpeg's paletteuse has them; it calls the last one sierra2_4a.
BURKES = Kernel(((0, 1, 8), (0, 2, 4), (1, -2, 2), (1, -1, 4), (1, 0, 8), (1, 1, 4), (1, 2, 2)), 32, skew=3)
SIERRA = Kernel(
    ((0, 1, 5), (0, 2, 3), (1, -2, 2), (1, -1, 4), (1, 0, 5), (1, 1, 4), (1, 2, 2), (2, -1, 2), (2, 0, 3), (2, 1, 2)),
    32, skew=3,
)  # fmt: skip
SIERRA_LITE = Kernel(((0, 1, 2), (1, -1, 1), (1, 0, 1)), 4, skew=2)

KERNELS = {
    "fs": FLOYD_STEINBERG,
    "atkinson": ATKINSON,
    "jarvis": JARVIS,
    "stucki": STUCKI,
    "burkes": BURKES,
    "sierra": SIERRA,
    "sierra-lite": SIERRA_LITE,
}


def diffuse(x: Colors, nearest: Nearest, kernel: Kernel) -> Colors:
    """Dither pictures, left to right and top to bottom.

    Wanted values are clipped to [0, 1] before each choice, so that the error cannot pile up where the stored colors
    do not reach. A picture of stored colors has no error and comes out as it went in.

    Args:
        x: ``(N, 3, H, W)`` float32 in [0, 1].
        nearest: the choice of a stored color.

    Returns:
        ``(N, 3, H, W)`` of stored colors.
    """
    count, _, height, width = x.shape
    skew, fronts = kernel.skew, width + kernel.skew * (height - 1)
    # work[front, row]: the wanted colors, then the stored ones, of the pixels that a front meets in a row.
    work = np.zeros((fronts + kernel.reach, height + kernel.rows, count, 3), dtype=np.float32)
    for row in range(height):
        work[skew * row : skew * row + width, row] = x[:, :, row].transpose(2, 0, 1)
    taps = [(right + skew * down, down, np.float32(weight / kernel.divisor)) for down, right, weight in kernel.taps]
    for front in range(fronts):
        first, last = max(0, -((width - 1 - front) // skew)), min(height - 1, front // skew)
        wanted = work[front, first : last + 1].clip(0, 1)
        stored = nearest(wanted.reshape(-1, 3)).reshape(wanted.shape)
        work[front, first : last + 1] = stored
        error = wanted - stored
        for ahead, down, weight in taps:
            work[front + ahead, first + down : last + 1 + down] += error * weight
    result = np.empty_like(x)
    for row in range(height):
        result[:, :, row] = work[skew * row : skew * row + width, row].transpose(1, 2, 0)
    return result
