"""Attribute cells: machines that store colors per block of pixels, so that each block shows only a few of them.

A rule chooses the colors of every block; a pixel becomes the nearest of its block's colors. Cells are the Voronoi cells
among the colors that a block shows. A block that shows one color says nothing about its others: then the cell is the
Voronoi cell among all colors that could have been chosen beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.quantizers.base import MARGIN
from vdequant.quantizers.rows import from_rows, to_rows

CHUNK = 1 << 21  # pixel-color pairs held at a time
KNOWN = 0.25 / 255  # how near a stored sample must be to its palette color


class BlockRule(Protocol):
    """How a machine limits the colors of a block.

    Attributes:
        width, height: of a block in pixels, from the top left corner.
    """

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...

    def choose(self, x: Tensor, palette: Tensor) -> Tensor:
        """For pictures ``(N, 3, H, W)`` the colors of each block, boolean ``(N, rows, columns, K)``."""
        ...

    def partners(self, palette: Tensor) -> Tensor:
        """Boolean ``(K, K)``: which colors may share a block; each with itself."""
        ...


def squared_distances(rows: Tensor, palette: Tensor) -> Tensor:
    """``(P, 3)`` and ``(K, 3)`` to ``(P, K)``; exactly zero for equal colors."""
    parts = [(rows[:, c, None] - palette[None, :, c]) ** 2 for c in range(3)]
    return parts[0] + parts[1] + parts[2]


def block_numbers(x: Tensor, rule: BlockRule) -> Tensor:
    """``(N * H * W,)``: which block each pixel belongs to, counted over all pictures."""
    count, _, height, width = x.shape
    down = torch.arange(height, device=x.device) // rule.height
    across = torch.arange(width, device=x.device) // rule.width
    columns = -(-width // rule.width)
    per_picture = -(-height // rule.height) * columns
    first = torch.arange(count, device=x.device)[:, None, None] * per_picture
    return (first + down[:, None] * columns + across).flatten()


def _parts(total: int, colors: int) -> Iterator[slice]:
    step = max(1, CHUNK // colors)
    return (slice(start, start + step) for start in range(0, total, step))


def nearest_allowed(rows: Tensor, palette: Tensor, allowed: Tensor, block: Tensor) -> Tensor:
    """Index of the nearest color of each row's block. ``allowed``: ``(blocks, K)``; ``block``: ``(P,)``."""
    found = []
    for part in _parts(len(rows), len(palette)):
        distances = squared_distances(rows[part], palette).masked_fill_(~allowed[block[part]], torch.inf)
        found.append(distances.argmin(1))
    return torch.cat(found)


