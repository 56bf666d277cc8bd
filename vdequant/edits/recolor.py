"""Another color for a part of a picture: the fast form of the paper's color-conditioned inpainting (``drawing.py``).

Inside the mask the luma is moved so that its mean is that of the asked color, and keeps its variations; the chroma
becomes the asked one. Outside nothing is touched, and the mask's edge is soft only inward.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.checks import check_choice, check_picture
from vdequant.color import luma_of
from vdequant.edits import RECOLOR_FAST
from vdequant.edits.luma import fitted
from vdequant.errors import UsageError

GRAY = 0.1  # chroma much shorter than this counts as none: grays have no more or less colorful places
MOST_COLORFUL = 1.5  # times the mean chroma; what is above counts as that


def check_weight(weight: Tensor) -> None:
    """Raise :class:`UsageError` where a mask selects nothing."""
    if not bool((weight > 0).any()):
        raise UsageError("expected a mask that selects something, got an empty one; white selects, black does not")


def mean_color(x: Tensor, weight: Tensor) -> Tensor:
    """The mean color ``(1, 3, 1, 1)`` of a picture ``(1, 3, H, W)`` where ``weight`` ``(1, 1, H, W)`` is."""
    return (x * weight).sum((-2, -1), keepdim=True) / weight.sum()


def filled(x: Tensor, weight: Tensor, color: Tensor) -> Tensor:
    """The picture with the flat color in the mask: what the paper's networks are given, and texture "off"."""
    return torch.where(weight > 0, torch.lerp(x, color.expand_as(x), weight.expand_as(x)), x)


def _moved(luma: Tensor, mean: Tensor, wanted: Tensor) -> Tensor:
    """Luma whose mean ``mean`` goes to ``wanted``: 0 and 1 stay in reach, and variations are never enlarged.

    Below the mean by the factor min(1, wanted / mean), above it by min(1, (1 - wanted) / (1 - mean)).
    """
    down = (wanted / mean.clamp(min=1e-6)).clamp(max=1)
    up = ((1 - wanted) / (1 - mean).clamp(min=1e-6)).clamp(max=1)
    away = luma - mean
    return wanted + torch.where(away < 0, down * away, up * away)


def recolor(x: Tensor, weight: Tensor, color: Tensor, *, texture: str = "L") -> Tensor:
    """Give a part of a picture another color.

    Where the source is less colorful than its mean (a highlight on red paint), the result is as well; what becomes
    darker than the asked color keeps its saturation, as a shadow does.

    Args:
        x: ``(1, 3, H, W)`` in [0, 1].
        weight: ``(1, 1, H, W)`` in [0, 1]: 1 where the new color is, 0 where nothing changes.
        color: ``(1, 3, 1, 1)`` in [0, 1].
        texture: "L" as above, or "off": the flat color.

    Returns:
        ``(1, 3, H, W)`` in [0, 1], bit for bit ``x`` where the weight is 0.

    Raises:
        UsageError: the mask is empty, or the texture unknown.
    """
    check_picture(x)
    check_choice(texture, RECOLOR_FAST, "--texture")
    check_weight(weight)
    if texture == "off":
        return filled(x, weight, color)
    luma, wanted = luma_of(x), luma_of(color)
    moved = _moved(luma, (luma * weight).sum() / weight.sum(), wanted)
    length = (x - luma).norm(dim=1, keepdim=True)
    usual = (length * weight).sum() / weight.sum()
    colorful = ((length + GRAY) / (usual + GRAY)).clamp(max=MOST_COLORFUL)
    shade = (moved / wanted.clamp(min=1e-6)).clamp(max=1)
    strength = colorful * shade
    strength = strength / ((strength * weight).sum() / weight.sum()).clamp(min=1e-6)  # so that its mean is 1
    painted = fitted(moved, (color - wanted) * strength)
    return torch.where(weight > 0, torch.lerp(x, painted, weight), x)
