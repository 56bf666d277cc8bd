"""From stored planes to native pixels, in the space in which they were stored, for captures blurred by a codec.

A picture that was enlarged before 4:2:0 holds more than its decoded RGB shows: the median of a native pixel's inner
luma removes the codec's ringing, and at every whole enlargement from 2 on, and at every other from 3 on, at least one
chroma sample lies within one native pixel and never saw its neighbors.

    luma      |a a a|b b b|     3x: chroma samples cover two luma samples each; the first of a
    chroma    |aa |ab |bb |     and the last of b are clean, the middle one is a mixture
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.color import upsample_chroma, yuv_to_rgb_matrix
from vdequant.frames import Layout, Matrix
from vdequant.quantizers.borders import NARROWEST
from vdequant.quantizers.grid import Axis, Grid, part, run_starts

STRAY_CODES, STRAY_SHARE = 24.0, 0.05  # luma this far from its native pixel's, and the share of it that may be
BLOCK, BLOCK_SHARE = 16, 0.25  # and of a block of blended pixels; a codec's reaches 0.1
BORDER_CODES = 40  # of luma between the samples of a border: ringing beside the picture reaches half of it


def _middle_of_three(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(a, b), torch.minimum(torch.maximum(a, b), c))


@lru_cache(maxsize=8)
def _picks(axis: Axis, device: torch.device) -> tuple[Tensor, ...]:
    """Which samples decide on every run: the middle three of odd runs, the middle two of even ones.

    The outer samples of a native pixel are those in which a codec mixes in its neighbors. A run of 1 is its own middle.
    """
    starts, widths = run_starts(axis, device)
    if axis.even == 1:
        return (starts,)
    first = starts + (widths - 2 - widths % 2).clamp(min=0) // 2
    picks = first, first + (widths > 1).long()
    return picks if axis.even and axis.even % 2 == 0 else (*picks, first + 2 * (widths > 2).long())


def _decided(picked: list[Tensor], axis: Axis, dim: int) -> Tensor:
    """One value for every run along ``dim``, of its picks: the mean of two, or the median of three."""
    if len(picked) == 1:
        return picked[0]
    a, b, *rest = picked
    if not rest:
        return (a + b) / 2
    three = _middle_of_three(a, b, rest[0])
    if axis.even:
        return three
    _, widths = run_starts(axis, a.device)
    return torch.where((widths % 2 == 0).view([-1] + [1] * (-dim - 1)), (a + b) / 2, three)


def _gathering(plane: Tensor) -> Tensor:
    """``plane`` in a type that its device can gather: not every one does so with samples of 16 bits."""
    return plane if plane.device.type == "cpu" else plane.to(torch.float32)


def _middle(plane: Tensor, grid: Grid | None, unit: float = 1.0) -> Tensor:
    """A robust value of every native pixel of ``(..., H, W)``, float32, divided by ``unit``."""
    if grid is None:
        return plane.to(torch.float32) / unit
    plane, columns, lines = _gathering(plane), _picks(grid.columns, plane.device), []
    for row in _picks(grid.rows, plane.device):  # rows first: the fewer samples are left to be gathered singly
        line = plane.index_select(-2, row)
        picked = [line.index_select(-1, column).to(torch.float32) / unit for column in columns]
        lines.append(_decided(picked, grid.columns, -1))
    return _decided(lines, grid.rows, -2)


def _clean(axis: Axis, shift: int, samples: int, device: torch.device) -> Tensor:
    """For each run, which of the chroma ``samples`` lies within it (or begins in it, when none does)."""
    starts, widths = run_starts(axis, device)
    unit = 1 << shift
    within = torch.where(widths >= unit, (starts + unit - 1) // unit, starts // unit)
    return within.clamp_(max=samples - 1)


def fold_codes(planes: tuple[Tensor, ...], layout: Layout, grid: Grid | None) -> Tensor:
    """One code triple a native pixel.

    Args:
        planes: ``(..., H, W)`` as ``layout`` says.
        grid: of native pixels, None where every stored pixel is one.

    Returns:
        ``(..., 3, h, w)`` float32 in units of 8-bit codes: Y, Cb, Cr of a YUV layout, else R, G, B.
    """
    unit = float(1 << (layout.bits - 8)) if layout.model == "yuv" else ((1 << layout.bits) - 1) / 255
    if grid is not None and grid.blended:
        return _unblended(planes, layout, grid, unit)
    if layout.model != "yuv":
        found = [_middle(plane, grid, unit) for plane in planes]
        return torch.stack(found * 3 if layout.model == "gray" else found, dim=-3)
    luma = _middle(planes[0], grid, unit)
    if grid is None or not grid.enlarged or layout.chroma == (0, 0):
        floats = [plane.to(torch.float32) / unit for plane in planes[1:]]
        chroma = [_middle(upsample_chroma(plane, layout), grid) for plane in floats]
        return torch.stack([luma, *chroma], dim=-3)
    rows = _clean(grid.rows, layout.chroma[1], planes[1].shape[-2], luma.device)
    columns = _clean(grid.columns, layout.chroma[0], planes[1].shape[-1], luma.device)
    clean = [_gathering(plane).index_select(-2, rows).index_select(-1, columns) for plane in planes[1:]]
    chroma = [plane.to(torch.float32) / unit for plane in clean]
    return torch.stack([luma, *chroma], dim=-3)


def _unblended(planes: tuple[Tensor, ...], layout: Layout, grid: Grid, unit: float) -> Tensor:
    """:func:`fold_codes` of pixels that a scaler has blended; whatever a kernel overshoots is no code."""
    shifts = [(0, 0), layout.chroma, layout.chroma] if layout.model == "yuv" else [(0, 0)] * 3
    found = [grid.unblend(plane.to(torch.float32) / unit, own) for plane, own in zip(planes, shifts, strict=False)]
    return torch.stack(found * 3 if layout.model == "gray" else found, dim=-3).clamp_(0, 255)


def codes_to_rgb(codes: Tensor, layout: Layout, matrix: Matrix | None = None) -> Tensor:
    """RGB, white 1, not clamped, of codes ``(..., 3)`` in 8-bit units; ``matrix`` overrides the layout's."""
    if layout.model != "yuv":
        return codes / 255
    forward, offset = yuv_to_rgb_matrix(matrix or layout.matrix, layout.full_range, 8)
    return (codes - offset.to(codes)) @ forward.to(codes).T


