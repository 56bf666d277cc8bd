"""Baseline JPEG without the file: what libjpeg computes between the samples and the coefficients, bit for bit.

Integers are carried in float64, which holds all of them exactly on any device. The arithmetic is that of libjpeg's
default ("islow") transforms with 13-bit constants, its rounding when chroma is halved, and its "fancy" (triangle)
chroma upsampling. Tables: ITU-T T.81 Annex K.1; color: JFIF 1.02, BT.601 in full range.

    codes ─► YCbCr ─► halved chroma ─► 8x8 blocks ─► DCT ─► round(c / step)   encode
    codes ◄─ YCbCr ◄─ fancy upsampling ◄─ blocks ◄─ inverse DCT ◄─ q * step   decode
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.errors import UsageError

Subsampling = Literal["444", "422", "420"]
LARGEST_STEP = 65535  # T.81 B.2.4.1: tables of 16 bits
HALVED: dict[str, tuple[int, int]] = {"444": (1, 1), "422": (2, 1), "420": (2, 2)}  # across, down

# T.81 tables K.1 and K.2, row by row.
LUMA_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
CHROMA_STEPS = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99), (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)  # fmt: skip

# One pass of the transform in units of 2**-13: the first four columns of each row; the others mirror them with the
# sign of the row's parity. Sums of libjpeg's rounded constants, hence not quite symmetric.
BASIS = (
    (8192, 8192, 8192, 8192), (11363, 9633, 6437, 2260), (10703, 4433, -4433, -10703), (9633, -2259, -11362, -6436),
    (8192, -8192, -8192, 8192), (6437, -11362, 2261, 9633), (4433, -10704, 10704, -4433), (2260, -6436, 9633, -11363),
)  # fmt: skip
RGB_TO_YCC = ((19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329))  # 2**-16
YCC_TO_RGB = (91881, -22554, -46802, 116130)  # 2**-16: Cr to R, Cb to G, Cr to G, Cb to B


# Quantization steps of luma and of chroma, each (8, 8) float64 on the CPU: whole numbers, row by row, not in zigzag.
Tables = tuple[Tensor, Tensor]


def tables_of(quality: int) -> Tables:
    """The tables of T.81 Annex K, scaled as libjpeg does to whole numbers 1..255.

    Raises:
        UsageError: for a quality outside 1..100.
    """
    if not 1 <= quality <= 100:
        raise UsageError(f"expected a JPEG quality between 1 and 100, got {quality}")
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (torch.tensor(table, dtype=torch.float64) for table in (LUMA_STEPS, CHROMA_STEPS))
    luma, chroma = (((table * percent + 50) / 100).floor().clamp(1, 255) for table in (luma, chroma))
    return luma, chroma


def quality_of(tables: Tables) -> int | None:
    """The quality that :func:`tables_of` makes these tables of, None when they are of another make."""
    for quality in range(1, 101):
        if all(torch.equal(own, given.cpu()) for own, given in zip(tables_of(quality), tables, strict=True)):
            return quality
    return None


def nearest_quality(luma: Tensor) -> int:
    """The quality whose luma steps have the sum that is nearest to that of ``luma`` ``(8, 8)``."""
    misses = [abs(float(tables_of(quality)[0].sum() - luma.sum())) for quality in range(1, 101)]
    return misses.index(min(misses)) + 1


def check_tables(tables: Tables) -> Tables:
    """The tables as float64.

    Raises:
        ValueError: unless they are two of 8x8 whole numbers 1..65535.
    """
    luma, chroma = (torch.as_tensor(table, dtype=torch.float64) for table in tables)
    for table in (luma, chroma):
        if table.shape != (8, 8) or bool(((table < 1) | (table > LARGEST_STEP) | (table != table.floor())).any()):
            raise ValueError(f"expected two tables of 8x8 whole numbers 1..{LARGEST_STEP}, got {tuple(table.shape)}")
    return luma, chroma


def steps(tables: Tables) -> tuple[Tensor, Tensor, Tensor]:
    """The steps of Y, Cb and Cr; the two chroma planes share theirs."""
    luma, chroma = tables
    return luma, chroma, chroma


@dataclass(frozen=True)
class Coefficients:
    """Quantized coefficients of a batch of pictures.

    Attributes:
        planes: of Y, Cb and Cr: ``(N, rows, columns, 8, 8)`` whole numbers in float64, padded to whole blocks of
            8x8 (4:4:4), 16x8 (4:2:2) or 16x16 (4:2:0) pixels.
        height, width: of the pictures.
    """

    planes: tuple[Tensor, Tensor, Tensor]
    height: int
    width: int


def to_blocks(plane: Tensor) -> Tensor:
    """``(N, H, W)`` with sides that are multiples of 8, as ``(N, H / 8, W / 8, 8, 8)``."""
    count, height, width = plane.shape
    return plane.reshape(count, height // 8, 8, width // 8, 8).permute(0, 1, 3, 2, 4)


def from_blocks(blocks: Tensor) -> Tensor:
    """The inverse of :func:`to_blocks`."""
    count, rows, columns, _, _ = blocks.shape
    return blocks.permute(0, 1, 3, 2, 4).reshape(count, rows * 8, columns * 8)


def padded(planes: Tensor, subsampling: Subsampling, halve: Callable[[Tensor, Subsampling], Tensor]) -> list[Tensor]:
    """Y, Cb and Cr of ``(N, 3, H, W)``, chroma through ``halve``, made whole 8x8 blocks by repeating the edges.

    Columns are repeated before chroma is halved, rows after it, as libjpeg does (jcprepct.c).
    """
    across, down = HALVED[subsampling]
    height, width = planes.shape[-2:]
    rows = -(-height // (8 * down)) * 8  # of chroma
    planes = functional.pad(planes, (0, -width % (8 * across), 0, -height % down), mode="replicate")
    luma, cb, cr = planes.unbind(1)
    missing = rows * down - luma.shape[-2]
    whole = [functional.pad(luma, (0, 0, 0, missing), mode="replicate")]
    for plane in (cb, cr):
        halved = halve(plane, subsampling)
        whole.append(functional.pad(halved, (0, 0, 0, rows - halved.shape[-2]), mode="replicate"))
    return whole


def _shifted(value: Tensor, bits: int) -> Tensor:
    """An arithmetic shift to the right, without rounding; adding to ``value`` before is up to the caller."""
    return (value / (1 << bits)).floor_()


def _basis(device: torch.device) -> Tensor:
    left = torch.tensor(BASIS, dtype=torch.float64, device=device)
    sign = torch.tensor([1.0, -1.0] * 4, dtype=torch.float64, device=device)[:, None]
    return torch.cat([left, left.flip(1) * sign], dim=1)


def _forward_dct(plane: Tensor) -> Tensor:
    """8 times the orthonormal DCT of the blocks of ``(N, H, W)``, rows first, in their places.

    Each pass rounds to whole numbers as jfdctint.c does.
    """
    basis = _basis(plane.device)
    rows = _shifted(plane.reshape(-1, 8) @ basis.T + (1 << 10), 11)
    return _shifted(basis @ rows.reshape(-1, 8, plane.shape[-1]) + (1 << 14), 15).reshape(plane.shape)


def _inverse_dct(plane: Tensor) -> Tensor:
    """Samples around 0 of coefficients that lie in their places, columns first, as jidctint.c does."""
    basis = _basis(plane.device)
    columns = _shifted(basis.T @ plane.reshape(-1, 8, plane.shape[-1]) + (1 << 10), 11)
    return _shifted(columns.reshape(-1, 8) @ basis + (1 << 17), 18).reshape(plane.shape)


def _halve(plane: Tensor, subsampling: Subsampling) -> Tensor:
    """Means of 2x1 or 2x2 samples; the rounding alternates between columns, as in jcsample.c."""
    across, down = HALVED[subsampling]
    if across == 1:
        return plane
    total = plane[:, :, 0::2] + plane[:, :, 1::2]
    odd = torch.arange(total.shape[-1], device=plane.device) % 2
    if down == 1:
        return _shifted(total + odd, 1)
    return _shifted(total[:, 0::2] + total[:, 1::2] + 1 + odd, 2)


def _neighbors(plane: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The samples before and after each along ``dim``; the edge repeats."""
    size = plane.shape[dim]
    before = torch.cat([plane.narrow(dim, 0, 1), plane.narrow(dim, 0, size - 1)], dim=dim)
    after = torch.cat([plane.narrow(dim, 1, size - 1), plane.narrow(dim, size - 1, 1)], dim=dim)
    return before, after


