"""Self-ensemble: the mean of several answers, one for each of some ways to turn and mirror the picture.

    ┌─► as it is ──► restore ───────────────┐
y ──┼─► mirrored ──► restore ─► mirrored ───┼─► mean
    └─► ... turned ─► restore ─► turned back ┘        (Timofte et al. 2016, "Seven ways to improve")
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vdequant.quantizers.base import MARGIN, Cells, room_of
from vdequant.quantizers.jpeg_grid import grid_of
from vdequant.restorers.base import Needs, Restorer


@dataclass(frozen=True)
class View:
    """One of the eight symmetries of a square: transposed first, then mirrored."""

    transposed: bool
    across: bool
    down: bool

    def of(self, x: Tensor) -> Tensor:
        """``x`` of shape ``(..., H, W)`` seen so."""
        turned = x.transpose(-1, -2) if self.transposed else x
        dims = [dim for dim, mirrored in ((-1, self.across), (-2, self.down)) if mirrored]
        return (turned.flip(dims) if dims else turned).contiguous()

    def back(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`of`."""
        dims = [dim for dim, mirrored in ((-1, self.across), (-2, self.down)) if mirrored]
        turned = x.flip(dims) if dims else x
        return turned.transpose(-1, -2).contiguous() if self.transposed else turned


# The first 1, 2, 4 and 8 belong together. Half a turn comes first: of all pairs it gained most with dequantizernet+ on
# LIVE1 (at quality 10 and 40 0.054 and 0.072 dB of the eight views' 0.082 and 0.114; the four of a kind 0.076, 0.104).
MIRRORED = ((False, False), (True, True), (True, False), (False, True))
VIEWS = tuple(View(transposed, *mirrored) for transposed in (False, True) for mirrored in MIRRORED)


class ViewedCells:
    """The cells of a picture that is looked at in another :class:`View`."""

    def __init__(self, cells: Cells, view: View) -> None:
        self.cells, self.view = cells, view
        self.stored, self.low, self.high = view.of(cells.stored), view.of(cells.low), view.of(cells.high)
        self.room = view.of(room_of(cells))
        self.spread, self.dithered, self.lossy = cells.spread, cells.dithered, cells.lossy
        # Mirroring whole blocks changes signs of coefficients, not their steps.
        grid = grid_of(cells)
        self.grid = grid.transposed() if grid and view.transposed else grid

    def contains(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return self.view.of(self.cells.contains(self.view.back(x)))

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return self.view.of(self.cells.project(self.view.back(x), margin))


class SelfEnsemble:
    """A restorer asked several times; see :class:`~vdequant.restorers.base.Restorer` for the promises.

    Args:
        inner: any restorer.
        count: how many of the views it is asked for: 1, 2, 4 or 8.
    """

    def __init__(self, inner: Restorer, count: int = len(VIEWS)) -> None:
        self.inner, self.views = inner, VIEWS[:count]
        # A mirrored tile begins where the tile ended, so its length has to be a multiple as well.
        self.needs = Needs(
            multiple_of=max(inner.needs.multiple_of, inner.needs.align),
            halo=inner.needs.halo,
            min_size=inner.needs.min_size,
            align=inner.needs.align,
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> SelfEnsemble:
        """Move the inner restorer."""
        self.inner = self.inner.to(device, dtype)
        return self

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Propose the true picture for ``y`` ``(N, 3, H, W)`` float32; the same shape, in [0, 1]."""
        total = torch.zeros_like(y)
        for view in self.views:
            total += view.back(self.inner.restore(view.of(y), ViewedCells(cells, view)))
        return total.div_(len(self.views)).clamp_(0, 1)


def viewed(restorer: Restorer, count: int = 0) -> Restorer:
    """``restorer``, asked for so many views of each picture; 0: for as many as its needs say."""
    asked = count or restorer.needs.views
    return SelfEnsemble(restorer, asked) if asked > 1 else restorer