def rgb_to_codes(rgb: Tensor, layout: Layout, matrix: Matrix | None = None) -> Tensor:
    """The inverse of :func:`codes_to_rgb`, not rounded."""
    if layout.model != "yuv":
        return rgb * 255
    forward, offset = yuv_to_rgb_matrix(matrix or layout.matrix, layout.full_range, 8)
    codes: Tensor = rgb @ torch.linalg.inv(forward).to(rgb).T + offset.to(rgb)
    return codes


def lies_on_grid(luma: Tensor, folded: Tensor, layout: Layout, grid: Grid) -> bool:
    """Whether pictures behind a codec are made of native pixels, but for ringing, within borders of one color.

    An overlay in full resolution, a cut to a menu, or subtitles in a bar are not.

    Args:
        luma: ``(..., H, W)`` stored luma, or green.
        folded: ``(..., h, w)`` the same of the native pixels, in 8-bit codes.
    """
    unit = 1 << (layout.bits - 8)
    for box in grid.strips():
        if min(box[2] - box[0], box[3] - box[1]) < NARROWEST:
            continue  # no subtitle fits into a side's padding, which ringing fills
        values = part(luma, box).to(torch.int32)
        if int((values.amax((-2, -1)) - values.amin((-2, -1))).max()) > BORDER_CODES * unit:
            return False
    if not grid.enlarged:
        return True
    whole = torch.int16 if layout.bits < 15 else torch.int32  # narrow, and so quickly compared
    codes = folded * unit
    wanted = (grid.widen(codes).round() if grid.blended else grid.widen(codes.round())).to(whole)
    strays = (grid.crop(luma).to(whole) - wanted).abs_() > STRAY_CODES * unit
    if grid.blended:  # a subtitle over film is small, and would be lost
        planes = strays.reshape(-1, 1, *strays.shape[-2:]).to(torch.float32)
        return float(functional.avg_pool2d(planes, BLOCK, ceil_mode=True).max()) < BLOCK_SHARE
    return int(torch.count_nonzero(strays)) < STRAY_SHARE * wanted.numel()
