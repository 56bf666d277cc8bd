"""The seven planes that tell a diffusion model what is wanted: colors, how fine they are, and texture.

    1-3  colors       the quantized picture, or what the user asks for
    4    fineness     N / 256 for a palette of N colors; 1 where the picture is true, 1 / 256 in a repainted patch
    5-6  texture      of the source: its luma (L), the slopes of its luma (G), where these are steep (T)
    7    known        1 where there is texture, else 0

They are those of Vavilala, Shaik and Forsyth, *Dequantization and Color Transfer with Diffusion Models*, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.color import luma_of

PLANES = 7
COLORS, FINENESS, TEXTURE, KNOWN = slice(0, 3), slice(3, 4), slice(4, 6), slice(6, 7)
STEEP = 8.001 / 255  # luma steps above this are texture to T; a little more than 8, against rounding
FINEST = 256  # colors: what counts as true
TEXTURES = ("L", "G", "T")  # the texture that an encoder was trained with


def _slopes(luma: Tensor) -> Tensor:
    """To the next pixel on the right and below, ``(N, 2, H, W)``; 0 at the last ones."""
    across = functional.pad(luma[..., :, 1:] - luma[..., :, :-1], (0, 1))
    down = functional.pad(luma[..., 1:, :] - luma[..., :-1, :], (0, 0, 0, 1))
    return torch.cat([across, down], dim=1)


def texture_of(picture: Tensor, kind: str) -> Tensor:
    """The two texture planes of a picture.

    Args:
        picture: ``(N, 3, H, W)`` in [0, 1].
        kind: of TEXTURES: "L", luma and zeros; "G", its slopes across and down; "T", 1 where these exceed 8 of 255.

    Returns:
        ``(N, 2, H, W)``, within [-1, 1].

    Raises:
        ValueError: for another kind.
    """
    if kind not in TEXTURES:
        raise ValueError(f"expected a texture of {', '.join(TEXTURES)}, got {kind!r}")
    luma = luma_of(picture)
    if kind == "L":
        return torch.cat([luma, torch.zeros_like(luma)], dim=1)
    slopes = _slopes(luma)
    return slopes if kind == "G" else (slopes.abs() > STEEP).to(picture.dtype)


def fineness_of(picture: Tensor) -> Tensor:
    """N / 256, ``(N, 1, 1, 1)``, for the number of different colors in each picture; at most 1.

    Args:
        picture: ``(N, 3, H, W)`` in [0, 1]; compared in steps of 1 / 255.
    """
    codes = (picture * 255).round().long()
    packed = (codes[:, 0] * 256 + codes[:, 1]) * 256 + codes[:, 2]
    counts = [min(len(torch.unique(one)), FINEST) for one in packed]
    return torch.tensor(counts, dtype=picture.dtype, device=picture.device).view(-1, 1, 1, 1) / FINEST


def planes_of(colors: Tensor, fineness: Tensor, texture: Tensor | None = None, known: Tensor | None = None) -> Tensor:
    """All planes together.

    Args:
        colors: ``(N, 3, H, W)`` in [0, 1].
        fineness: ``(N, 1, H, W)``, or what broadcasts to it.
        texture: of :func:`texture_of`; None for no texture at all.
        known: ``(N, 1, H, W)``, 1 where the texture is to be followed; None for everywhere. Elsewhere it is 0.

    Returns:
        ``(N, 7, H, W)``.
    """
    count, _, height, width = colors.shape
    everywhere = colors.new_ones(count, 1, height, width)
    if texture is None:
        given, where = colors.new_zeros(count, 2, height, width), everywhere * 0
    else:
        where = everywhere if known is None else known
        given = texture * where
    return torch.cat([colors, everywhere * fineness, given, where], dim=1)
