"""Pictures that were each cut to a palette of their own, as in GIFs with local palettes: it is the colors they have.

frame 1 ─► its 256 colors ─► cells      No list of colors holds for the whole clip: 48 frames may have 4,000.
frame 2 ─► its 256 colors ─► cells      Of a part of a picture nothing can be said: it lacks some of the colors.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.quantizers.palette import PaletteCells, PaletteQuantizer
from vdequant.quantizers.per_picture import JoinedCells

DEEPEST = 65535  # codes of the deepest samples; those of 8 bits are the same numbers in these
MOST = 256  # colors of a picture; of one that has more, as a menu laid over a frame may, the most frequent ones
MANY = 1.5  # times as many colors in all as in one picture: with one palette for all there are at most a few more
# Share of the most colors of a picture that the others have at least, and where nothing is dithered, of a power of two
ALIKE = (0.6, 0.9)
PIXELS_PER_COLOR = 4  # below that a small picture has few colors because it has few pixels


class OwnPalettes:
    """Every picture has the palette of the colors in it; :meth:`of` tells the quantizer of one."""

    period = 1

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return "a palette of its own for each frame"

    def of(self, y: Tensor) -> PaletteQuantizer:
        """The quantizer of a whole stored picture ``(1, 3, H, W)``."""
        packed, counts = torch.unique(_packed(y[0], DEEPEST), return_counts=True)
        if len(packed) > MOST:
            packed = packed[counts.argsort(descending=True, stable=True)[:MOST]]
        codes = torch.stack([packed >> 32, packed >> 16 & DEEPEST, packed & DEEPEST], dim=1)
        return PaletteQuantizer(codes.to(torch.float32) / DEEPEST, table=False)

    def quantize(self, x: Tensor) -> Tensor:
        """``x``: what a picture's own colors would make of it."""
        check_picture(x)
        return x

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """See :meth:`quantize`."""
        return self.quantize(x)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :meth:`quantize`."""
        return self.quantize(x)

    def cells(self, y: Tensor) -> PaletteCells | JoinedCells:
        """The cells of whole stored pictures ``(N, 3, H, W)``."""
        check_picture(y, "y")
        each = [self.of(one).cells(one) for one in torch.split(y, 1)]
        return each[0] if len(each) == 1 and isinstance(each[0], PaletteCells) else JoinedCells(each)


def have_own_palettes(pictures: Sequence[Tensor], *, dithered: bool) -> bool:
    """Whether each of several pictures ``(3, H, W)`` was cut to a palette of its own.

    Then all have about as many colors, and together many more. So have those of drawn art while its palette cycles or
    fades; but there is no dither in them, and their number is not just the one that somebody asked for.

    Args:
        dithered: a machine made these pictures from finer ones.
    """
    colors = [set(torch.unique(_packed(picture, 255)).tolist()) for picture in pictures]
    counts = [len(own) for own in colors]
    fewest, most = min(counts, default=0), max(counts, default=0)
    if len(colors) < 2 or fewest < 2 or most > MOST or len(set().union(*colors)) < MANY * most:
        return False
    if any(picture[0].numel() < PIXELS_PER_COLOR * count for picture, count in zip(pictures, counts, strict=True)):
        return False
    if dithered:
        return fewest > ALIKE[0] * most
    asked = 1 << (most - 1).bit_length()  # 16, 32, 64, ...
    return fewest > ALIKE[1] * asked


def _packed(picture: Tensor, top: int) -> Tensor:
    """``(H * W,)`` int64: the samples of each pixel as codes up to ``top``, one behind the other."""
    red, green, blue = (picture * top).round().to(torch.int64)
    packed: Tensor = red << 32 | green << 16 | blue
    return packed.flatten()
