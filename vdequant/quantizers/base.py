"""The contracts: a quantizer and the cells it leaves.

        stored value y
low        │        high            a box cell: everything in [low, high) was stored as y
 ├─────────┼──────────┤
 x outside ──────► project(x)       moved to the nearest point of the cell
"""

from __future__ import annotations

from typing import Protocol

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
    """A known or estimated function from fine to coarse. ``x`` and results are ``(N, 3, H, W)`` in [0, 1]."""

    def describe(self) -> str:
        """A few words for the plan line, such as "32 levels per channel"."""
        ...

    def quantize(self, x: Tensor) -> Tensor:
        """The stored picture."""
        ...

    def soft(self, x: Tensor, k: float) -> Tensor:
        """A differentiable stand-in that tends to :meth:`quantize` as ``k`` grows (*map*, eq. 8 and 10)."""
        ...

    def straight_through(self, x: Tensor) -> Tensor:
        """:meth:`quantize` in the forward pass, the identity in the backward pass."""
        ...

    def cells(self, y: Tensor) -> Cells:
        """The cells of a stored picture; values that the quantizer cannot produce get a cell of their own point."""
        ...


def toward_cells(x: Tensor, cells: Cells, fidelity: float, margin: float = MARGIN) -> Tensor:
    """Move ``x`` the share ``fidelity`` of the way to its projection into the cells (DESIGN section 1)."""
    if fidelity <= 0:
        return x
    projected = cells.project(x, margin)
    return projected if fidelity >= 1 else x.lerp(projected, fidelity)
