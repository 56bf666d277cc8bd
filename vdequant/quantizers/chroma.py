"""4:2:0 and 4:2:2: brightness of every pixel is kept, color only at half the size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from vdequant.checks import check_choice, check_picture
from vdequant.color import yuv_to_rgb_matrix
from vdequant.errors import UsageError
from vdequant.frames import Matrix
from vdequant.quantizers.base import MARGIN, soft_round
from vdequant.quantizers.halving import Placement, doubling, halving

Kind = Literal["420", "422"]
ChromaSiting = Literal["left", "center", "topleft"]
MatrixName = Literal["bt601", "bt709", "bt2020"]
MATRICES = {"bt601": Matrix.SMPTE170M, "bt709": Matrix.BT709, "bt2020": Matrix.BT2020_NCL}
# Across and down; H.273 clause 8.7. 4:2:2 has no placement down.
PLACEMENTS: dict[str, tuple[Placement, Placement]] = {
    "left": ("cosited", "centered"),
    "center": ("centered", "centered"),
    "topleft": ("cosited", "cosited"),
}
TOLERANCE = 1.0  # 8-bit codes of Y, Cb and Cr: what rounding the RGB samples to 8 bits can do
CLOSE = 0.25  # share of the tolerance within which project leaves a sample alone
ROUNDS = 40  # of project; pictures in the open range of colors need one
SPREAD = 4.0  # brightness is known, so one sample alone can hardly move; three together can


@dataclass(frozen=True)
class Halved:
    """The linear part of the quantizer: Y, Cb, Cr in 8-bit codes of limited range, chroma at half the size."""

    down: bool
    placement: tuple[Placement, Placement]
    matrix: Matrix

    def _conversion(self, x: Tensor) -> tuple[Tensor, Tensor]:
        matrix, offset = yuv_to_rgb_matrix(self.matrix, False, 8)
        return matrix, offset.to(x)[:, None, None]

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """RGB in [0, 1] to Y ``(N, 1, H, W)`` and halved chroma ``(N, 2, h, w)``."""
        matrix, offset = self._conversion(x)
        codes = torch.einsum("ij,njhw->nihw", torch.linalg.inv(matrix).to(x), x) + offset
        height, width = x.shape[-2:]
        chroma = codes[:, 1:] @ halving(width, self.placement[0], x.device, x.dtype).T
        if self.down:
            chroma = halving(height, self.placement[1], x.device, x.dtype) @ chroma
        return codes[:, :1], chroma

    def join(self, luma: Tensor, chroma: Tensor, *, difference: bool = False) -> Tensor:
        """RGB ``(N, 3, H, W)``, not cut to [0, 1]; of ``difference``s of codes, the difference in RGB."""
        height, width = luma.shape[-2:]
        if self.down:
            chroma = doubling(height, self.placement[1], luma.device, luma.dtype) @ chroma
        chroma = chroma @ doubling(width, self.placement[0], luma.device, luma.dtype).T
        matrix, offset = self._conversion(luma)
        codes = torch.cat([luma, chroma], dim=1)
        return torch.einsum("ij,njhw->nihw", matrix.to(luma), codes if difference else codes - offset)

    def effect(self, like: Tensor) -> Tensor:
        """``(3, 1, 1)``: by how many codes one sample of R, G or B, raised by 1, moves Y, Cb or Cr at the most."""
        matrix, _ = yuv_to_rgb_matrix(self.matrix, False, 8)
        weights = torch.linalg.inv(matrix).abs()
        height, width = like.shape[-2:]
        share = halving(width, self.placement[0], matrix.device, matrix.dtype).abs().amax()
        if self.down:
            share = share * halving(height, self.placement[1], matrix.device, matrix.dtype).abs().amax()
        return torch.maximum(weights[0], weights[1:].amax(0) * share).to(like)[:, None, None]

    def spread_chroma(self, found: Tensor, like: Tensor) -> Tensor:
        """Per chroma sample ``(N, 1, h, w)`` to the pixels that it covers, ``(N, 1, H, W)``."""
        wide = found.repeat_interleave(2, -1)
        wide = wide.repeat_interleave(2, -2) if self.down else wide
        return wide[..., : like.shape[-2], : like.shape[-1]]


@dataclass(frozen=True)
class ChromaCells:
    """Pictures with the same brightness at every pixel and the same halved chroma, each to within ``tolerance`` codes.

    Attributes:
        low, high: how far one sample alone may move, which is little: brightness holds it.
        tolerance: of Y, Cb and Cr, in 8-bit codes.
    """

    stored: Tensor
    low: Tensor
    high: Tensor
    linear: Halved
    tolerance: float
    spread: float = SPREAD
    dithered: bool = False
    lossy: bool = False

    def _off(self, x: Tensor) -> tuple[Tensor, Tensor]:
        luma, chroma = self.linear.split(x)
        stored_luma, stored_chroma = self.linear.split(self.stored)
        return stored_luma - luma, stored_chroma - chroma

    def contains(self, x: Tensor) -> Tensor:
        """Whether brightness, and the chroma sample that covers the pixel, are kept; three samples share it."""
        luma, chroma = self._off(x)
        good = (chroma.abs() <= self.tolerance).all(1, keepdim=True)
        inside = (luma.abs() <= self.tolerance) & self.linear.spread_chroma(good, x)
        return (inside & ((x >= 0) & (x <= 1)).all(1, keepdim=True)).expand_as(x)

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """Add what is missing in brightness and in halved chroma, then cut to [0, 1], until both hold.

        Nearest in Y, Cb and Cr where nothing is cut. What is off by less than a quarter of the
        tolerance is left alone, so a second call changes nothing, except near saturated colors that have not come
        to rest after ``ROUNDS`` (by up to 6 codes). ``margin`` has no meaning here: the result lies in the middle.
        """
        close = self.tolerance * CLOSE
        for _ in range(ROUNDS):
            luma, chroma = (torch.where(off.abs() > close, off, 0) for off in self._off(x))
            if not bool(luma.any()) and not bool(chroma.any()):
                break
            x = (x + self.linear.join(luma, chroma, difference=True)).clamp_(0, 1)
        return x


class ChromaQuantizer:
    """Chroma at half the width (4:2:2) or half of both (4:2:0), shown by linear interpolation as ``color.to_rgb`` does.

    Halving is the least-squares inverse of that interpolation (see ``halving``), and therefore a second pass changes
    nothing, as long as no color had to be cut to [0, 1]. An encoder that takes means instead differs from it a little
    in fine colored detail.

    Args:
        kind: "420" or "422".
        siting: where chroma samples sit; 4:2:2 only knows the difference across.
        matrix: of Y, Cb and Cr.
        bits: depth of the stored codes, 8 to 16, in limited range; None for no rounding at all.

    Raises:
        UsageError: for other values.
    """

    def __init__(
        self, kind: Kind, siting: ChromaSiting = "left", matrix: MatrixName = "bt601", *, bits: int | None = None
    ) -> None:
        check_choice(kind, get_args(Kind), "chroma subsampling")
        check_choice(siting, get_args(ChromaSiting), "chroma siting")
        check_choice(matrix, get_args(MatrixName), "matrix")
        if bits is not None and not 8 <= bits <= 16:
            raise UsageError(f"expected a depth of 8 to 16 bits or None, got {bits}")
        self.linear = Halved(kind == "420", PLACEMENTS[siting], MATRICES[matrix])
        self.unit = None if bits is None else 2.0 ** (bits - 8)  # steps in an 8-bit code
        self.tolerance = TOLERANCE + (0 if self.unit is None else 0.5 / self.unit)
        self._text = f"chroma {kind[0]}:{kind[1]}:{kind[2]} sited {siting}, {matrix}" + (
            f", {bits} bits" if bits else ""
        )

    @property
    def period(self) -> int:
        """Pixels to a chroma sample: tiles of a picture have to begin at multiples of it."""
        return 2

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self._text

    def quantize(self, x: Tensor) -> Tensor:
        """Halve and double the chroma; differentiable where no ``bits`` are given."""
        check_picture(x)
        luma, chroma = self.linear.split(x)
        if self.unit is not None:
            luma, chroma = ((part * self.unit).round() / self.unit for part in (luma, chroma))
        return self.linear.join(luma, chroma).clamp(0, 1)

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """:meth:`quantize` itself, which is linear; with ``bits``, its roundings are soft (``base.soft_round``)."""
        if self.unit is None:
            return self.quantize(x)
        check_picture(x)
        luma, chroma = (soft_round(part * self.unit, k) / self.unit for part in self.linear.split(x))
        return self.linear.join(luma, chroma).clamp(0, 1)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.quantize(x).detach() + (x - x.detach())

    def cells(self, y: Tensor) -> ChromaCells:
        """All pictures with the brightness and the halved chroma of ``y``."""
        check_picture(y, "y")
        reach = self.tolerance / self.linear.effect(y)
        return ChromaCells(y, (y - reach).clamp_(0, 1), (y + reach).clamp_(0, 1), self.linear, self.tolerance)