@dataclass(frozen=True)
class BlockCells:
    """Voronoi cells among the colors of each pixel's block; see :class:`~vdequant.quantizers.palette.PaletteCells`."""

    stored: Tensor
    low: Tensor
    high: Tensor
    index: Tensor  # (P,) palette index of each pixel, -1 where the stored color is not in the palette
    palette: Tensor
    allowed: Tensor  # (blocks, K) colors that border on each other in a block
    block: Tensor  # (P,)
    spread: float = 1.5
    dithered: bool = False
    lossy: bool = False

    def contains(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`; the samples of a pixel share the answer."""
        rows = to_rows(x)
        found = nearest_allowed(rows, self.palette, self.allowed, self.block)
        held = (rows - to_rows(self.stored)).abs().amax(1) < 0.5 / 255
        same = torch.where(self.index >= 0, found == self.index, held)
        return from_rows(same[:, None].expand(-1, 3), x)

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """Along the segment from the stored color, as far as ``margin`` before the first border."""
        center, moved = to_rows(self.stored), to_rows(x) - to_rows(self.stored)
        known = self.index.clamp(min=0)
        gaps = torch.cdist(self.palette, self.palette, compute_mode="donot_use_mm_for_euclid_dist")
        scale = torch.where(self.index >= 0, 1.0, 0.0).to(x.dtype)
        for part in _parts(len(center), len(self.palette)):
            along = moved[part] @ self.palette.T - (moved[part] * center[part]).sum(1, keepdim=True)
            gap = gaps[known[part]]
            room = (gap / 2 - margin).clamp(min=0) * gap
            bordering = self.allowed[self.block[part]] & (along > 0) & (gap > 0)
            scale[part] *= torch.where(bordering, room / along, torch.inf).amin(1).clamp(max=1.0)
        return from_rows(center + scale[:, None] * moved, x)


def _seen(index: Tensor, block: Tensor, colors: int) -> Tensor:
    """Boolean ``(blocks, K)``: the colors that each block shows."""
    known = index >= 0
    seen = torch.zeros(int(block[-1]) + 1, colors, dtype=torch.bool, device=index.device)
    seen[block[known], index[known]] = True
    return seen


def _reach(palette: Tensor, allowed: Tensor) -> Tensor:
    """How far each color's cell extends down and up each axis within a set of colors: ``(sets, K, 2, 3)``."""
    offsets = palette[None] - palette[:, None]  # (q, p, 3)
    squared = (offsets * offsets).sum(-1, keepdim=True)
    infinite = torch.full_like(offsets, torch.inf)
    up = torch.where(offsets > 0, squared / (2 * offsets), infinite)
    down = torch.where(offsets < 0, squared / (-2 * offsets), infinite)
    found = []
    for row in allowed:
        ends = torch.minimum(down[:, row].amin(1), palette), torch.minimum(up[:, row].amin(1), 1 - palette)
        found.append(torch.stack(ends, dim=1))
    return torch.stack(found)


def block_cells(y: Tensor, palette: Tensor, rule: BlockRule) -> BlockCells:
    """The cells of a stored picture ``(N, 3, H, W)``."""
    rows, block = to_rows(y), block_numbers(y, rule)
    every = torch.ones(int(block[-1]) + 1, len(palette), dtype=torch.bool, device=y.device)
    index = nearest_allowed(rows, palette, every, block)
    index = torch.where((rows - palette[index]).abs().amax(1) < KNOWN, index, -1)
    seen = _seen(index, block, len(palette))
    seen |= ~seen.any(1, keepdim=True)  # nothing known in a block: anything is possible
    alone = seen.sum(1) == 1
    allowed = torch.where(alone[:, None], rule.partners(palette)[seen.int().argmax(1)], seen)
    sets, which = torch.unique(allowed, dim=0, return_inverse=True)
    reach = _reach(palette, sets)[which[block], index.clamp(min=0)] * (index >= 0)[:, None, None]
    down, up = from_rows(reach[:, 0], y), from_rows(reach[:, 1], y)
    return BlockCells(y, y - down, y + up, index, palette, allowed, block)


@dataclass(frozen=True)
class PairRule:
    """Two colors a block, the best two: all pairs are tried.

    Attributes:
        groups: sets of palette indices from which both colors of a block come; () for any two.
    """

    width: int
    height: int
    groups: tuple[tuple[int, ...], ...] = ()

    def partners(self, palette: Tensor) -> Tensor:
        """See :class:`BlockRule`."""
        if not self.groups:
            return torch.ones(len(palette), len(palette), dtype=torch.bool, device=palette.device)
        result = torch.eye(len(palette), dtype=torch.bool, device=palette.device)
        for group in self.groups:
            members = torch.tensor(group, device=palette.device)
            result[members[:, None], members[None]] = True
        return result

    def choose(self, x: Tensor, palette: Tensor) -> Tensor:
        """See :class:`BlockRule`. The pair of least squared error over the block; exact."""
        first, second = self.partners(palette).triu(1).nonzero().unbind(1)
        pixels, weights, shape = self._blocks(x)
        side = pixels.shape[1]
        best = []
        for part in torch.split(torch.arange(len(pixels), device=x.device), max(1, CHUNK // (side * len(first)))):
            distances = squared_distances(pixels[part].reshape(-1, 3), palette).view(len(part), side, -1)
            distances = (distances * weights[part, :, None]).transpose(1, 2)
            best.append(torch.minimum(distances[:, first], distances[:, second]).sum(-1).argmin(1))
        chosen = torch.cat(best)
        allowed = torch.zeros(len(chosen), len(palette), dtype=torch.bool, device=x.device)
        every = torch.arange(len(chosen), device=x.device)
        allowed[every, first[chosen]] = True
        allowed[every, second[chosen]] = True
        return allowed.view(*shape, -1)

    def _blocks(self, x: Tensor) -> tuple[Tensor, Tensor, tuple[int, int, int]]:
        """Pixels ``(blocks, side, 3)``, their weights (0 outside the picture) and (pictures, rows, columns)."""
        count, _, height, width = x.shape
        rows, columns = -(-height // self.height), -(-width // self.width)
        inside = x.new_ones(count, 1, height, width)
        padding = (0, columns * self.width - width, 0, rows * self.height - height)
        full = functional.pad(torch.cat([x, inside], dim=1), padding)
        tiles = full.view(count, 4, rows, self.height, columns, self.width).permute(0, 2, 4, 3, 5, 1)
        pixels = tiles.reshape(count * rows * columns, self.height * self.width, 4)
        return pixels[..., :3], pixels[..., 3], (count, rows, columns)
