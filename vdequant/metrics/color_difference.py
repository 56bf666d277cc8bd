"""Distance to the true picture as an observer sees color: CIEDE2000, and the distance of the hues and chromas alone."""

from __future__ import annotations

import math

import torch
from kornia.color import rgb_to_lab
from torch import Tensor

from vdequant.checks import check_picture, check_same_shape

SEVENTH = 25.0**7  # of the chroma terms in CIE 142-2001


def _hue(a: Tensor, b: Tensor) -> Tensor:
    """Hue angle in [0, 2π); 0 for gray, where it has no meaning."""
    angle = torch.atan2(b, a)
    return torch.where(angle < 0, angle + 2 * math.pi, angle)


def _fade(chroma: Tensor) -> Tensor:
    seventh = chroma**7
    return torch.sqrt(seventh / (seventh + SEVENTH))


def _mean_hue(first: Tensor, second: Tensor, gray: Tensor) -> Tensor:
    """The mean of two angles on the shorter way round; their sum where one of the colors is gray (equation 7)."""
    total = first + second
    far = (first - second).abs() > math.pi
    turned = torch.where(total < 2 * math.pi, total + 2 * math.pi, total - 2 * math.pi)
    return torch.where(gray, total, torch.where(far, turned, total) / 2)


def _hue_distance(first: Tensor, second: Tensor, gray: Tensor) -> Tensor:
    turn = second - first
    turn = torch.where(turn > math.pi, turn - 2 * math.pi, turn)
    turn = torch.where(turn < -math.pi, turn + 2 * math.pi, turn)
    return torch.where(gray, torch.zeros_like(turn), turn)


def ciede2000(first: Tensor, second: Tensor) -> Tensor:
    """Color difference of CIE 142-2001, in the notation of Sharma, Wu, Dalal 2005, all k = 1.

    Args:
        first, second: CIE L*a*b*, ``(N, 3, H, W)``.

    Returns:
        ``(N, H, W)``; 1 is about what an observer can just see.
    """
    l_1, a_1, b_1 = first.unbind(1)
    l_2, a_2, b_2 = second.unbind(1)
    stretch = 1 + 0.5 * (1 - _fade((torch.hypot(a_1, b_1) + torch.hypot(a_2, b_2)) / 2))
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    chroma_1, chroma_2 = torch.hypot(a_1, b_1), torch.hypot(a_2, b_2)
    hue_1, hue_2 = _hue(a_1, b_1), _hue(a_2, b_2)
    gray = chroma_1 * chroma_2 == 0
    hue_term = 2 * torch.sqrt(chroma_1 * chroma_2) * torch.sin(_hue_distance(hue_1, hue_2, gray) / 2)
    light, chroma, hue = (l_1 + l_2) / 2, (chroma_1 + chroma_2) / 2, _mean_hue(hue_1, hue_2, gray)
    weight = (
        1
        - 0.17 * torch.cos(hue - math.radians(30))
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + math.radians(6))
        - 0.20 * torch.cos(4 * hue - math.radians(63))
    )
    away = (light - 50).square()
    light_part = (l_2 - l_1) / (1 + 0.015 * away / torch.sqrt(20 + away))
    chroma_part = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)
    hue_part = hue_term / (1 + 0.015 * chroma * weight)
    turned = torch.sin(math.radians(60) * torch.exp(-((torch.rad2deg(hue) - 275) / 25).square()))
    rotation = -2 * _fade(chroma) * turned
    squared = light_part.square() + chroma_part.square() + hue_part.square() + rotation * chroma_part * hue_part
    return torch.sqrt(squared.clamp(min=0))


def delta_e(x: Tensor, reference: Tensor) -> Tensor:
    """Mean CIEDE2000 of the pixels, of sRGB pictures under D65.

    Args:
        x, reference: ``(N, 3, H, W)`` in [0, 1].

    Returns:
        ``(N,)`` float64, lower is better; about 1 is the smallest difference that an observer sees.
    """
    check_picture(x)
    check_same_shape(x, reference, "x, reference")
    return ciede2000(rgb_to_lab(x.double()), rgb_to_lab(reference.double())).mean(dim=(1, 2))


def ab_error(x: Tensor, reference: Tensor) -> Tensor:
    """Mean distance of the pixels in the AB plane of CIE L*a*b* under D65: the error of the colors without luma.

    Args:
        x, reference: sRGB, ``(N, 3, H, W)`` in [0, 1].

    Returns:
        ``(N,)`` float64, lower is better.
    """
    check_picture(x)
    check_same_shape(x, reference, "x, reference")
    away = rgb_to_lab(x.double())[:, 1:] - rgb_to_lab(reference.double())[:, 1:]
    return away.square().sum(1).sqrt().mean(dim=(1, 2))
