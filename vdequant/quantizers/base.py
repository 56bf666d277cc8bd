"""The contracts: a quantizer and the cells it leaves.

        stored value y
low        │        high            a box cell: everything in [low, high) was stored as y
 ├─────────┼──────────┤
 x outside ──────► project(x)       moved to the nearest point of the cell
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

MARGIN = 1e-5  # how far inside its cell a projected value is put, so that float rounding cannot push it out again


class Cells(Protocol):
    """Where the true picture must lie, given the stored one. All tensors are ``(N, 3, H, W)`` in [0, 1].

    Attributes:
        stored: the stored picture.
        low, high: the reach of the cell along each channel's axis, other channels held; for a box the box itself.
        spread: factor by which a plausible true value may lie beyond ``low`` and ``high``: 1 for boxes, more where
            the cell is not a box (palettes) or holds only for local means (dither).
        dithered, lossy: whether cells hold for local means only; whether they are widened for a lossy codec.
    """

    # Read-only, so that frozen dataclasses fit.
    @property
    def stored(self) -> Tensor: ...
    @property
    def low(self) -> Tensor: ...
    @property
    def high(self) -> Tensor: ...
    @property
    def spread(self) -> float: ...
    @property
    def dithered(self) -> bool: ...
    @property
    def lossy(self) -> bool: ...

    def contains(self, x: Tensor) -> Tensor:
        """Boolean ``(N, 3, H, W)``: whether each sample of ``x`` would have been stored as ``stored``."""
        ...

    def project(self, x: Tensor, margin: float = MARGIN) -> Tensor:
        """The picture with every sample moved into its cell, at least ``margin`` from the borders where it fits."""
        ...


class Quantizer(Protocol):
    """A known or estimated function from fine to coarse. ``x`` and results are ``(N, 3, H, W)`` in [0, 1].

    Attributes:
        period: patterns and blocks repeat after so many pixels, counted from the picture's corner: tiles of a picture
            have to begin at multiples of it. 1 where each pixel stands alone.
    """

    @property
    def period(self) -> int: ...

    def describe(self) -> str:
        """A few words for the plan line, such as "32 levels per channel"."""
        ...

    def quantize(self, x: Tensor) -> Tensor:
        """The stored picture."""
        ...

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """A differentiable stand-in that tends to :meth:`quantize` as ``k`` grows (*map*, eq. 8 and 10).

        ``k`` is a positive number, a tensor of one element or one ``(N,)`` per picture; gradients reach it.
        """
        ...

    def straight_through(self, x: Tensor) -> Tensor:
        """:meth:`quantize` in the forward pass, the identity in the backward pass."""
        ...

    def cells(self, y: Tensor) -> Cells:
        """The cells of a stored picture.

        Values that the quantizer cannot produce are held where they are; of levels, they get the nearest one's cell.
        """
        ...


def room_of(cells: Cells) -> Tensor:
    """How far the nearest border of each cell is from its stored value: ``(N, 1, H, W)``.

    Cells that are not boxes have it as ``room``; for a box it is the least of its six reaches.
    """
    room = getattr(cells, "room", None)
    return room if isinstance(room, Tensor) else box_room(cells.stored, cells.low, cells.high)


def box_room(stored: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """:func:`room_of` for boxes, all ``(..., 3, H, W)``."""
    return torch.minimum(stored - low, high - stored).amin(-3, keepdim=True)


def per_picture(value: float | Tensor, x: Tensor, dims: int) -> Tensor:
    """A parameter as a tensor of ``dims`` dimensions that broadcasts against the pictures in the first of them.

    Args:
        value: a number, a tensor of one element, or ``(N,)`` with one per picture of ``x``.

    Raises:
        ValueError: for a tensor of another shape.
    """
    tensor = torch.as_tensor(value, dtype=x.dtype, device=x.device)
    if tensor.numel() != 1 and tensor.shape != (len(x),):
        raise ValueError(f"expected one number or one for each of {len(x)} pictures, got {tuple(tensor.shape)}")
    return tensor.reshape(-1, *[1] * (dims - 1))


def soft_round(values: Tensor, k: float | Tensor) -> Tensor:
    """Rounding with slopes: ``floor(v) + 1/2 + tanh(k (v - floor(v) - 1/2)) / (2 tanh(k / 2))``.

    Between two whole numbers this is eq. 10 of *map* with the two as levels, stretched so that whole numbers stay
    where they are and the curve has no jump. As ``k`` tends to 0 it tends to the identity.

    Args:
        values: ``(N, ...)``.
        k: see :meth:`Quantizer.soft`.
    """
    sharpness = per_picture(k, values, values.ndim)
    low = values.detach().floor()
    return low + 0.5 + torch.tanh(sharpness * (values - low - 0.5)) / (2 * torch.tanh(sharpness / 2))


def toward_cells(x: Tensor, cells: Cells, fidelity: float, margin: float = MARGIN) -> Tensor:
    """Move ``x`` the share ``fidelity`` of the way to its projection into the cells (DESIGN section 1)."""
    if fidelity <= 0:
        return x
    projected = cells.project(x, margin)
    return projected if fidelity >= 1 else x.lerp(projected, fidelity)
