"""Nearest-color quantization, and its cells: the Voronoi regions of the palette."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.errors import UsageError
from vdequant.quantizers.base import MARGIN, per_picture
from vdequant.quantizers.per_picture import JoinedCells
from vdequant.quantizers.softmax import soft_nearest
from vdequant.quantizers.windows import local_mean

CHUNK = 1 << 20  # pixel-color pairs held at a time: memory stays linear in pixels, and near the CPU

PLAIN = 1 / 1024  # from the color to the border of its cell: in smaller cells rounding may decide who is nearest


def nearest_index(colors: Tensor, palette: Tensor) -> Tensor:
    """Index of the nearest palette color of each row; ties go to the lower index.

    Args:
        colors: ``(P, 3)``, or ``(N, P, 3)`` with a palette for each of N pictures.
        palette: ``(K, 3)`` or ``(N, K, 3)``.

    Returns:
        ``(P,)`` or ``(N, P)`` int64.
    """
    batched = palette.ndim == 3
    centers = palette if batched else palette[None]
    points = colors if batched else colors[None]
    half_norms = (centers * centers).sum(-1).unsqueeze(1) / 2
    rows = max(1, CHUNK // (palette.numel() // 3))
    found = torch.empty(points.shape[:2], dtype=torch.long, device=colors.device)
    # One buffer for all chunks: the heap of the C library does not find the room of a freed aligned block again.
    buffer = colors.new_empty(len(points), min(rows, points.shape[1]), centers.shape[1])
    for start in range(0, points.shape[1], rows):
        chunk = points[:, start : start + rows]
        costs = buffer[:, : chunk.shape[1]]
        torch.baddbmm(half_norms, chunk, centers.mT, alpha=-1, out=costs)
        torch.argmin(costs, -1, out=found[:, start : start + rows])
    return found if batched else found[0]


def axis_reach(palette: Tensor) -> Tensor:
    """How far each color's Voronoi cell extends along each axis, down and up, within the unit cube.

    Along the axis direction e from q, the border with p lies at ``|p - q|² / (2 (p - q)·e)``.

    Returns:
        ``(K, 2, 3)``: distances down and up for R, G, B.
    """
    offsets = palette[None] - palette[:, None]  # (q, p, 3)
    squared = (offsets * offsets).sum(-1, keepdim=True)
    infinite = torch.full_like(offsets, torch.inf)
    up = torch.where(offsets > 0, squared / (2 * offsets), infinite).amin(1)
    down = torch.where(offsets < 0, squared / (-2 * offsets), infinite).amin(1)
    return torch.stack([torch.minimum(down, palette), torch.minimum(up, 1 - palette)], dim=1)


def half_gaps(palette: Tensor) -> Tensor:
    """Half the distance of each color of ``(K, 3)`` to its nearest neighbor, ``(K,)``: what each cell has all round.

    A color without neighbors has the whole unit cube.
    """
    gaps = torch.cdist(palette, palette, compute_mode="donot_use_mm_for_euclid_dist")
    return (gaps.fill_diagonal_(torch.inf).amin(1) / 2).clamp(max=1.0)


def _pixels(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).reshape(-1, 3)


def _picture(pixels: Tensor, like: Tensor) -> Tensor:
    count, _, height, width = like.shape
    return pixels.reshape(count, height, width, -1).permute(0, 3, 1, 2).contiguous()


def _repeated(palettes: Tensor) -> Tensor:
    """Boolean ``(N, K)``: whether a color of ``(N, K, 3)`` occurs earlier in its palette."""
    same = (palettes[:, :, None] == palettes[:, None]).all(-1)
    return same.tril(-1).any(-1)


def _distinct(palette: Tensor) -> Tensor:
    """Rows of ``(K, 3)`` in order without repetition; unlike those of ``torch.unique``, they pass gradients back."""
    distinct, place = torch.unique(palette.detach(), dim=0, return_inverse=True)
    first = torch.full((len(distinct),), len(palette), device=palette.device)
    first = first.scatter_reduce(0, place, torch.arange(len(palette), device=palette.device), "amin")
    return palette[first]


@dataclass(frozen=True)
class PaletteCells:
    """Voronoi cells: convex, each holding its own color q, so the segment from q to any x leaves it once.

    Projection is along that segment: over the other colors p with ``(x - q)·(p - q) > 0``,
    ``t = min(1, |p - q|² / (2 (x - q)·(p - q)))`` and the result is ``q + t (x - q)``.
    """

    stored: Tensor
    low: Tensor
    high: Tensor
    index: Tensor  # (P,) palette index of each pixel; -1 where the stored color is not in the palette
    palette: Tensor
    room: Tensor  # (N, 1, H, W): distance to the nearest border
    spread: float = 1.5
    dithered: bool = False
    lossy: bool = False

    def contains(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`; all three samples of a pixel share the answer.

        Dithered: whether the mean over 7x7 pixels is kept to within half the cells' mean reach.
        """
        if self.dithered:
            moved = local_mean(x - self.stored)
            return (moved <= local_mean(self.high - self.stored) / 2) & (
                moved >= -local_mean(self.stored - self.low) / 2
            )
        inside = self._plainly_inside(x)
        places = (~inside).nonzero().squeeze(1)
        if len(places):
            near, stored, index = _pixels(x)[places], _pixels(self.stored)[places], self.index[places]
            found = nearest_index(near, self.palette)
            close = (found != index).nonzero().squeeze(1)  # or so it seems: single precision blurs the narrowest cells
            found[close] = nearest_index(near[close].double(), self.palette.double())
            inside[places] = torch.where(index >= 0, found == index, (near - stored).abs().amax(1) < 0.5 / 255)
        count, _, height, width = x.shape
        return inside.view(count, 1, height, width).expand(-1, 3, -1, -1)

    def _plainly_inside(self, x: Tensor) -> Tensor:
        """Boolean ``(P,)``: so near to the stored color that no search can find another one; never where it is unknown.

        At 0.71 of the way to the border the next color costs 0.6 times the room's square more, rounding 2e-7 at most.
        """
        red, green, blue = (x - self.stored).square_().unbind(1)
        room = self.room[:, 0]
        return ((red + green).add_(blue) <= room.square() / 2).logical_and_(room >= PLAIN).flatten()

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """See the class; dithered pictures are left alone, because their cells bind local means and not pixels.

        Pixels nearer to q than half the way to its nearest neighbour are inside for certain.
        """
        if self.dithered:
            return x
        center = _pixels(self.stored)
        moved = _pixels(x.clamp(0, 1)) - center
        known = self.index.clamp(min=0)
        gaps = torch.cdist(self.palette, self.palette, compute_mode="donot_use_mm_for_euclid_dist")
        gaps.fill_diagonal_(torch.inf)
        safe = (gaps.amin(1) / 2 - margin).clamp(min=0)[known]
        outside = ((moved * moved).sum(1) > safe * safe) & (self.index >= 0)
        scale = torch.where(self.index >= 0, 1.0, 0.0).to(x.dtype)
        places = outside.nonzero().squeeze(1)
        rows = max(1, CHUNK // len(self.palette))
        along, limit = moved.new_empty(2, min(rows, len(places)), len(self.palette))
        # (x - q)·(p - q) / |p - q| is the distance travelled towards p; the border is |p - q| / 2 away.
        room = (gaps / 2 - margin).clamp(min=0) * gaps
        for part in torch.split(places, rows):
            count = len(part)
            scale[part] = self._exit(center[part], moved[part], room, known[part], along[:count], limit[:count])
        return _picture(center + scale[:, None] * moved, x)

    def _exit(self, center: Tensor, moved: Tensor, room: Tensor, index: Tensor, along: Tensor, limit: Tensor) -> Tensor:
        """The share ``t`` of the way from q at which each segment has used the ``room`` towards one of the colors.

        ``along`` and ``limit`` are ``(P, K)`` buffers, see :func:`nearest_index`.
        """
        torch.addmm((moved * center).sum(1, keepdim=True), moved, self.palette.T, beta=-1, out=along)
        torch.index_select(room, 0, index, out=limit)
        limit.div_(along).masked_fill_(along <= 0, torch.inf)
        return limit.amin(1).clamp(max=1.0)


class PaletteQuantizer:
    """Every pixel becomes its nearest palette color (*map*, eq. 7).

    Args:
        palette: ``(K, 3)`` colors in [0, 1], 1 <= K <= 4096; they are sorted and repeated ones dropped. Or
            ``(N, K, 3)``, a palette for each picture of every batch that is given. A palette that wants a gradient
            gets it from :meth:`soft` and, for the colors that were chosen, from the other two.
        table: find 8-bit colors by a table of 32 MiB, which pays when many pictures have this palette.

    Raises:
        UsageError: for another shape.
    """

    period = 1

    def __init__(self, palette: Tensor, *, table: bool = True) -> None:
        if palette.ndim not in (2, 3) or palette.shape[-1] != 3 or not 1 <= palette.shape[-2] <= 4096:
            raise UsageError(
                f"expected a palette of shape (K, 3) or (N, K, 3) with 1 to 4096 colors, got {tuple(palette.shape)}"
            )
        exact = palette if palette.dtype == torch.float64 else palette.to(torch.float32)
        self.palette = exact if exact.ndim == 3 else _distinct(exact)
        fixed = self.palette.detach().to("cpu", torch.float32)
        self._each = [PaletteQuantizer(one, table=False) for one in fixed] if fixed.ndim == 3 else []
        # Per color the six reaches and the room, with one more row for the unknown color, index -1: none at all.
        self._reach = fixed
        if fixed.ndim == 2:
            own = torch.cat([axis_reach(fixed).flatten(1), half_gaps(fixed)[:, None]], dim=1)
            self._reach = torch.cat([own, torch.zeros(1, 7)])
        codes = (fixed * 255).round()
        # Almost every palette is of 8-bit colors: then a table by color code replaces the search for the nearest.
        self._is_8_bit = table and bool(((fixed * 255 - codes).abs() < 1e-3).all())
        self._absent = _repeated(fixed) if self._each else None  # so that they do not weigh twice in soft
        self._tables: dict[torch.device, Tensor] = {}

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        count = self.palette.shape[-2]
        return f"a palette of {count} color{'s' if count != 1 else ''}{' for each picture' if self._each else ''}"

    def _checked(self, x: Tensor, name: str = "x") -> Tensor:
        """The palette on the device of ``x``, after checking that there is one for each picture."""
        check_picture(x, name)
        if self._each and len(x) != len(self._each):
            raise ValueError(f"expected {len(self._each)} pictures, one for each palette, got {len(x)}")
        return self.palette.to(x)

    def quantize(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        palette = self._checked(x)
        # In single precision, rounding would decide at the borders of the narrowest cells, for which project cares.
        pixels, colors = _pixels(x.detach()).double(), palette.detach().double()
        if not self._each:
            return _picture(palette[nearest_index(pixels, colors)], x)
        index = nearest_index(pixels.view(len(x), -1, 3), colors)
        return _picture(palette.gather(1, index[..., None].expand(-1, -1, 3)), x)

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """Softmax over the colors by squared distance times ``k`` (*map*, eq. 8); memory linear in pixels."""
        palette = self._checked(x)
        centers = palette if self._each else palette[None]
        absent = None if self._absent is None else self._absent.to(x.device)
        return _picture(soft_nearest(_pixels(x).view(len(x), -1, 3), centers, per_picture(k, x, 3), absent), x)

    def straight_through(self, x: Tensor) -> Tensor:
        """:meth:`quantize` in the forward pass; back, the identity to ``x`` and one-hot to the palette."""
        return self.quantize(x) + (x - x.detach())

    def cells(self, y: Tensor, dithered: bool = False) -> PaletteCells | JoinedCells:
        """The Voronoi cell of each pixel; a color that is not in the palette is held where it is.

        To half a code with a table, to a quarter without.
        """
        palette = self._checked(y, "y").detach()
        if self._each:
            own = zip(self._each, torch.split(y, 1), strict=True)
            return JoinedCells([quantizer.cells(one, dithered) for quantizer, one in own])
        index = self._stored_index(y)
        reach = self._reach.to(y)
        count, _, height, width = y.shape
        planes = reach.index_select(0, index % len(reach)).view(count, height, width, 7).permute(0, 3, 1, 2)
        low, high, room = y - planes[:, :3], y + planes[:, 3:6], planes[:, 6:]
        return PaletteCells(y, low, high, index, palette, room, 4.5 if dithered else 1.5, dithered)

    def _stored_index(self, y: Tensor) -> Tensor:
        """``(P,)`` index of each pixel's color, -1 where it is not in the palette."""
        if not self._is_8_bit:
            colors, palette = _pixels(y), self.palette.detach().to(y)
            index = nearest_index(colors, palette)
            known = (colors - palette[index]).abs().amax(1) < 0.25 / 255
            return torch.where(known, index, -1)
        codes = (y.clamp(0, 1) * 255).round_().to(torch.int32)
        packed = (codes[:, 0] << 16) | (codes[:, 1] << 8) | codes[:, 2]
        return self._code_table(y.device).index_select(0, packed.flatten()).long()

    def _code_table(self, device: torch.device) -> Tensor:
        """Palette index by packed 24-bit color, int16, -1 elsewhere: 32 MiB, made once a device."""
        if device not in self._tables:
            codes = (self.palette.detach().cpu() * 255).round().long()
            table = torch.full((1 << 24,), -1, dtype=torch.int16)
            table[(codes[:, 0] << 16) | (codes[:, 1] << 8) | codes[:, 2]] = torch.arange(len(codes), dtype=torch.int16)
            self._tables[device] = table.to(device)
        return self._tables[device]
