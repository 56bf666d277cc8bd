"""How scalers blend native pixels into stored ones, and the least squares that undo it.

    native      |    0    |    1    |    2    |
    stored      | 0 | 0 | .8 | .4 |...            bilinear, 2.5 times: what lies between two centers is a mixture

A stored pixel is a mixture of the native ones around it, with weights that are known once the scaler's kernel is. There
are several stored pixels to each native one, so the mixture can be undone, and a codec's noise is averaged by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

RIDGE = 1e-4  # of a native pixel's weight: keeps those at the edges, of which little is seen, from growing
NOTHING = 1e-7  # weight that changes no float32 result
BICUBIC = -0.6  # the free parameter (Keys 1981) of FFmpeg's scaler, between the usual -0.5 and -0.75


@dataclass(frozen=True, slots=True)
class Blend:
    """The scaler of one axis.

    Attributes:
        kernel: a name of :data:`KERNELS`.
        scale: stored pixels that a native one takes.
        first: where the first native pixel begins, in stored pixels from the first that is no border.
    """

    kernel: str
    scale: float
    first: float = 0.0


def _area(distance: Tensor, scale: float) -> Tensor:
    """Mean over the stored pixel: of pixels that were repeated, and of "sharp bilinear" filters."""
    ramp = 1 / scale
    return ((0.5 + ramp / 2 - distance) / ramp).clamp(0, 1)


def _bilinear(distance: Tensor, _: float) -> Tensor:
    return (1 - distance).clamp(min=0)


def _bicubic(distance: Tensor, _: float) -> Tensor:
    a, t = BICUBIC, distance
    inner = ((a + 2) * t - (a + 3)) * t * t + 1
    outer = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return torch.where(t < 1, inner, torch.where(t < 2, outer, torch.zeros_like(t)))


def _lanczos(distance: Tensor, _: float) -> Tensor:
    return torch.where(distance < 3, torch.sinc(distance) * torch.sinc(distance / 3), torch.zeros_like(distance))


# Weight of a native pixel by its distance in native pixels, and stored pixels a native one
KERNELS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "area": _area,
    "bilinear": _bilinear,
    "bicubic": _bicubic,
    "lanczos": _lanczos,
}
REACH = 3  # native pixels to each side at which the widest of them ends


def native_places(blend: Blend, size: int, times: int = 1, factor: int = 1) -> Tensor:
    """``(size * times,)`` float64: where the centers of stored pixels lie, counted in centers of native ones.

    Args:
        size: stored pixels.
        times: further enlargement of them.
        factor: by which the native picture was enlarged before.
    """
    centers = (torch.arange(size * times, dtype=torch.float64) + 0.5) / times
    return (centers - blend.first) / blend.scale * factor - 0.5


def counted_from_first(blend: Blend, size: int) -> tuple[Blend, int]:
    """The blend with the native pixel nearest to the first stored one as its first, and how many there are."""
    places = native_places(blend, size)
    first, last = round(float(places[0])), round(float(places[-1]))
    return replace(blend, first=blend.first + first * blend.scale), last - first + 1


def blend_weights(blend: Blend, size: int, count: int, times: int = 1, factor: int = 1) -> Tensor:
    """``(size * times, count * factor)`` float64: the share of each native pixel in each stored one.

    At the edges the outermost pixel stands for all beyond. For ``times`` and ``factor`` see :func:`native_places`.
    """
    places = native_places(blend, size, times, factor)
    natives = torch.arange(-REACH, count * factor + REACH, dtype=torch.float64)
    distances = (places[:, None] - natives).abs()
    weights = KERNELS[blend.kernel](distances, blend.scale * times / factor)
    weights[:, REACH] += weights[:, :REACH].sum(1)
    weights[:, -REACH - 1] += weights[:, -REACH:].sum(1)
    weights = weights[:, REACH:-REACH]
    return weights / weights.sum(1, keepdim=True)


def undone(weights: Tensor) -> Tensor:
    """``(count, size)``: native pixels from stored ones, those that explain them best, of weights ``(size, count)``."""
    square = weights.T @ weights
    ridge = RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    found: Tensor = torch.linalg.solve(square + ridge, weights.T + ridge @ _nearest(weights))
    return found


def _nearest(weights: Tensor) -> Tensor:
    """``(count, size)``: each native pixel as the stored one of which it is the largest part; the ridge leads there."""
    picks = torch.zeros_like(weights.T)
    return picks.scatter_(1, weights.argmax(0)[:, None], 1.0)


@lru_cache(maxsize=32)
def widening(blend: Blend, size: int, count: int, times: int, factor: int, device: torch.device) -> Tensor:
    """:func:`blend_weights` as float32 on a device."""
    with torch.inference_mode(False):
        return blend_weights(blend, size, count, times, factor).to(device, torch.float32)


@lru_cache(maxsize=32)
def folding(blend: Blend, size: int, count: int, before: int, shift: int, device: torch.device) -> tuple[int, Tensor]:
    """The first sample that is needed, and ``(count, samples)`` float32 that folds it and those after it.

    Args:
        size: stored pixels, without borders.
        before: stored pixels of border in front of them.
        shift: samples are means of ``1 << shift`` stored pixels, counted with the border, as those of chroma are.
    """
    with torch.inference_mode(False):
        weights, unit = blend_weights(blend, size, count), 1 << shift
        first, last = -(-before // unit), (before + size) // unit  # those that lie within the picture
        start = first * unit - before
        means = weights[start : start + (last - first) * unit].reshape(last - first, unit, count).mean(1)
        folds = undone(means)
        # Influence falls exponentially with distance, to numbers so small that processors slow down.
        return first, torch.where(folds.abs() < NOTHING, 0, folds).to(device, torch.float32).contiguous()
