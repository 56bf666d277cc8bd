"""Smoother than nearest neighbor: what may enlarge the restored native picture, for those who want no pixels to show.

restored native picture ─► xbr ×2, ×3, ×4, or a network ×N ─► repeated up to the output's size, as the grid says
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from vdequant.errors import UsageError
from vdequant.media.pixel_art import XBR_FACTORS, XbrFilter
from vdequant.quantizers.grid import Grid
from vdequant.restorers import is_weights_file
from vdequant.restorers.base import Scaler
from vdequant.restorers.community import load_network
from vdequant.settings import SCALERS

SHARES = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 7 / 8, 1.0)  # of a neighbor in the mixtures that xBR makes
NEIGHBORS = ((0, -1), (-1, 0), (0, 1), (1, 0))  # rows and columns to the pixels that it mixes in
EXPLAINED = 1.5  # codes by which a mixture may miss what the filter gave: it cuts where we round


class Xbr:
    """xBR decides on 8-bit samples which pixels to mix and how; here they are mixed at full precision.

    The filter's answer is compared with each pixel's possible mixtures: the pixel itself, or itself and one of its
    four neighbors. The best one is made again from the float picture. What is none of them (a corner that was mixed
    twice) keeps the filter's color, with what the pixel's own value has beyond 8 bits.

    Args:
        factor: 2, 3 or 4.
    """

    def __init__(self, factor: int) -> None:
        self.factor = factor
        self._filter = XbrFilter(factor)

    def describe(self) -> str:
        """See :class:`~vdequant.restorers.base.Scaler`."""
        return f"xbr ({self.factor} times)"

    def to(self, device: torch.device) -> Xbr:
        """See :class:`~vdequant.restorers.base.Scaler`; the filter itself works on the CPU."""
        return self

    def enlarge(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.restorers.base.Scaler`."""
        return torch.stack([self._one(picture) for picture in x.cpu()]).to(x.device)

    def _one(self, x: Tensor) -> Tensor:
        codes = (x * 255).round()
        answer = self._filter(codes.to(torch.uint8)).float()
        own = _repeated(codes, self.factor)
        result = _repeated(x, self.factor)
        rows, columns = (answer != own).any(0).nonzero(as_tuple=True)
        if len(rows):
            result[:, rows, columns] = self._mixed(x, codes, answer[:, rows, columns], rows, columns)
        return result.clamp_(0, 1)

    def _mixed(self, x: Tensor, codes: Tensor, answer: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """``(3, P)`` of the places that are not simply their own pixel."""
        height, width = x.shape[-2:]
        y, c = rows // self.factor, columns // self.factor
        own, own_codes = x[:, y, c], codes[:, y, c]
        result = answer / 255 + (own - own_codes / 255)
        best = torch.full((len(rows),), EXPLAINED)
        for down, right in NEIGHBORS:
            there = (y + down).clamp(0, height - 1), (c + right).clamp(0, width - 1)
            other, other_codes = x[:, there[0], there[1]], codes[:, there[0], there[1]]
            for share in SHARES:
                miss = (own_codes.lerp(other_codes, share) - answer).abs().amax(0)
                closer = miss < best
                best = torch.where(closer, miss, best)
                result = torch.where(closer, own.lerp(other, share), result)
        return result


class NetworkScaler:
    """A super-resolution network from a file, see :func:`~vdequant.restorers.community.load_network`; float32."""

    def __init__(self, path: Path) -> None:
        self._network = load_network(path, enlarges=True)
        self.factor = int(self._network.scale)
        self._name = path.stem

    def describe(self) -> str:
        """See :class:`~vdequant.restorers.base.Scaler`."""
        return f"{self._name} ({self.factor} times)"

    def to(self, device: torch.device) -> NetworkScaler:
        """See :class:`~vdequant.restorers.base.Scaler`."""
        self._network = self._network.to(device)
        return self

    def enlarge(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.restorers.base.Scaler`; one picture at a time, whole."""
        with torch.no_grad():
            return torch.cat([self._network(one).float() for one in torch.split(x, 1)]).clamp_(0, 1)


def _repeated(x: Tensor, factor: int) -> Tensor:
    return x.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def make_scaler(name: str, scale: int, grid: Grid | None, device: torch.device) -> Scaler | None:
    """The scaler of that name for results that show every native picture so much larger.

    Args:
        name: "nearest" (None is returned), "xbr", or a file of weights.
        scale: enlargement of the output over the source.
        grid: of the source, whose own enlargement counts as well.
        device: where a network runs.

    Raises:
        UsageError: the output is not large enough for it.
        ModelError: the file holds no network that enlarges.
    """
    if name == "nearest":
        return None
    total = scale * (1 if grid is None else min(grid.scale))
    scaler: Scaler
    if is_weights_file(name):
        scaler = NetworkScaler(Path(name))
    elif name not in SCALERS:
        raise UsageError(f"expected --scaler as one of {', '.join(SCALERS)}, or a file of weights, got {name!r}")
    else:
        dividing = [factor for factor in XBR_FACTORS if total % factor == 0]
        scaler = Xbr(max(dividing or [factor for factor in XBR_FACTORS if factor <= max(total, 2)]))
    if total < scaler.factor:
        raise UsageError(
            f"expected --scale {scaler.factor} or more with --scaler {name}, which enlarges {scaler.factor} times; "
            f"got {scale} for an input whose pixels are {float(total / scale):.4g} wide"
        )
    return scaler.to(device)
