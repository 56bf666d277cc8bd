"""Nearest-color quantization, and its cells: the Voronoi regions of the palette."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.checks import check_picture
from vdequant.errors import UsageError
from vdequant.quantizers.base import MARGIN

CHUNK = 1 << 22  # pixel-color pairs held at a time: memory stays linear in pixels


def nearest_index(colors: Tensor, palette: Tensor) -> Tensor:
    """Index of the nearest palette color of each row; ties go to the lower index.

    Args:
        colors: ``(P, 3)``.
        palette: ``(K, 3)``.

    Returns:
        ``(P,)`` int64.
    """
    half_norms = (palette * palette).sum(1) / 2
    rows = max(1, CHUNK // len(palette))
    parts = [(half_norms - chunk @ palette.T).argmin(1) for chunk in torch.split(colors, rows)]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.long, device=colors.device)


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


def _pixels(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).reshape(-1, 3)


def _picture(pixels: Tensor, like: Tensor) -> Tensor:
    count, _, height, width = like.shape
    return pixels.reshape(count, height, width, -1).permute(0, 3, 1, 2).contiguous()


def _local_mean(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, 7, stride=1, padding=3, count_include_pad=False)


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
    spread: float = 1.5
    dithered: bool = False
    lossy: bool = False

    def contains(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`; all three samples of a pixel share the answer.

        Dithered: whether the mean over 7x7 pixels is kept to within half the cells' mean reach.
        """
        if self.dithered:
            moved = _local_mean(x - self.stored)
            return (moved <= _local_mean(self.high - self.stored) / 2) & (
                moved >= -_local_mean(self.stored - self.low) / 2
            )
        found = nearest_index(_pixels(x), self.palette)
        known = self.index >= 0
        same = torch.where(known, found == self.index, (_pixels(x) - _pixels(self.stored)).abs().amax(1) < 0.5 / 255)
        return _picture(same[:, None].expand(-1, 3), x)

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """See the class; dithered pictures are left alone, because their cells bind local means and not pixels.

        Pixels nearer to q than half the way to its nearest neighbour are inside for certain.
        """
        if self.dithered:
            return x
        center, moved = _pixels(self.stored), _pixels(x) - _pixels(self.stored)
        known = self.index.clamp(min=0)
        gaps = torch.cdist(self.palette, self.palette, compute_mode="donot_use_mm_for_euclid_dist")
        gaps.fill_diagonal_(torch.inf)
        safe = (gaps.amin(1) / 2 - margin).clamp(min=0)[known]
        outside = ((moved * moved).sum(1) > safe * safe) & (self.index >= 0)
        scale = torch.where(self.index >= 0, 1.0, 0.0).to(x.dtype)
        places = outside.nonzero().squeeze(1)
        for part in torch.split(places, max(1, CHUNK // len(self.palette))):
            scale[part] = self._exit(center[part], moved[part], known[part], gaps, margin)
        return _picture(center + scale[:, None] * moved, x)

    def _exit(self, center: Tensor, moved: Tensor, index: Tensor, gaps: Tensor, margin: float) -> Tensor:
        """The share ``t`` of the way from q at which each segment reaches ``margin`` before its cell's border."""
        along = moved @ self.palette.T - (moved * center).sum(1, keepdim=True)
        gap = gaps[index]
        # (x - q)·(p - q) / |p - q| is the distance travelled towards p; the border is |p - q| / 2 away.
        room = (gap / 2 - margin).clamp(min=0) * gap
        ratio = torch.where((along > 0) & gap.isfinite(), room / along, torch.inf)
        return ratio.amin(1).clamp(max=1.0)


class PaletteQuantizer:
    """Every pixel becomes its nearest palette color (*map*, eq. 7).

    Args:
        palette: ``(K, 3)`` distinct colors in [0, 1], 1 <= K <= 4096.
    """

    def __init__(self, palette: Tensor) -> None:
        if palette.ndim != 2 or palette.shape[1] != 3 or not 1 <= len(palette) <= 4096:
            raise UsageError(f"expected a palette of shape (K, 3) with 1 to 4096 colors, got {tuple(palette.shape)}")
        self.palette = torch.unique(palette.to(torch.float32), dim=0)
        self._reach = axis_reach(self.palette)
        codes = (self.palette * 255).round()
        # Almost every palette is of 8-bit colors: then a table by color code replaces the search for the nearest.
        self._is_8_bit = bool(((self.palette * 255 - codes).abs() < 1e-3).all())
        self._tables: dict[torch.device, Tensor] = {}

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return f"a palette of {len(self.palette)} color{'s' if len(self.palette) != 1 else ''}"

    def quantize(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        check_picture(x)
        palette = self.palette.to(x)
        return _picture(palette[nearest_index(_pixels(x), palette)], x)

    def soft(self, x: Tensor, k: float) -> Tensor:
        """Softmax over the colors by squared distance times ``k`` (*map*, eq. 8), chunked over pixels."""
        check_picture(x)
        palette = self.palette.to(x)
        parts = []
        for chunk in torch.split(_pixels(x), max(1, CHUNK // len(palette))):
            squared = ((chunk[:, None] - palette) ** 2).sum(-1)
            parts.append(torch.softmax(-k * squared, dim=1) @ palette)
        return _picture(torch.cat(parts), x)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return x + (self.quantize(x) - x).detach()

    def cells(self, y: Tensor, dithered: bool = False) -> PaletteCells:
        """The Voronoi cell of each pixel; a color that is not in the palette (to 1/4 code) is held where it is."""
        check_picture(y, "y")
        palette = self.palette.to(y)
        index = self._stored_index(y)
        # One more row for the unknown color, index -1: no reach at all.
        reach = torch.cat([self._reach.flatten(1), torch.zeros(1, 6)]).to(y)
        count, _, height, width = y.shape
        planes = reach.index_select(0, index % len(reach)).view(count, height, width, 2, 3).permute(3, 0, 4, 1, 2)
        return PaletteCells(y, y - planes[0], y + planes[1], index, palette, 4.5 if dithered else 1.5, dithered)

    def _stored_index(self, y: Tensor) -> Tensor:
        """``(P,)`` index of each pixel's color, -1 where it is not in the palette."""
        if not self._is_8_bit:
            colors, palette = _pixels(y), self.palette.to(y)
            index = nearest_index(colors, palette)
            known = (colors - palette[index]).abs().amax(1) < 0.25 / 255
            return torch.where(known, index, -1)
        codes = (y.clamp(0, 1) * 255).round_().to(torch.int32)
        packed = (codes[:, 0] << 16) | (codes[:, 1] << 8) | codes[:, 2]
        return self._code_table(y.device).index_select(0, packed.flatten()).long()

    def _code_table(self, device: torch.device) -> Tensor:
        """Palette index by packed 24-bit color, int16, -1 elsewhere: 32 MiB, made once a device."""
        if device not in self._tables:
            codes = (self.palette * 255).round().long()
            table = torch.full((1 << 24,), -1, dtype=torch.int16)
            table[(codes[:, 0] << 16) | (codes[:, 1] << 8) | codes[:, 2]] = torch.arange(len(codes), dtype=torch.int16)
            self._tables[device] = table.to(device)
        return self._tables[device]
