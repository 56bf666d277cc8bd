"""Cells of dithered pictures: single pixels alternate on purpose, so only local means say where the truth was."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vdequant.quantizers.base import MARGIN, Cells, room_of
from vdequant.quantizers.palette import PaletteCells
from vdequant.quantizers.ramp import Ramp
from vdequant.quantizers.uniform import BoxCells
from vdequant.quantizers.windows import WINDOW, local_max, local_mean

SPREAD = 4.5  # a single true pixel may lie this many reaches away: what the networks were trained with
SLACK = 1e-6  # of float sums over a window
ROUNDS = 6  # of moving means; windows that are still outside then become the stored ones
ASIDE = 0.25  # share of a cell's width by which its reaches may differ: levels are rounded, and converters not straight
YIELDING = 64  # rounds of that, since a window that changes may push another one out; noisy pictures take up to 13


def evened(stored: Tensor, low: Tensor, high: Tensor, room: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The bounds and room of dithered cells as networks are told them: of each reach the mean over those around it.

    A shade mixes colors whose cells may be of very different sizes, as palettes cut from pictures have them. In units
    of one reach for all of them it is a weighted mean of what is around, which convolutions are good at; in units of
    each color's own they would have to divide first. Measured on cellnet-s, 3,000 steps on from the same weights: 4.18
    instead of 3.90 dB on held-back dithered pictures.

    Args:
        stored, low, high: ``(N, 3, H, W)``.
        room: ``(N, 1, H, W)``.

    Returns:
        ``low``, ``high``, ``room``.
    """
    return stored - local_mean(stored - low), stored + local_mean(high - stored), local_mean(room)


