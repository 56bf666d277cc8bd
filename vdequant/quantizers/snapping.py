"""Snapping: a lossy capture of drawn art back to the clean colors that were there before its codec, where that is sure.

codes at native size ──► nearest clean color in the codec's own space ──► sure: that color, exactly
                                                                     └──► else: as decoded, with a tolerance

Of pictures at native size whose color was stored at half the size, pixels beside a border of two colors are seldom
sure: those have the cells of such pictures, and a network that learned them says what color they had.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import lcm

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.frames import Layout, Matrix
from vdequant.quantizers.base import MARGIN, Cells, Quantizer, room_of
from vdequant.quantizers.folding import codes_to_rgb
from vdequant.quantizers.grid import Grid
from vdequant.quantizers.modes import METRIC
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.video import VideoCells, VideoQuantizer

REACH = 9.0  # codes, in the metric of the peaks, that a pixel may lie from its clean color
FAR_MARGIN = 0.5  # beyond that: of the distance to the second nearest color
UNSURE, UNKNOWN = -1, -2  # labels of codes
NEARLY_ALL = 0.97  # share of clean pixels from which a clip counts as what was there before its codec


@dataclass(frozen=True, eq=False)
class Snap:
    """Fixed for a clip, applied frame by frame; safe to share between threads.

    Attributes:
        colors: ``(K, 3)`` clean RGB in [0, 1].
        centers: ``(K, 3)`` the codes as which they are stored.
        margins: ``(K,)`` of the distance to the second nearest color: nearer than that, the color is sure.
        layout: of the codes (size and chroma are of no interest).
        matrix: under which codes that are not sure are decoded.
        far: codes up to which a pixel is sure where every other color is at least twice as far.
    """

    colors: Tensor
    centers: Tensor
    margins: Tensor
    layout: Layout
    matrix: Matrix
    far: float = REACH
    _tables: dict[torch.device, Tensor] = field(default_factory=dict, repr=False)

    def __call__(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Clean what is sure.

        Args:
            codes: ``(N, 3, h, w)`` in 8-bit units, see :func:`~vdequant.quantizers.folding.fold_codes`.

        Returns:
            RGB ``(N, 3, h, w)`` float32 in [0, 1], and which pixels are sure, ``(N, 1, h, w)``.
        """
        labels = self.labels(codes)
        sure = labels >= 0
        colors = self.colors.to(codes.device, torch.float32)
        rgb = colors.index_select(0, labels.clamp(min=0).flatten().int()).view(*labels.shape, 3)
        others = (~sure).flatten().nonzero().squeeze(1)
        if len(others):
            decoded = codes_to_rgb(codes.movedim(-3, -1).reshape(-1, 3)[others], self.layout, self.matrix)
            rgb.view(-1, 3)[others] = decoded.clamp_(0, 1)
        return rgb.movedim(-1, -3).contiguous(), sure[:, None]

    def native(
        self, codes: Tensor, planes: tuple[Tensor, ...], layout: Layout, grid: Grid | None
    ) -> tuple[Tensor, Tensor]:
        """Clean what is sure of pictures that are there as codes of native pixels, and as stored planes ``(N, h, w)``.

        Returns:
            As a call does.
        """
        del planes, layout, grid  # this needs each pixel's codes alone
        return self(codes)

    def labels(self, codes: Tensor) -> Tensor:
        """``(N, h, w)`` index of the sure color or UNSURE, by a table that fills with the codes that occur."""
        whole = codes.round().clamp_(0, 255).int()
        packed = (whole[..., 0, :, :] << 16) | (whole[..., 1, :, :] << 8) | whole[..., 2, :, :]
        if codes.device not in self._tables:
            self._tables[codes.device] = torch.full((1 << 24,), UNKNOWN, dtype=torch.int16, device=codes.device)
        table = self._tables[codes.device]
        labels = table.index_select(0, packed.flatten())
        new = labels == UNKNOWN
        if bool(new.any()):
            keys = torch.unique(packed.flatten()[new]).long()
            table[keys] = self._judge(torch.stack([keys >> 16, (keys >> 8) & 255, keys & 255], dim=1))
            labels = table.index_select(0, packed.flatten())
        return labels.view_as(packed)

    def _judge(self, codes: Tensor) -> Tensor:
        """Label of each of ``(U, 3)`` codes, int16."""
        metric = torch.tensor(METRIC, dtype=torch.float32, device=codes.device)
        distances = torch.cdist(codes.to(torch.float32) * metric, self.centers.to(metric) * metric)
        count = min(2, distances.shape[1])
        nearest, index = distances.topk(count, largest=False)
        margins = self.margins.to(metric)[index[:, 0]]
        margins = torch.where(nearest[:, 0] < REACH, margins, margins.clamp(max=FAR_MARGIN))
        sure = nearest[:, 0] < max(REACH, self.far)
        if count > 1:
            sure &= nearest[:, 0] < margins * nearest[:, 1]
        return torch.where(sure, index[:, 0], UNSURE).to(torch.int16)