def _double(plane: Tensor, subsampling: Subsampling) -> Tensor:
    """Triangle-filter upsampling of jdsample.c: 3/4 of the nearer sample and 1/4 of the next."""
    across, down = HALVED[subsampling]
    if across == 1:
        return plane
    if plane.shape[-1] <= 2:  # jdsample.c repeats samples where there are too few to interpolate
        return plane.repeat_interleave(down, -2).repeat_interleave(2, -1)
    bits, first, second = 2, 1, 2
    if down == 2:
        above, below = _neighbors(plane, -2)
        plane = torch.stack([3 * plane + above, 3 * plane + below], dim=-2).flatten(-3, -2)
        bits, first, second = 4, 8, 7
    left, right = _neighbors(plane, -1)
    pair = [_shifted(3 * plane + left + first, bits), _shifted(3 * plane + right + second, bits)]
    return torch.stack(pair, dim=-1).flatten(-2)


def transform(codes: Tensor, subsampling: Subsampling) -> list[Tensor]:
    """What libjpeg's encoder has before it divides by the steps: 8 times the coefficients of Y, Cb and Cr.

    Args:
        codes: ``(N, 3, H, W)`` RGB, whole numbers 0..255 of any dtype.

    Returns:
        Three of ``(N, rows, columns, 8, 8)``, whole numbers in float64.
    """
    red, green, blue = codes.to(torch.float64).unbind(1)
    planes = []
    for i, (r, g, b) in enumerate(RGB_TO_YCC):
        offset = (1 << 15) if i == 0 else (128 << 16) + (1 << 15) - 1
        planes.append(_shifted(red * r + green * g + blue * b + offset, 16))
    whole = padded(torch.stack(planes, dim=1), subsampling, _halve)
    return [to_blocks(_forward_dct(plane - 128)) for plane in whole]


