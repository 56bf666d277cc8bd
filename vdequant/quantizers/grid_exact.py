"""Finds the native grid of lossless pictures: every run of equal columns and rows must hold exactly, in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.quantizers.borders import Borders, are_bars, find_borders
from vdequant.quantizers.grid import Axis, Grid, even_axis

LARGEST = 16  # enlargement that is believed
SMALLEST_SIDE = 16  # native pixels
BUSY = 0.5  # share of the borders between native columns (rows) at which something must change in some picture
CHANCE = 7.0  # natural logarithm of how much likelier than by chance the changes must keep to a grid, per grid tried
LUMA = (0.299, 0.587, 0.114)


def find_runs(changes: NDArray[np.bool_]) -> tuple[int, ...] | None:
    """Widths of the native pixels along one axis.

    With n native pixels over w stored ones, run k of nearest-neighbor scaling begins at ``floor(k w / n + phase)``
    for one phase in [0, 1), whatever the scaler's idea of a pixel's center. So the changes, times n and modulo w, must
    lie within n of each other; the smallest n for which they do is taken.

    Args:
        changes: ``(size - 1,)``: whether samples ``i`` and ``i + 1`` differ anywhere.

    Returns:
        None when every stored pixel may be a native one, or too few changes are seen to tell: a picture of large flat
        areas keeps to many grids by accident.
    """
    size = len(changes) + 1
    places = np.flatnonzero(changes).astype(np.int64) + 1
    seen = len(places)
    fewest = max(SMALLEST_SIDE, seen + 1, -(-size // LARGEST))
    counts = np.arange(fewest, min(size - 1, int(seen / BUSY) + 1) + 1, dtype=np.int64)
    if not seen or not len(counts):
        return None
    residues = (places[None] * counts[:, None]) % size
    residues = np.where(residues >= counts[:, None], residues - size, residues)
    high, low = residues.max(1).clip(min=0), residues.min(1).clip(max=0)
    fitting = np.flatnonzero(high - low < counts)
    if not len(fitting):
        return None
    best = int(fitting[0])
    count = int(counts[best])
    if seen * log((size - 1) / (count - 1)) < CHANCE + 2 * log(size):
        return None
    # Samples at the pixels' centers make a phase of a half; the changes may ask for another.
    phase = min(max(count // 2, int(high[best])), int(low[best]) + count - 1)
    edges = (np.arange(count + 1, dtype=np.int64) * size + phase) // count
    edges[0], edges[-1] = 0, size
    return tuple(np.diff(edges).tolist())


def _choose(whole: tuple[int, ...] | None, inner: tuple[int, ...] | None, axis: Axis, *, bars: bool) -> Axis:
    """One axis: with the borders cropped where they are bars, or where there is no grid without."""
    if bars and (inner is not None or whole is None):
        return Axis(axis.before, inner or axis.widths, axis.after)
    if whole is not None:
        return Axis(0, whole)
    return even_axis(axis.size) if inner is None else Axis(axis.before, inner, axis.after)


def _axis(changes: NDArray[np.bool_], before: int, after: int, *, bars: bool) -> Axis:
    size = len(changes) + 1
    whole = find_runs(changes)
    inner = find_runs(changes[before : size - after - 1]) if before or after else None
    return _choose(whole, inner, Axis(before, (1,) * (size - before - after), after), bars=bars)


def _changes(pictures: Sequence[Tensor]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether neighboring columns, and rows, differ anywhere."""
    across = torch.stack([(p[..., 1:] != p[..., :-1]).flatten(0, 1).any(0) for p in pictures]).any(0)
    down = torch.stack([(p[:, 1:] != p[:, :-1]).any(0).any(-1) for p in pictures]).any(0)
    return across.cpu().numpy(), down.cpu().numpy()


def _borders(pictures: Sequence[Tensor]) -> tuple[Borders, list[float]]:
    """Exactly flat edges, and the luma codes of the corners."""
    planes = [plane for picture in pictures for plane in (picture * 255)]
    found = [find_borders(planes[channel::3], 0.0) for channel in range(3)]
    sides = [min(getattr(one, side) for one in found) for side in ("left", "top", "right", "bottom")]
    weights = torch.tensor(LUMA)
    first, last = pictures[0][:, 0, 0].cpu(), pictures[0][:, -1, -1].cpu()
    return Borders(*sides), [255 * float((corner * weights).sum()) for corner in (first, last)]


def exact_grid(pictures: Sequence[Tensor]) -> Grid | None:
    """The grid of lossless ``(3, H, W)`` pictures in [0, 1]; None when every stored pixel is a native one."""
    if len({picture.shape for picture in pictures}) != 1:
        return None
    across, down = _changes(pictures)
    borders, corners = _borders(pictures)
    height, width = pictures[0].shape[-2:]
    sides = are_bars(borders.left, borders.right, width, corners)
    lines = are_bars(borders.top, borders.bottom, height, corners)
    grid = Grid(
        _axis(across, borders.left, borders.right, bars=sides),
        _axis(down, borders.top, borders.bottom, bars=lines),
    )
    return None if grid.size == grid.stored_size else grid
