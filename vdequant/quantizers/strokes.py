"""Strokes of letters over dither: thin lines of one color, which no dither draws, stay in that color.

    . # . # . .      A pixel that dither mixes from a darker and a lighter color is the lighter one at isolated places
    # . # # # #      (left) as long as fewer than half are. Three in a row of the darkest or lightest color around,
    . # . . # .      where that color is not the common one and fills no area, are a stroke (right).
    # . # . # .      Letters in red or yellow are neither darkest nor lightest, but have the most or least of a primary.

Networks know letters as well, and change most of their pixels by less than a code, but some of them by a few. So
strokes are kept only where a restorer leaves half of those nearby nearly alone; what it moves there was no letter.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.quantizers.base import Cells
from vdequant.quantizers.mean_cells import MeanCells
from vdequant.quantizers.pattern_cells import PatternCells
from vdequant.quantizers.uniform import BoxCells

AROUND = 7  # pixels a side of the places that a color is compared with
COMMON = 30  # of these places from which on it is the common color, and others are the strokes
THICK = 3  # pixels a side of an area; letters are two wide
NEARBY = 15  # pixels a side in which a color is asked what it is used for: two letters
USED = 60  # percent of its places there that have to be strokes: in dither few of them lie in a row
WRITTEN = 80  # percent from which on the others there are letters too: dots, and what is slanted
SOME = 8  # strokes that this takes
MOST_COLORS = 64  # of candidates; each takes a tenth of a millisecond and more, and photographs have thousands
NEARLY = 16 / 255  # what a restorer may have changed of strokes that it leaves alone
NEARLY_OF_STEP = 0.2  # the same as a share of the step between levels: within fine ones all changes are small
AMONG = 0.5  # share of the strokes NEARBY that it has to leave alone
FAR = 96 / 255  # the others among them may have been changed by that much

Bits = NDArray[np.uint8]  # (H, W) of 0 and 1


def kept_strokes(y: Tensor, restored: Tensor, cells: Cells) -> Tensor:
    """Which strokes of stored dithered pictures a restorer nearly leaves alone.

    Args:
        y: stored dithered pictures ``(N, 3, H, W)`` in [0, 1].
        restored: what a restorer proposes for them, the same shape.
        cells: those of ``y``.

    Returns:
        ``(N, 1, H, W)`` bool on the same device.
    """
    found, moved = strokes(y), (restored - y).abs().amax(1, keepdim=True)
    alone = found & (moved <= _nearly(cells))
    counts = [np.stack([_counted(plane) for plane in _bits(part)]) for part in (alone, found)]
    among = torch.from_numpy(counts[0] >= AMONG * counts[1])[:, None]
    return found & (moved <= FAR) & among.to(y.device)


def _nearly(cells: Cells) -> float:
    """What may have been changed of pictures with such cells: of levels it depends on the finest channel."""
    if isinstance(cells, MeanCells):
        step = None if cells.half_step is None else 2 * cells.half_step
    else:
        step = cells.high - cells.low if isinstance(cells, BoxCells | PatternCells) else None
    return NEARLY if step is None else min(NEARLY, NEARLY_OF_STEP * float(step.amax((0, 2, 3)).amin()))


def strokes(y: Tensor) -> Tensor:
    """Which pixels of stored dithered pictures ``(N, 3, H, W)`` in [0, 1] are strokes of letters.

    Returns:
        ``(N, 1, H, W)`` bool on the same device.
    """
    codes = (y.movedim(1, -1) * 255).round().to("cpu", torch.uint8).contiguous().numpy()
    found = np.stack([_of_picture(picture) for picture in codes])
    return torch.from_numpy(found.view(np.bool_))[:, None].to(y.device)


def _square(side: int) -> Bits:
    return np.ones((side, side), dtype=np.uint8)


def _bits(where: Tensor) -> Bits:
    """``(N, 1, H, W)`` bool as ``(N, H, W)``."""
    return where[:, 0].to("cpu", torch.uint8).numpy()


def _counted(bits: Bits) -> NDArray[np.uint16]:
    """How many are set NEARBY each place."""
    around = (NEARBY, NEARBY)
    return cv2.boxFilter(bits, cv2.CV_16U, around, normalize=False, borderType=cv2.BORDER_CONSTANT)  # type: ignore[return-value]


def _of_picture(picture: NDArray[np.uint8]) -> Bits:
    """``picture`` is ``(H, W, 3)``."""
    outermost = _outermost(picture)
    colors = picture.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
    in_a_row = _in_a_row(colors)
    result = np.zeros(outermost.shape, dtype=np.uint8)
    candidates = np.unique(colors[outermost & in_a_row.view(np.bool_)])
    for color in candidates if len(candidates) <= MOST_COLORS else ():
        result |= _of_color((colors == color).view(np.uint8), outermost.view(np.uint8), in_a_row)
    return result


def _outermost(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels have the most or the least luma, red, green or blue around: what is mixed of others never does."""
    around, found = _square(AROUND), np.zeros(picture.shape[:2], dtype=bool)
    for plane in (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), *cv2.split(picture)):
        found |= plane == cv2.dilate(plane, around)
        found |= plane == cv2.erode(plane, around)
    return found


def _in_a_row(colors: NDArray[np.int32]) -> Bits:
    """Which pixels belong to three of one color, side by side or one below the other."""
    result = np.zeros(colors.shape, dtype=np.uint8)
    for these, found in ((colors, result), (colors.T, result.T)):
        equal = these[:, 1:] == these[:, :-1]
        middle = equal[:, 1:] & equal[:, :-1]
        for place in range(3):
            found[:, place : place + middle.shape[1]] |= middle
    return result


def _of_color(here: Bits, outermost: Bits, in_a_row: Bits) -> Bits:
    """The strokes of one color, which is where ``here`` is set."""
    area = cv2.morphologyEx(here, cv2.MORPH_OPEN, _square(THICK))
    thin = here & ~area.view(np.uint8)
    rare = cv2.boxFilter(here, cv2.CV_16U, (AROUND, AROUND), normalize=False, borderType=cv2.BORDER_REPLICATE)
    eligible = thin & outermost & (rare < COMMON)
    found = eligible & in_a_row
    if not found.any():
        return found
    found |= cv2.dilate(found, _square(3)).view(np.uint8) & eligible  # ends, and corners of slanted strokes
    percent, counted = 100 * _counted(found), _counted(here)
    written = (percent >= WRITTEN * counted) & (percent >= 100 * SOME)
    return (found & (percent >= USED * counted)) | (eligible & written)
