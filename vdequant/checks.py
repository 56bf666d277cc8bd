"""Checks used on the first lines of public functions; each raises with expected, got and remedy."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from vdequant.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

MOST_FPS = 1000


def check_picture(x: Tensor, name: str = "x") -> None:
    """Raise ``ValueError`` unless ``x`` is a floating point ``(N, 3, H, W)`` tensor."""
    if x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(f"expected {name} of shape (N, 3, H, W), got {tuple(x.shape)}")
    if not x.is_floating_point():
        raise ValueError(f"expected {name} as floating point in [0, 1], got {x.dtype}; divide the codes by 255 first")


def check_same_shape(a: Tensor, b: Tensor, names: str = "a, b") -> None:
    """Raise ``ValueError`` unless the two tensors have the same shape."""
    if a.shape != b.shape:
        raise ValueError(f"expected {names} of one shape, got {tuple(a.shape)} and {tuple(b.shape)}")


def check_fraction(value: float, name: str) -> float:
    """Return ``value`` when it lies in [0, 1]; raise :class:`UsageError` otherwise."""
    try:
        inside = 0.0 <= value <= 1.0
    except TypeError:  # no number at all
        inside = False
    if not inside:
        raise UsageError(f"expected {name} between 0 and 1, got {value!r}")
    return value


def check_choice(value: str, allowed: tuple[str, ...], name: str) -> str:
    """Return ``value`` when it is one of ``allowed``; raise :class:`UsageError` with the list otherwise."""
    if value not in allowed:
        raise UsageError(f"expected {name} to be one of {', '.join(allowed)}, got {value!r}")
    return value


def read_size(text: str, name: str = "--size") -> tuple[int, int]:
    """Width and height of "256x240"; raise :class:`UsageError` for anything else."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text)
    if match is None:
        raise UsageError(f"expected {name} as WIDTHxHEIGHT in pixels, such as 256x240, got {text!r}")
    return int(match[1]), int(match[2])


def read_rate(text: str, name: str = "--fps") -> Fraction:
    """Pictures a second, exact, of "60", "59.7275" or "60000/1001"; raise :class:`UsageError` for anything else."""
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= MOST_FPS:
        raise UsageError(
            f"expected {name} above 0 and up to {MOST_FPS}, such as 60, 59.7275 or 60000/1001, got {text!r}"
        )
    return rate
