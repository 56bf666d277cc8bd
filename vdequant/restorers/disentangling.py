"""Color disentanglement and entanglement of Pix2Pix-FQ: luma is kept aside, only the colors go through the network.

x (RGB) ─► LAB ─┬─► luma L ──────────────────────────┐           Figure 3: disentangle
                └─► AB / 128 = c ─► network ─► c'' ──┴─► LAB ─► RGB, clipped to the gamut ─► x''
                                                                 Figure 4: entangle
"""

from __future__ import annotations

import torch
from torch import Tensor

AB_SCALE = 128.0  # no color of sRGB lies farther out: its A goes from -86 to 98, its B from -108 to 94


def disentangle(x: Tensor) -> tuple[Tensor, Tensor]:
    """Luma and colors of RGB pictures (Figure 3).

    Args:
        x: ``(N, 3, H, W)`` sRGB in [0, 1].

    Returns:
        Luma ``(N, 1, H, W)``, L of CIE L*a*b* under D65 in [0, 100], and colors ``(N, 2, H, W)``, A and B in [-1, 1].
    """
    from kornia.color import rgb_to_lab  # not above: it takes a fifth of a second, and most restorers do without

    lab = rgb_to_lab(x.float())
    return lab[:, :1], (lab[:, 1:] / AB_SCALE).clamp(-1, 1)


def entangle(luma: Tensor, chroma: Tensor) -> Tensor:
    """RGB pictures from luma and colors (Figure 4): the inverse of :func:`disentangle`.

    Args:
        luma: ``(N, 1, H, W)`` in [0, 100].
        chroma: ``(N, 2, H, W)`` in [-1, 1].

    Returns:
        ``(N, 3, H, W)`` in [0, 1]; what sRGB cannot show is clipped channel by channel.
    """
    from kornia.color import lab_to_rgb

    rgb: Tensor = lab_to_rgb(torch.cat([luma, chroma * AB_SCALE], dim=1))
    return rgb.clamp(0, 1)