def _shares(held: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """One for each pixel that may move, else zero; and their share around each: where few may, they move farther."""
    free = (~held).to(like.dtype)
    return free, local_mean(free).clamp(min=1 / WINDOW**2)


def _within(moved: Tensor, down: Tensor, up: Tensor) -> Tensor:
    return (moved <= up) & (moved >= -down)


@dataclass(frozen=True)
class MeanCells:
    """The local mean of the truth lies within half the cells' mean reach of the stored one's.

    Error diffusion moves at most the error of a window's border across it, and an ordered pattern averages out over
    its period: both stay inside. A stored extreme keeps its full reach towards black or white, because what lies
    beyond the last level cannot be mixed. Two things are outside by nature: the far corners of color space beyond the
    hull of a palette, and detail finer than the window, about which the means say nothing.

    Attributes:
        halftone: shades of few levels, tones or colors, which a network of their own restores; see ``halftone.py``.
        ramp: where the stored colors are tones of one ramp, and no levels of each channel.
        atkinson: two tones, which his dither has driven apart; see ``atkinson.py``.
    """

    stored: Tensor
    low: Tensor
    high: Tensor
    spread: float = SPREAD
    dithered: bool = True
    lossy: bool = False
    room: Tensor | None = None  # of the cells without dither, see room_of
    half_step: Tensor | None = None  # of levels, see half_steps; of palettes there is none
    of_palette: bool = False
    halftone: bool = False
    ramp: Ramp | None = None
    atkinson: bool = False

    @cached_property
    def _bounds(self) -> tuple[Tensor, Tensor]:
        """How far a local mean may lie below and above the stored one."""
        down, up = self.stored - self.low, self.high - self.stored
        down = torch.where(self.low <= 0, down, down / 2)
        up = torch.where(self.high >= 1, up, up / 2)
        if self.halftone and self.half_step is not None:  # many windows are nearly white or black, which have no reach
            down, up = torch.maximum(down, self.half_step / 2), torch.maximum(up, self.half_step / 2)
        return local_mean(down) + SLACK, local_mean(up) + SLACK

    def contains(self, x: Tensor) -> Tensor:
        """Boolean ``(N, 3, H, W)``: whether the mean around each sample is possible."""
        return _within(local_mean(x - self.stored), *self._bounds)

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """Shift the means that lie outside back to the border, and all pixels of their window with them.

        A picture that is inside is left alone. Windows with contrary needs may remain outside; their pixels become
        the stored ones, which are always inside.
        """
        x, done = self._shifted(x, None, margin)
        return x if done else self.yielding(x, self.stored)

    def holding(self, x: Tensor, held: Tensor, other: Tensor, margin: float = MARGIN) -> Tensor:
        """``x`` with the pixels ``held`` as they are: those around them move instead, until all means are inside.

        Args:
            x: ``(N, 3, H, W)``.
            held: which pixels stay, ``(N, 1, H, W)`` bool.
            other: a picture that is inside, taken around each mean that this cannot bring there.
            margin: see :meth:`project`.
        """
        x, done = self._shifted(x, held, margin)
        return x if done else self.yielding(x, other)

    def _shifted(self, x: Tensor, held: Tensor | None, margin: float) -> tuple[Tensor, bool]:
        """``x`` after a few rounds of moving windows that are outside, but not ``held``; whether all are inside."""
        down, up = self._bounds
        inset = margin + SLACK
        shares = None if held is None else _shares(held, x)
        for _ in range(ROUNDS):
            moved = local_mean(x - self.stored)
            above, below = moved > up, moved < -down
            if not (above.any() or below.any()):
                return x, True
            over = torch.where(above, moved - (up - inset).clamp(min=0), 0)
            under = torch.where(below, -(down - inset).clamp(min=0) - moved, 0)
            if shares is None:
                x = (x + local_max(under) - local_max(over)).clamp(0, 1)
            else:
                free, among = shares
                x = (x + free * (local_max(under / among) - local_max(over / among))).clamp(0, 1)
        return x, False

    def yielding(self, x: Tensor, other: Tensor) -> Tensor:
        """``x``, but ``other`` around each mean that lies outside in ``x`` alone; ``other`` if that comes to no end."""
        down, up = self._bounds
        outside = ~_within(local_mean(x - self.stored), down, up)
        if not outside.any():
            return x
        possible = _within(local_mean(other - self.stored), down, up)
        for _ in range(YIELDING):
            outside &= possible
            if not outside.any():
                return x
            x = torch.where(local_max(outside.to(x.dtype)) > 0, other, x)
            outside = ~_within(local_mean(x - self.stored), down, up)
        return other


def dithered_cells(cells: Cells, half_step: Tensor | None = None) -> Cells:
    """The cells of the same stored picture when it is known to be dithered; dithered ones are returned as they are.

    ``half_step`` is that between the levels, where the cells are none of levels for each channel.
    """
    if cells.dithered:
        return cells
    if isinstance(cells, BoxCells) and _centered(cells):
        half_step = half_steps(cells)
    bounds, room = (cells.stored, cells.low, cells.high), room_of(cells)
    of_palette = isinstance(cells, PaletteCells)
    return MeanCells(*bounds, lossy=cells.lossy, room=room, half_step=half_step, of_palette=of_palette)


def _centered(cells: BoxCells) -> bool:
    """Whether levels are in the middle of their cells, apart from those that end at black or white.

    Bits that were shifted back are at the lower end of theirs: what networks are told of these says where means lie.
    """
    down, up = cells.stored - cells.low, cells.high - cells.stored
    within = (cells.low > 0) & (cells.high < 1)
    return not bool((within & ((down - up).abs() > ASIDE * (down + up))).any())


def half_steps(cells: Cells) -> Tensor:
    """Half the step from each sample's level to the next one, ``(N, 3, H, W)``, from cells of levels without dither.

    The cell of black ends at black, and that of white at white. Networks that are told so take black beside white for
    something else than a shade; told the same reach in both directions they mix the last two levels as any others.
    Measured on ten game screens, cellnet-s: 11.2 instead of 5.1 dB with 1, 2 and 2 bits and Floyd-Steinberg, 9.3
    instead of 8.4 with 3, 3 and 2, as much as before with 5; with Bayer's patterns 11.9 instead of 2.5 and 9.3 instead
    of 5.2.
    """
    return torch.maximum(cells.stored - cells.low, cells.high - cells.stored)