@dataclass(frozen=True)
class MixedCells:
    """Cells of ``inner`` where the stored color is a clean one, those of the codec elsewhere.

    Attributes:
        inner, loose: cells of all pixels.
        clean: which of them hold, boolean ``(N, 1, H, W)``.
        lossy: see :class:`~vdequant.quantizers.base.Cells`.
        kept: clean colors are the artist's, and stay.
    """

    inner: Cells
    loose: Cells
    clean: Tensor
    lossy: bool = True
    kept: bool = False

    @property
    def stored(self) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return self.inner.stored

    @property
    def low(self) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return torch.where(self.clean, self.inner.low, self.loose.low)

    @property
    def high(self) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return torch.where(self.clean, self.inner.high, self.loose.high)

    @property
    def room(self) -> Tensor:
        """See :func:`~vdequant.quantizers.base.room_of`."""
        return torch.where(self.clean, room_of(self.inner), room_of(self.loose))

    @property
    def spread(self) -> float:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return self.inner.spread

    @property
    def dithered(self) -> bool:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return self.inner.dithered

    def contains(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        return torch.where(self.clean, self.inner.contains(x), self.loose.contains(x))

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Cells`."""
        x = torch.where(self.clean, self.stored if self.kept else self.inner.project(x, margin), x)
        loose = self.loose.project(x, margin)
        # Cells of squares leave clean pixels alone, but for squares that become the stored ones.
        return loose if isinstance(self.loose, VideoCells) else torch.where(self.clean, x, loose)


def halves_color(cells: Cells) -> bool:
    """Whether a codec stored color at half the size, and pixels are native ones: what networks for video codecs see."""
    return isinstance(cells.loose if isinstance(cells, MixedCells) else cells, VideoCells)


CODEC, SCALER = "a lossy codec", "a scaler"  # sources of SnappedQuantizer


class SnappedQuantizer:
    """What a snapped picture went through: ``inner`` where its colors are clean ones, a lossy codec elsewhere.

    Args:
        colors: ``(K, 3)`` clean 8-bit colors in [0, 1].
        inner: the quantizer of the clean colors: a lattice or their palette.
        tolerance: radius in [0, 1] units of the cells of all other colors.
        sure: share of the clip's pixels that are clean. When nearly all are, restorers are told of exact pictures, so
            that a capture is restored as the picture before its codec would be.
        source: what hides the clean colors.
        halved: the clean colors are the artist's, and stay; all others were stored at half the size, see
            :class:`~vdequant.quantizers.video.VideoQuantizer`.
    """

    def __init__(
        self,
        colors: Tensor,
        inner: Quantizer,
        tolerance: float,
        sure: float = 0.0,
        source: str = CODEC,
        *,
        halved: bool = False,
    ) -> None:
        self.inner, self.source, self.halved = inner, source, halved
        self.loose = VideoQuantizer(tolerance) if halved else ToleranceQuantizer(tolerance)
        self.lossy = sure < NEARLY_ALL
        self.tolerance = tolerance
        self._known = torch.zeros(1 << 24, dtype=torch.bool)
        codes = (colors * 255).round().long()
        self._known[(codes[:, 0] << 16) | (codes[:, 1] << 8) | codes[:, 2]] = True
        self._tables: dict[torch.device, Tensor] = {}

    @property
    def period(self) -> int:
        """That of the clean colors' quantizer, and of the codec's squares."""
        return lcm(self.inner.period, self.loose.period)

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return f"{self.inner.describe()} behind {self.source} (±{self.tolerance * 255:.1f}/255 where not snapped)"

    def quantize(self, x: Tensor) -> Tensor:
        """What was stored before the codec."""
        return self.inner.quantize(x)

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.inner.soft(x, k)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.inner.straight_through(x)

    def cells(self, y: Tensor) -> MixedCells:
        """The inner cell of each clean color, those of the codec around each other one."""
        clean, loose = self.clean(y), self.loose.cells(y)
        if isinstance(loose, VideoCells):
            loose = replace(loose, movable=~clean)
        return MixedCells(self.inner.cells(y), loose, clean, self.lossy, kept=self.halved)

    def clean(self, y: Tensor) -> Tensor:
        """Which pixels of stored pictures ``(N, 3, H, W)`` have a clean color: boolean ``(N, 1, H, W)``."""
        check_picture(y, "y")
        if y.device not in self._tables:
            self._tables[y.device] = self._known.to(y.device)
        scaled = y.clamp(0, 1) * 255
        whole = scaled.round()
        codes = whole.int()
        packed = ((codes[:, 0] << 16) | (codes[:, 1] << 8) | codes[:, 2]).flatten()
        known = self._tables[y.device].index_select(0, packed).view(len(y), 1, *y.shape[-2:])
        return known & ((scaled - whole).abs().amax(1, keepdim=True) < 0.01)
