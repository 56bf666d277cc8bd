"""Finds the native grid behind a lossy codec, from how large the steps between neighboring columns and rows are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.quantizers.borders import NARROWEST, Borders, are_bars, find_borders, find_pads, within_colors
from vdequant.quantizers.grid import Axis, Grid, even_axis
from vdequant.quantizers.grid_exact import LARGEST, SMALLEST_SIDE

INNER = 0.4  # of the mean step at the borders of native pixels: steps within them are smaller, behind a codec too
FAINTEST = 0.5  # 8-bit codes: mean step at the borders that is needed to tell
STRAY_CODES, STRAY_SHARE = 32.0, 0.01  # luma that far from the rest of its native pixel, and the share of it at most
VERIFIED = 4  # pictures in which that is counted
BLOCKY_FAINTEST, BLOCKY_INNER = 3.0, 0.15  # the same for multiples of 8
BLOCKS, NEAR_BLOCKS = 8, 0.02  # an enlargement that close to the size of a codec's blocks may be those
FEW = 0.05  # share of the steps that may be the edges of a frame or of windows; true native borders are many
FLATTEST = 4  # times as wide as high, or the other way round, that native pixels may be
SMALLEST_FRACTION = 2  # enlargement that is not whole: below that, no run has an inside
# Fractions are many, so they must fit better: measured at most 0.06 and 84 % on true ones, from 0.2 and up to 59 % on
# others that tiled art comes near to.
FRACTION_INNER = 0.15
STANDS_OUT, BUSY = 1.5, 0.65  # times its neighbors that a step must be, and the share of native borders where it must
RIVALS = 3  # numbers of native pixels beside the first that fits, of which the best is taken
CLEARER = 4.0  # times luma's strongest step near a border's end that color's must be for the border to end there
RINGING = 8  # stored pixels by which a codec blurs the edge of a picture into its border

Array = NDArray[np.float64]


def steps(lumas: Sequence[Tensor]) -> tuple[Array, Array]:
    """Mean absolute step between neighboring columns, ``(W - 1,)``, and rows, ``(H - 1,)``, of ``(H, W)`` pictures."""
    floats = [luma.to(torch.float32) for luma in lumas]
    across = torch.stack([(luma[:, 1:] - luma[:, :-1]).abs().mean(0) for luma in floats]).mean(0)
    down = torch.stack([(luma[1:] - luma[:-1]).abs().mean(1) for luma in floats]).mean(0)
    return across.double().cpu().numpy(), down.double().cpu().numpy()


def _strays(lumas: Sequence[Tensor], runs: tuple[int, ...], dim: int) -> float:
    """Share of samples that are far from the middle of their run."""
    widths = torch.tensor(runs)
    middles = widths.cumsum(0) - widths + widths // 2
    places = middles.repeat_interleave(widths).to(lumas[0].device)
    shares = [
        float(((luma - luma.index_select(dim, places)).abs() > STRAY_CODES).float().mean())
        for luma in (luma.to(torch.float32) for luma in lumas)
    ]
    return sum(shares) / len(shares)


def _whole_runs(profile: Array, lumas: Sequence[Tensor], dim: int) -> tuple[int, ...] | None:
    """The largest enlargement of which every phase but the border has small steps only, and hardly any large one."""
    size = len(profile) + 1
    for scale in range(LARGEST, 1, -1):
        if size % scale or size // scale < SMALLEST_SIDE:
            continue
        phases = [float(profile[phase::scale].mean()) for phase in range(scale)]
        # Codecs have blocks of 8 and 16 themselves, whose borders are faint.
        faintest, inner = (FAINTEST, INNER) if scale % 8 else (BLOCKY_FAINTEST, BLOCKY_INNER)
        runs = (scale,) * (size // scale)
        quiet = phases[-1] > faintest and max(phases[:-1]) < inner * phases[-1] and _is_even(profile, scale, inner)
        if quiet and _strays(lumas, runs, dim) < STRAY_SHARE:
            return runs
    return None


def _is_even(profile: Array, scale: int, inner: float) -> bool:
    """Whether steps within native pixels stay the smaller ones when the strongest few steps of all are cut down.

    Those may be the edges of a photograph in a frame, or of windows, which lie on many grids.
    """
    rest = np.minimum(profile, np.sort(profile)[-1 - max(2, round(FEW * len(profile)))])
    phases = [float(rest[phase::scale].mean()) for phase in range(scale)]
    return max(phases[:-1]) < inner * max(phases[-1], FAINTEST)


def _fit(profile: Array, count: int) -> tuple[float, tuple[int, ...]]:
    """The best phase of ``count`` native pixels: mean step inside over that at their borders, and their widths.

    As in :func:`~vdequant.quantizers.grid_exact.find_runs`, run k begins at ``floor(k size / count + phase)``: where
    a step's place, times count and modulo size, falls into a window of ``count``.
    """
    size = len(profile) + 1
    residues = (np.arange(1, size, dtype=np.int64) * count) % size
    by_residue = np.bincount(residues, weights=profile, minlength=size)
    around = np.concatenate([by_residue[size - count + 1 :], by_residue[:count]])  # residues 1 - count to count - 1
    sums = np.cumsum(np.concatenate([[0.0], around]))
    windows = sums[count:] - sums[:-count]  # of phase 0 to count - 1
    best = np.flatnonzero(windows >= windows.max() - 1e-9)
    phase = int(best[np.abs(best - count // 2).argmin()])
    edges = (np.arange(count + 1, dtype=np.int64) * size + phase) // count
    edges[0], edges[-1] = 0, size
    border = float(windows[phase]) / (count - 1)
    loudest = _loudest_inside(profile, residues, phase, count)
    return (loudest / border if border > FAINTEST else np.inf), tuple(np.diff(edges).tolist())


def _loudest_inside(profile: Array, residues: NDArray[np.int64], phase: int, count: int) -> float:
    """Mean step at that distance from a native border at which it is largest."""
    size = len(profile) + 1
    distance = ((residues - phase - 1) % size) // count  # the window of the borders itself is the last one
    inside = (residues - phase + count - 1) % size >= count
    sums = np.bincount(distance[inside], weights=profile[inside])
    members = np.bincount(distance[inside])
    told = members * 4 > members.max()  # of a fraction of a pixel there may be too few to have a mean
    return float((sums[told] / members[told]).max(initial=0.0))


def _is_busy(profile: Array, runs: tuple[int, ...]) -> bool:
    """Whether most native borders stand out from the steps beside them: a few strong edges fit many grids."""
    places = np.cumsum(runs)[:-1] - 1
    beside = (profile[places - 1] + profile[np.minimum(places + 1, len(profile) - 1)]) / 2
    return float((profile[places] > STANDS_OUT * beside + 1e-3).mean()) >= BUSY


def _fractional_runs(profile: Array, lumas: Sequence[Tensor], dim: int) -> tuple[int, ...] | None:
    """Runs of different widths, for enlargements that are not whole."""
    size = len(profile) + 1
    counts = range(max(SMALLEST_SIDE, -(-size // LARGEST)), size // SMALLEST_FRACTION)
    fits = ((*_fit(profile, count), count) for count in counts if size % count)
    for first in fits:
        if first[0] < FRACTION_INNER:
            ratio, runs, count = min([first, *islice(fits, RIVALS)])
            blocks = abs(size / count / BLOCKS - round(size / count / BLOCKS)) < NEAR_BLOCKS
            busy = ratio < (BLOCKY_INNER / 2 if blocks else FRACTION_INNER) and _is_busy(profile, runs)
            if busy and _strays(lumas, runs, dim) < STRAY_SHARE:
                return runs
    return None


def _runs(profile: Array, lumas: Sequence[Tensor], dim: int) -> tuple[int, ...] | None:
    """The fewest native pixels that fit: 4.5 times looks like 2 times where most art has its borders at even places."""
    found = [_whole_runs(profile, lumas, dim), _fractional_runs(profile, lumas, dim)]
    return min((runs for runs in found if runs is not None), key=len, default=None)


def edge_near(profile: Array, border: int, colors: Array | None = None) -> int:
    """Where a border of about that width ends: at the strongest step near.

    Args:
        profile: steps of luma.
        colors: steps of chroma, which lies at every second pixel only; asked where luma hardly differs.
    """
    start = max(0, border - 2)
    near = profile[start : border + RINGING]
    if colors is not None:
        colored = colors[start : border + RINGING]
        near = colored if colored.max() > CLEARER * near.max() else near
    return start + int(near.argmax()) + 1


def _axis(
    profile: Array,
    lumas: Sequence[Tensor],
    dim: int,
    borders: tuple[int, int],
    *,
    bars: bool,
    colors: Array | None = None,
) -> Axis:
    """One axis: with the borders cropped where they are bars, or where there is no grid without."""
    before, after = borders
    size = len(profile) + 1
    whole = None if bars else _runs(profile, lumas, dim)
    if whole is not None:
        return Axis(0, whole)
    if before or after:
        back = None if colors is None else colors[::-1]
        left = edge_near(profile, before, colors) if before >= NARROWEST else before
        right = size - (edge_near(profile[::-1], after, back) if after >= NARROWEST else after)
        cut = [luma.narrow(dim, left, right - left) for luma in lumas]
        inner = _runs(profile[left : right - 1], cut, dim)
        if inner is not None or bars:
            return Axis(left, inner or (1,) * (right - left), size - right)
    return even_axis(size)


def _is_square_enough(grid: Grid) -> bool:
    """Whether native pixels have a shape that machines have, and no side alone is enlarged by a fraction."""
    across, down = grid.scale
    fractions = [side for side in (across, down) if side.denominator > 1]
    lone = bool(fractions) and min(across, down) == 1
    return max(across, down) <= FLATTEST * min(across, down) and not lone


def _color_steps(chromas: Sequence[Sequence[Tensor]]) -> tuple[Array, Array]:
    """:func:`steps` of all planes of chroma together."""
    each = [steps(pictures) for pictures in chromas]
    return sum(across for across, _ in each) + np.zeros(1), sum(down for _, down in each) + np.zeros(1)


def blurred_grid(lumas: Sequence[Tensor], chromas: Callable[[], Sequence[Sequence[Tensor]]] = list) -> Grid | None:
    """The grid of pictures that a lossy codec has blurred; None when every stored pixel is a native one.

    Args:
        lumas: ``(H, W)`` in 8-bit codes, of one size, from all over a clip.
        chromas: gives for each plane of chroma some pictures of it as large as those of luma; asked where luma tells
            of borders.
    """
    across, down = steps(lumas)
    borders = find_borders(lumas) if len(lumas) > 1 else Borders()
    colored = chromas() if borders else []
    borders = within_colors(borders, colored)
    across_colors, down_colors = _color_steps(colored) if borders and colored else (None, None)
    looked_at = lumas[:: -(-len(lumas) // VERIFIED)]
    height, width = lumas[0].shape
    corners = [float(lumas[0][0, 0]), float(lumas[0][-1, -1])]
    sides = are_bars(borders.left, borders.right, width, corners)
    lines = are_bars(borders.top, borders.bottom, height, corners)
    pads = find_pads(looked_at)
    beside = borders.left or pads.left, borders.right or pads.right
    above = borders.top or pads.top, borders.bottom or pads.bottom
    inner = [luma[borders.top : height - borders.bottom] for luma in looked_at]
    grid = Grid(
        _axis(across, inner, 1, beside, bars=sides, colors=across_colors),
        _axis(down, looked_at, 0, above, bars=lines, colors=down_colors),
    )
    return None if grid.size == grid.stored_size or not _is_square_enough(grid) else grid
