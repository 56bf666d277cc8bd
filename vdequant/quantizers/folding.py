"""From stored planes to native pixels, in the space in which they were stored, for captures blurred by a codec.

A picture that was enlarged by whole numbers before 4:2:0 holds more than its decoded RGB shows: the median of a
native pixel's inner luma removes the codec's ringing, and at every enlargement from 2 on at least one chroma sample
lies within one native pixel and never saw its neighbors.

    luma      |a a a|b b b|     3x: chroma samples cover two luma samples each; the first of a
    chroma    |aa |ab |bb |     and the last of b are clean, the middle one is a mixture
"""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.color import upsample_chroma, yuv_to_rgb_matrix
from vdequant.frames import Layout, Matrix

STRAY_CODES, STRAY_SHARE = 24.0, 0.05  # luma this far from its native pixel's, and the share of it that may be


def _middle_of_three(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(a, b), torch.minimum(torch.maximum(a, b), c))


def _middles(plane: Tensor, step: int, dim: int) -> Tensor:
    """One value for every ``step`` samples along ``dim``: median of the middle three, or mean of the middle two.

    The outer samples of a native pixel are those in which a codec mixes in its neighbors.
    """
    if step == 1:
        return plane
    count = plane.shape[dim] // step
    first = (step - 3) // 2 if step % 2 else (step - 2) // 2
    indices = torch.arange(count, device=plane.device) * step + first
    a, b = plane.index_select(dim, indices), plane.index_select(dim, indices + 1)
    if step % 2 == 0:
        return (a + b) / 2
    return _middle_of_three(a, b, plane.index_select(dim, indices + 2))


def _middle(plane: Tensor, across: int, down: int) -> Tensor:
    """A robust value of every ``down x across`` block of ``(..., H, W)``."""
    return _middles(_middles(plane, across, -1), down, -2)


def _clean(count: int, step: int, shift: int, device: torch.device) -> Tensor:
    """For each of ``count`` native pixels, the chroma sample that lies within it (or begins in it, when none does)."""
    first = torch.arange(count, device=device) * step
    unit = 1 << shift
    return (first + unit - 1) // unit if step >= unit else first // unit


def fold_codes(planes: tuple[Tensor, ...], layout: Layout, native: tuple[int, int]) -> Tensor:
    """One code triple a native pixel.

    Args:
        planes: ``(..., h, w)`` as ``layout`` says.
        native: horizontal and vertical size of a native pixel in stored pixels.

    Returns:
        ``(..., 3, H / down, W / across)`` float32 in units of 8-bit codes: Y, Cb, Cr of a YUV layout, else R, G, B.
    """
    across, down = native
    unit = float(1 << (layout.bits - 8)) if layout.model == "yuv" else ((1 << layout.bits) - 1) / 255
    floats = [plane.to(torch.float32) / unit for plane in planes]
    if layout.model == "gray":
        floats = floats * 3
    if layout.model != "yuv":
        return torch.stack([_middle(plane, across, down) for plane in floats], dim=-3)
    luma = _middle(floats[0], across, down)
    if native == (1, 1) or layout.chroma == (0, 0):
        chroma = [_middle(upsample_chroma(plane, layout), across, down) for plane in floats[1:]]
        return torch.stack([luma, *chroma], dim=-3)
    rows = _clean(luma.shape[-2], down, layout.chroma[1], luma.device).clamp_(max=floats[1].shape[-2] - 1)
    columns = _clean(luma.shape[-1], across, layout.chroma[0], luma.device).clamp_(max=floats[1].shape[-1] - 1)
    chroma = [plane.index_select(-2, rows).index_select(-1, columns) for plane in floats[1:]]
    return torch.stack([luma, *chroma], dim=-3)


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


def lies_on_grid(luma: Tensor, folded: Tensor, layout: Layout, native: tuple[int, int]) -> bool:
    """Whether pictures behind a codec are made of whole native pixels, but for ringing.

    An overlay in full resolution, or a cut to a menu, is not.

    Args:
        luma: ``(..., H, W)`` stored luma, or green.
        folded: ``(..., H / down, W / across)`` the same of the native pixels, in 8-bit codes.
    """
    across, down = native
    middle = folded.repeat_interleave(down, -2).repeat_interleave(across, -1)
    values = luma[..., : middle.shape[-2], : middle.shape[-1]].to(torch.float32) / (1 << (layout.bits - 8))
    return float(((values - middle).abs() > STRAY_CODES).float().mean()) < STRAY_SHARE