def encode(codes: Tensor, tables: Tables, subsampling: Subsampling) -> Coefficients:
    """Coefficients that libjpeg would write for ``codes``, see :func:`transform`."""
    quantized = []
    for coefficients, step in zip(transform(codes, subsampling), steps(tables), strict=True):
        divisor = step.to(codes.device) * 8
        magnitude = ((coefficients.abs() + (divisor / 2).floor()) / divisor).floor_()
        quantized.append(magnitude * coefficients.sign())
    return Coefficients((quantized[0], quantized[1], quantized[2]), codes.shape[-2], codes.shape[-1])


def decode(coefficients: Coefficients, tables: Tables, subsampling: Subsampling) -> Tensor:
    """RGB codes that libjpeg would show: ``(N, 3, H, W)`` float64, whole numbers 0..255."""
    height, width = coefficients.height, coefficients.width
    across, down = HALVED[subsampling]
    planes = []
    for i, (blocks, step) in enumerate(zip(coefficients.planes, steps(tables), strict=True)):
        plane = (_inverse_dct(from_blocks(blocks * step.to(blocks.device))) + 128).clamp_(0, 255)
        if i:  # only the samples that the picture has take part in the interpolation
            plane = _double(plane[:, : -(-height // down), : -(-width // across)], subsampling)
        planes.append(plane[:, :height, :width])
    luma, cb, cr = planes[0], planes[1] - 128, planes[2] - 128
    cr_red, cb_green, cr_green, cb_blue = YCC_TO_RGB
    half = 1 << 15
    red = luma + _shifted(cr * cr_red + half, 16)
    green = luma + _shifted(cb * cb_green + cr * cr_green + half, 16)
    blue = luma + _shifted(cb * cb_blue + half, 16)
    return torch.stack([red, green, blue], dim=1).clamp_(0, 255)
