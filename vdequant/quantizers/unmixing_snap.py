"""Snapping pictures whose color was stored at half the size: each pixel to its clean color, as far as that is sure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.frames import Layout, Matrix
from vdequant.quantizers.folding import codes_to_rgb
from vdequant.quantizers.grid import Grid
from vdequant.quantizers.guided_color import guided_color
from vdequant.quantizers.unmixing import Mixing, Unmixer

SURE = 4.0  # energy by which the second best color of a sure pixel is worse
MISSED, SLACK = 3.0, (1.5, 2.0)  # noises, and codes of luma and color, that a sure pixel may leave unexplained
ROUNDS = 8  # of conjugate gradients, for the color of the others
LED = 2.0  # noises of luma within one color


def halves(planes: tuple[Tensor, ...], layout: Layout) -> tuple[Tensor, Tensor]:
    """Luma ``(H, W)``, its sides made even, and color ``(2, H / 2, W / 2)`` of a 4:2:0 picture, in 8-bit codes."""
    unit = float(1 << (layout.bits - 8))
    luma, *chroma = (plane.to("cpu", torch.float32) / unit for plane in planes[:3])
    height, width = luma.shape
    wide = functional.pad(luma[None, None], (0, width % 2, 0, height % 2), mode="replicate")
    return wide[0, 0], torch.stack(chroma)


@dataclass(frozen=True, eq=False)
class UnmixingSnap:
    """Fixed for a clip, applied frame by frame; safe to share between threads.

    Attributes:
        colors: ``(K, 3)`` clean RGB in [0, 1].
        mixing: how those are stored, and what the codec adds.
        matrix: under which pixels that are not sure are decoded.
    """

    colors: Tensor
    mixing: Mixing
    matrix: Matrix

    @cached_property
    def _unmixer(self) -> Unmixer:
        return Unmixer(self.mixing)

    def native(
        self, codes: Tensor, planes: tuple[Tensor, ...], layout: Layout, grid: Grid | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`~vdequant.quantizers.snapping.Snap`; ``codes`` are mixed, and not asked."""
        found = [self.of_planes(tuple(plane[at] for plane in planes), layout) for at in range(len(planes[0]))]
        rgb = torch.stack([picture for picture, _ in found])
        sure = torch.stack([where for _, where in found])[:, None]
        if grid is not None:
            rgb, sure = grid.crop(rgb), grid.crop(sure)
        return rgb.to(codes.device).contiguous(), sure.to(codes.device)

    def of_planes(self, planes: tuple[Tensor, ...], layout: Layout) -> tuple[Tensor, Tensor]:
        """RGB ``(3, H, W)`` of one 4:2:0 picture, and which pixels are sure, ``(H, W)``."""
        labels, sure, luma, stored = self.labels(planes, layout)
        mixing = self.mixing
        color = mixing.codes[:, 1:][labels].movedim(-1, 0)
        if not bool(sure.all()):
            color = guided_color(luma, stored, mixing.taps, LED * mixing.luma_noise, (color, sure), ROUNDS)
        decoded = codes_to_rgb(torch.cat([luma[None], color]).movedim(0, -1), layout, self.matrix).clamp_(0, 1)
        rgb = torch.where(sure[..., None], self.colors[labels], decoded).movedim(-1, 0)
        height, width = planes[0].shape
        return rgb[:, :height, :width], sure[:height, :width]

    def settled(self, mean: Tensor, where: Tensor) -> Tensor:
        """Means over time, each as the clean color that it is nearest to: the one that most frames had.

        Args:
            mean: RGB ``(N, 3, H, W)`` in [0, 1] of pictures of these colors.
            where: ``(N, H, W)`` which pixels; others are left as they are.
        """
        found = mean.movedim(1, -1).clone()
        colors = self.colors.to(mean)
        found[where] = colors[torch.cdist(found[where], colors).argmin(1)]
        return found.movedim(-1, 1).contiguous()

    def labels(self, planes: tuple[Tensor, ...], layout: Layout) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Colors and which are sure, ``(H, W)`` of even sides, and the picture: see :func:`halves`."""
        luma, stored = halves(planes, layout)
        labels, gaps = self._unmixer(luma, stored)
        off_luma, off_color = self._unmixer.missed(labels, luma, stored)
        near = off_luma.abs() <= MISSED * self.mixing.luma_noise + SLACK[0]
        known = off_color.abs().amax(0) <= MISSED * self.mixing.color_noise + SLACK[1]
        near &= known.repeat_interleave(2, 0).repeat_interleave(2, 1)
        return labels, near & (gaps > SURE), luma, stored
