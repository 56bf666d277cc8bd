"""Integer planes to RGB and back, exactly, in float, on any device. No 8-bit RGB in between.

swscale is not used: it assumes BT.601 for untagged sizes, takes nearest-neighbour chroma on its fast path and
scales high-bit-depth RGB by powers of two, so that white becomes 1020 of 1023. The equations here are those of
ITU-T H.273 clause 8.3 (matrix coefficients) and clause 8.7 (chroma sample location).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from vdequant.bluenoise import blue_noise
from vdequant.frames import Layout, Matrix, Siting

# Kr and Kb of H.273 table 4; Kg = 1 - Kr - Kb.
LUMA_WEIGHTS: dict[Matrix, tuple[float, float]] = {
    Matrix.BT709: (0.2126, 0.0722),
    Matrix.FCC: (0.30, 0.11),
    Matrix.BT470BG: (0.299, 0.114),
    Matrix.SMPTE170M: (0.299, 0.114),
    Matrix.SMPTE240M: (0.212, 0.087),
    Matrix.BT2020_NCL: (0.2627, 0.0593),
}


@lru_cache(maxsize=32)
def yuv_to_rgb_matrix(matrix: Matrix, full_range: bool, bits: int) -> tuple[Tensor, Tensor]:
    """The 3x3 matrix and the offset with ``rgb = matrix @ (codes - offset)``; rgb in [0, 1], float64 on the CPU."""
    with torch.inference_mode(False):  # kept for later callers, who may want gradients
        return _yuv_to_rgb_matrix(*LUMA_WEIGHTS[matrix], full_range, bits)


def _yuv_to_rgb_matrix(kr: float, kb: float, full_range: bool, bits: int) -> tuple[Tensor, Tensor]:
    kg = 1 - kr - kb
    unit = 1 << (bits - 8)
    top = float((1 << bits) - 1)
    luma, chroma = (top, top) if full_range else (219.0 * unit, 224.0 * unit)
    offset = torch.tensor([0.0 if full_range else 16.0 * unit, 128.0 * unit, 128.0 * unit], dtype=torch.float64)
    to_rgb = torch.tensor(
        [
            [1, 0, 2 * (1 - kr)],
            [1, -2 * kb * (1 - kb) / kg, -2 * kr * (1 - kr) / kg],
            [1, 2 * (1 - kb), 0],
        ],
        dtype=torch.float64,
    )
    return to_rgb @ torch.diag(torch.tensor([1 / luma, 1 / chroma, 1 / chroma], dtype=torch.float64)), offset


@lru_cache(maxsize=32)
def _rgb_to_yuv(matrix: Matrix, full_range: bool, bits: int) -> tuple[list[list[float]], list[float]]:
    """Rows and offset of the way back: ``codes = rows @ rgb + offset``."""
    rows, offset = yuv_to_rgb_matrix(matrix, full_range, bits)
    return torch.linalg.inv(rows).tolist(), offset.tolist()


def default_matrix(height: int) -> Matrix:
    """What an untagged YUV picture most likely used: BT.601 up to 576 lines, else BT.709."""
    return Matrix.SMPTE170M if height <= 576 else Matrix.BT709


def _cosited(siting: Siting, axis: str) -> bool:
    """Whether chroma shares the position of the first luma sample along ``axis`` ("x" or "y")."""
    if siting is Siting.TOPLEFT:
        return True
    return axis == "x" and siting in (Siting.LEFT, Siting.UNSPECIFIED)


def _upsample_axis(plane: Tensor, size: int, shift: int, cosited: bool, dim: int) -> Tensor:
    """Linear interpolation along ``dim`` to ``size`` samples; edges repeat.

    co-sited:  luma  0   1   2   3        centred:  luma  0   1   2   3
               chroma C0      C1                    chroma  C0      C1
    """
    factor = 1 << shift
    place = torch.arange(size, device=plane.device, dtype=torch.float32)
    place = place / factor if cosited else (place + 0.5) / factor - 0.5
    place = place.clamp(0, plane.shape[dim] - 1)
    low = place.floor().long()
    high = (low + 1).clamp(max=plane.shape[dim] - 1)
    share = (place - low).reshape([-1] + [1] * (-dim - 1))
    return torch.lerp(plane.index_select(dim, low), plane.index_select(dim, high), share)


def upsample_chroma(plane: Tensor, layout: Layout) -> Tensor:
    across, down = layout.chroma
    if down:
        plane = _upsample_axis(plane, layout.height, down, _cosited(layout.siting, "y"), -2)
    if across:
        plane = _upsample_axis(plane, layout.width, across, _cosited(layout.siting, "x"), -1)
    return plane


def to_rgb(planes: tuple[Tensor, ...], layout: Layout) -> Tensor:
    """Convert stored planes to RGB.

    Args:
        planes: integer tensors of shape ``(..., h, w)`` as ``layout`` says.

    Returns:
        ``(..., 3, height, width)`` float32. YUV may leave [0, 1] a little (super-whites); it is clamped, because a
        restorer's domain is [0, 1].
    """
    floats = [plane.to(torch.float32) for plane in planes]
    if layout.model != "yuv":
        top = float((1 << layout.bits) - 1)
        if layout.model == "gray":
            luma = floats[0]
            if not layout.full_range:
                unit = 1 << (layout.bits - 8)
                luma, top = luma - 16 * unit, 219.0 * unit
            return (luma / top).clamp_(0, 1).unsqueeze(-3).expand(*luma.shape[:-2], 3, *luma.shape[-2:]).contiguous()
        return torch.stack(floats, dim=-3).div_(top)
    matrix, offset = yuv_to_rgb_matrix(layout.matrix, layout.full_range, layout.bits)
    y, cb, cr = floats[0], upsample_chroma(floats[1], layout), upsample_chroma(floats[2], layout)
    constant = -(matrix @ offset)
    rows = []
    for row, shift in zip(matrix.tolist(), constant.tolist(), strict=True):
        rows.append((y * row[0] + shift).add_(cb, alpha=row[1]).add_(cr, alpha=row[2]))
    return torch.stack(rows, dim=-3).clamp_(0, 1)


def region_to_rgb(planes: tuple[Tensor, ...], layout: Layout, box: tuple[int, int, int, int]) -> Tensor:
    """A part of what :func:`to_rgb` gives, the same values without the work of the rest.

    Args:
        box: left, top, right, bottom in luma samples; right and bottom are not part of it.

    Returns:
        ``(..., 3, bottom - top, right - left)``.
    """
    across, down = layout.chroma if layout.model == "yuv" else (0, 0)
    left, right = _with_chroma(box[0], box[2], across, layout.width)
    top, bottom = _with_chroma(box[1], box[3], down, layout.height)
    parts = []
    for index, plane in enumerate(planes):
        x, y = (across, down) if index else (0, 0)
        parts.append(plane[..., top >> y : -(-bottom >> y), left >> x : -(-right >> x)])
    rgb = to_rgb(tuple(parts), replace(layout, width=right - left, height=bottom - top))
    return rgb[..., box[1] - top : box[3] - top, box[0] - left : box[2] - left]


def _with_chroma(first: int, last: int, shift: int, size: int) -> tuple[int, int]:
    """Luma samples ``first`` to ``last`` and those of the chroma samples that are interpolated for them."""
    unit = 1 << shift
    margin = unit if shift else 0
    return max(0, (first - margin) // unit * unit), min(size, -(-(last + margin) // unit) * unit)


def _pad_to_multiple(plane: Tensor, dim: int, multiple: int) -> Tensor:
    missing = -plane.shape[dim] % multiple
    if not missing:
        return plane
    edge = plane.narrow(dim, plane.shape[dim] - 1, 1)
    return torch.cat([plane, *([edge] * missing)], dim=dim)


def _downsample_axis(plane: Tensor, shift: int, cosited: bool, dim: int) -> Tensor:
    """Halve ``shift`` times: mean of the pair when centred, (1, 2, 1) / 4 around the even sample when co-sited."""
    for _ in range(shift):
        plane = _pad_to_multiple(plane, dim, 2)
        even = plane.unfold(dim, 1, 2).squeeze(-1)
        odd = plane.narrow(dim, 1, plane.shape[dim] - 1).unfold(dim, 1, 2).squeeze(-1)
        if not cosited:
            plane = (even + odd).div_(2)
            continue
        before = torch.cat([even.narrow(dim, 0, 1), odd.narrow(dim, 0, odd.shape[dim] - 1)], dim=dim)
        plane = (before + odd).div_(4).add_(even, alpha=0.5)
    return plane


def _round_codes(codes: Tensor, top: int, dither: bool) -> Tensor:
    """Round to integer codes 0..top: to nearest, or against a blue-noise threshold that keeps local means.

    A value that is already an integer (to within 1/1000) is kept by both, so flat art of exact colors stays flat.
    """
    if dither:
        height, width = codes.shape[-2:]
        threshold = blue_noise(height, width, codes.device).clamp(0.002, 0.998)
        rounded = torch.floor(codes + threshold + 0.001)
    else:
        rounded = torch.round(codes)
    rounded.clamp_(0, top)
    if top <= 255:
        return rounded.to(torch.uint8)
    return rounded.to(torch.int16).view(torch.uint16) if top < 1 << 15 else rounded.to(torch.int32).to(torch.uint16)


def samples_of(rgb: Tensor, layout: Layout) -> tuple[Tensor, ...]:
    """RGB ``(..., 3, h, w)`` in [0, 1] of any size as samples of ``layout``, neither subsampled nor rounded.

    Returns:
        Planes ``(..., h, w)`` float32 in codes.
    """
    rgb = rgb.to(torch.float32)
    top = (1 << layout.bits) - 1
    red, green, blue = rgb.unbind(-3)
    if layout.model == "rgb":
        return red * top, green * top, blue * top
    if layout.model == "gray":
        kr, kb = LUMA_WEIGHTS[Matrix.BT709]
        return ((red * kr + green * (1 - kr - kb) + blue * kb) * top,)
    inverse, offset = _rgb_to_yuv(layout.matrix, layout.full_range, layout.bits)
    return tuple(
        (red * row[0] + shift).add_(green, alpha=row[1]).add_(blue, alpha=row[2])
        for row, shift in zip(inverse, offset, strict=True)
    )


def is_subsampled(layout: Layout, index: int) -> bool:
    """Whether plane ``index`` is smaller than the picture."""
    return layout.model == "yuv" and index > 0 and layout.chroma != (0, 0)


def stored_of(samples: Tensor, layout: Layout, index: int, dither: bool = False) -> Tensor:
    """Plane ``index`` of ``layout`` as it is stored, from samples ``(..., height, width)`` as :func:`samples_of` gives.

    Returns:
        Integer plane ``(..., h, w)``, uint8 or uint16, contiguous.
    """
    if is_subsampled(layout, index):
        samples = _downsample_axis(samples, layout.chroma[1], _cosited(layout.siting, "y"), -2)
        samples = _downsample_axis(samples, layout.chroma[0], _cosited(layout.siting, "x"), -1)
    return _round_codes(samples, (1 << layout.bits) - 1, dither).contiguous()


def from_rgb(rgb: Tensor, layout: Layout, dither: bool = False) -> tuple[Tensor, ...]:
    """Convert RGB to integer planes with a single rounding, the inverse of :func:`to_rgb`.

    Args:
        rgb: ``(..., 3, height, width)`` in [0, 1].
        layout: target; its size must be the picture's.
        dither: blue-noise dither instead of rounding to nearest, for 8-bit targets.

    Returns:
        Integer planes ``(..., h, w)``, uint8 or uint16, contiguous.
    """
    if rgb.shape[-3:] != (3, layout.height, layout.width):
        raise ValueError(f"expected (..., 3, {layout.height}, {layout.width}), got {tuple(rgb.shape)}")
    return tuple(stored_of(plane, layout, index, dither) for index, plane in enumerate(samples_of(rgb, layout)))


def luma_of(x: Tensor) -> Tensor:
    """Luma as in Pillow's mode "L" (ITU-R BT.601), ``(N, 1, H, W)`` of pictures ``(N, 3, H, W)``.

    Of colors ``(..., 3, 1, 1)``: ``(..., 1, 1)``, with the same number of dimensions.
    """
    of_red, of_blue = LUMA_WEIGHTS[Matrix.BT470BG]
    red, green, blue = x.unsqueeze(-3).unbind(-4)
    return red * of_red + green * (1 - of_red - of_blue) + blue * of_blue
