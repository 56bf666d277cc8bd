"""Between RGB in [0, 1] and JPEG's coefficients, linear and differentiable: the codec without its roundings.

Coefficients are in units of 8-bit codes, orthonormal, of samples around 0, so that a quantization step of the file
is a step here. Chroma is halved by plain means; it is brought back by libjpeg's triangle filter, or by repetition
where the means must be met exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import cos, pi, sqrt

import torch
from torch import Tensor

from vdequant.quantizers.halving import Placement, doubling, halving
from vdequant.quantizers.jpeg_codec import HALVED, Subsampling, Tables, from_blocks, padded, steps, to_blocks

RGB_TO_YCC = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
YCC_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136286, -0.714136286), (1.0, 1.772, 0.0))
SHORTEST = 2  # rows of chroma up to this wide are repeated by libjpeg instead of interpolated


@lru_cache(maxsize=8)
def dct_basis(device: torch.device, dtype: torch.dtype) -> Tensor:
    """``(8, 8)``: row u holds the u-th cosine, orthonormal."""
    rows = [[sqrt((1 if u else 0.5) / 4) * cos((2 * i + 1) * u * pi / 16) for i in range(8)] for u in range(8)]
    with torch.inference_mode(False):  # kept for later callers, who may want gradients
        return torch.tensor(rows, dtype=dtype, device=device)


def to_coefficients(plane: Tensor) -> Tensor:
    """DCT of the blocks of ``(N, H, W)``: ``(N, rows, columns, 8, 8)``."""
    return to_blocks(both_ways(plane, dct_basis(plane.device, plane.dtype)))


def to_plane(coefficients: Tensor) -> Tensor:
    """The inverse of :func:`to_coefficients`."""
    return both_ways(from_blocks(coefficients), dct_basis(coefficients.device, coefficients.dtype).T)


def both_ways(plane: Tensor, matrix: Tensor) -> Tensor:
    """``matrix @ block @ matrix.T`` for the 8x8 blocks of ``(N, H, W)``, in place; quicker than block by block."""
    count, height, width = plane.shape
    down = matrix @ plane.reshape(-1, 8, width)
    return (down.reshape(-1, 8) @ matrix.T).reshape(count, height, width)


def _mixed(planes: Tensor, rows: Sequence[Sequence[float]]) -> Tensor:
    return torch.einsum("ij,njhw->nihw", torch.tensor(rows, dtype=planes.dtype, device=planes.device), planes)


def to_ycc(x: Tensor, offset: float = 128.0) -> Tensor:
    """RGB in [0, 1] to Y, Cb and Cr in codes around 0, ``(N, 3, H, W)``; without the ``offset`` for differences."""
    ycc = _mixed(x * 255, RGB_TO_YCC)
    return ycc - torch.tensor([offset, 0.0, 0.0], dtype=x.dtype, device=x.device)[:, None, None]


def to_rgb(ycc: Tensor) -> Tensor:
    """The inverse of :func:`to_ycc`, not clamped."""
    middle = torch.tensor([128.0, 0.0, 0.0], dtype=ycc.dtype, device=ycc.device)[:, None, None]
    return _mixed(ycc + middle, YCC_TO_RGB) / 255


def halve(plane: Tensor, subsampling: Subsampling) -> Tensor:
    """Means of 2x1 or 2x2 samples of a plane with even sides."""
    across, down = HALVED[subsampling]
    count, height, width = plane.shape
    return plane.reshape(count, height // down, down, width // across, across).mean(dim=(2, 4))


def analyze(x: Tensor, subsampling: Subsampling) -> list[Tensor]:
    """Coefficients of Y, Cb and Cr before quantization, as an encoder sees them."""
    return [to_coefficients(plane) for plane in padded(to_ycc(x), subsampling, halve)]


def corrections(coefficients: Sequence[Tensor], height: int, width: int, subsampling: Subsampling) -> Tensor:
    """The change of RGB ``(N, 3, height, width)`` that changes the coefficients by the given amounts.

    Chroma is repeated: the smallest change, and the only one here whose means are the wanted ones exactly.
    """
    across, down = HALVED[subsampling]
    luma, *chroma = (to_plane(part) for part in coefficients)
    wide = [plane.repeat_interleave(down, -2).repeat_interleave(across, -1)[:, :height, :width] for plane in chroma]
    return _mixed(torch.stack([luma[:, :height, :width], *wide], dim=1), YCC_TO_RGB) / 255


def _placement(width: int) -> Placement:
    return "repeated" if -(-width // 2) <= SHORTEST else "centered"


def double(plane: Tensor, height: int, width: int, subsampling: Subsampling) -> Tensor:
    """Chroma ``(N, h, w)`` as the decoder shows it, ``(N, height, width)``."""
    across, down = HALVED[subsampling]
    placement = _placement(width)
    if down == 2:
        plane = doubling(height, placement, plane.device, plane.dtype) @ plane
    return plane @ doubling(width, placement, plane.device, plane.dtype).T if across == 2 else plane


def undouble(plane: Tensor, subsampling: Subsampling) -> Tensor:
    """The halved chroma whose :func:`double` is nearest to the shown ``(N, H, W)``."""
    across, down = HALVED[subsampling]
    height, width = plane.shape[-2:]
    placement = _placement(width)
    if down == 2:
        plane = halving(height, placement, plane.device, plane.dtype) @ plane
    return plane @ halving(width, placement, plane.device, plane.dtype).T if across == 2 else plane


def synthesize(
    quantized: Sequence[Tensor], height: int, width: int, tables: Tables, subsampling: Subsampling
) -> Tensor:
    """Decode without rounding: RGB ``(N, 3, height, width)``, not cut to [0, 1], from coefficients in steps."""
    across, down = HALVED[subsampling]
    planes = []
    for i, (part, step) in enumerate(zip(quantized, steps(tables), strict=True)):
        plane = to_plane(part * step.to(part)).clamp(-128, 127)
        if i:
            plane = double(plane[:, : -(-height // down), : -(-width // across)], height, width, subsampling)
        planes.append(plane[:, :height, :width])
    return to_rgb(torch.stack(planes, dim=1))
