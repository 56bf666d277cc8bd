"""Pix2Pix-FQ (Dodwadmath and Ceron Viveros): a conditional GAN makes the colors finer, luma stays the source's own.

stored y ─► disentangle ─┬─ colors c ──► generator ──► c'' ─┬─► entangle ─► x''            (Figure 2)
                         └─ luma l ─────────────────────────┘
"""

from __future__ import annotations

from math import lcm

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.models.pix2pix import Unet
from vdequant.models.pix2pix_weights import fresh_unet
from vdequant.quantizers.base import Cells
from vdequant.restorers.base import Needs
from vdequant.restorers.cellnet import CellnetMedium
from vdequant.restorers.code_middles import told_from_the_middle
from vdequant.restorers.disentangling import disentangle, entangle
from vdequant.restorers.pix2pix import moved, needs_of

CHROMA_SHARE = 0.1  # of the generator's colors in those of pix2pix-fq+, the others are cellnet's; see its docstring
FINE = 2.5 / 255  # cells of two codes and less: no color that the generator proposes is as sure as they are


WEIGHTS = "pix2pix-fq"


class Pix2PixFq:
    """As published: its colors, the source's luma. Bands in luma stay: see :class:`Pix2PixFqPlus`.

    The packaged generator was trained for minutes and adds a small correction to the source's colors. Projected, on 101
    held-out tiles with 10 to 50 % of the bits cut: 0.24 to 0.63 dB more than the stored picture, where the baseline
    changes nothing; the error in AB is 10 to 12 % smaller at 20 to 50 %, and 1 % at 10 %, where it is tiny.

    See :class:`~vdequant.restorers.base.Restorer` for the promises.

    Args:
        net: a generator of 2 channels; None: the packaged one.

    Raises:
        ModelError: there are no packaged weights.
    """

    weights: tuple[str, ...] = (WEIGHTS,)

    def __init__(self, net: Unet | None = None) -> None:
        self.net = fresh_unet(WEIGHTS) if net is None else net
        self.needs = needs_of(self.net)

    def to(self, device: torch.device, dtype: torch.dtype) -> Pix2PixFq:
        """Move the generator."""
        self.net = moved(self.net, device)
        return self

    def colors(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Luma of ``y`` ``(N, 3, H, W)`` and the colors that the generator proposes; see :func:`disentangle`."""
        luma, chroma = disentangle(y)
        with torch.no_grad():
            return luma, self.net(chroma)

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Make the colors of ``y`` ``(N, 3, H, W)`` float32 finer; the cells are not looked at."""
        check_picture(y, "y")
        return entangle(*self.colors(y))


class Pix2PixFqPlus:
    """Its colors and more than the paper has: luma proposed by cellnet-m, and everything inside the cells.

    The colors are mostly cellnet's too. On 6 held-out tiles and with a generator of an earlier training, each share of
    its colors cost PSNR: at 30 % of the bits cut cellnet's alone gained 5.3 dB over the stored picture, a tenth of the
    generator's 5.1, a half 3.9, all of them 1.8. So a tenth is mixed in, and none where cells hold two codes or fewer.
    What gains most is that cellnet is told the middle of each cell: with it, projected, on 101 held-out tiles, 2.4 dB
    (10 %), 4.1, 4.7, 5.8 and 6.2 dB (50 %) over the stored picture; cellnet-m 2.7, 3.9, 4.6, 5.5 and 6.0 dB.

    See :class:`~vdequant.restorers.base.Restorer` for the promises.

    Args:
        net: as for :class:`Pix2PixFq`.
    """

    weights = (WEIGHTS, *CellnetMedium.weights)

    def __init__(self, net: Unet | None = None) -> None:
        self.published, self.cellnet = Pix2PixFq(net), CellnetMedium()
        first, second = self.published.needs, self.cellnet.needs
        self.needs = Needs(
            multiple_of=lcm(first.multiple_of, second.multiple_of),
            halo=max(first.halo, second.halo),
            align=lcm(first.align, second.align),
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> Pix2PixFqPlus:
        """Move both networks."""
        self.published = self.published.to(device, dtype)
        self.cellnet.to(device, dtype)
        return self

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Propose the true picture for ``y`` ``(N, 3, H, W)`` float32; the same shape, in [0, 1]."""
        check_picture(y, "y")
        _, generated = self.published.colors(y)
        luma, chroma = disentangle(self.cellnet.restore(*told_from_the_middle(y, cells)))
        wide = ((cells.high - cells.low) > FINE).any(1, keepdim=True)
        return entangle(luma, chroma.lerp(generated, CHROMA_SHARE * wide.to(chroma)))
