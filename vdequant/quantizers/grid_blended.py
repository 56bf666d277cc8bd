"""Finds the native grid of captures whose scaler blended neighbors: players' windows, OBS, uploads.

    bends (second differences) ─► spectrum ─► numbers of native pixels ─► the rest that least squares leave ─► grid

A bilinear scaler bends its lines at the centers of native pixels, others at their borders: the bends lie as regularly
as native pixels do (Gallagher 2005, "Detection of linear and cubic interpolation"). What a number of native pixels
cannot explain of a picture says whether it is the true one: a little more or less than that explains far less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import atan2, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.quantizers.blends import KERNELS, Blend, blend_weights, counted_from_first
from vdequant.quantizers.borders import Borders, are_bars, find_borders, find_pads
from vdequant.quantizers.grid import Axis, Grid, blended_axis
from vdequant.quantizers.grid_blurred import RINGING, edge_near, steps

SMALLEST_SCALE, LARGEST_SCALE = 2.5, 13.0  # believed; below, chroma of half the size knows too little of native pixels
SMALLEST_SIDE = 64  # native pixels of a picture that is looked at
LOOKED_AT = 6  # pictures
FIRST = "bilinear", "area"  # the kernels of a first look
LINES = 400  # of each picture, at most
NEAR = 0.002  # share by which scales differ that are one
SHORT = 512  # stored pixels of a first look
# Native lines and columns of machines, tried even if their bends do not stand out
MACHINES = (144, 160, 192, 200, 208, 210, 224, 240, 256, 320)
PEAKS = 5  # of the spectrum that are tried
FINE = 8  # places of the spectrum to each whole number of native pixels
TAKEN = 60.0  # code², rest of a number of native pixels that is looked at more closely
REST = 8.0  # code², mean of what may be left unexplained: a codec's noise
BESIDE = 0.03  # share by which a number of native pixels is wrong for sure
DIP = 1.5  # times the rest that those must leave; 1.2 at most on wrong ones, 1.9 and more on true ones
HINT = 1.1  # the same of the first look
BLUNT = 2.5  # the same for half as many native pixels: there must be detail that only these show
FLATTEST = 4  # times as wide as high, or the other way round, that native pixels may be
EASIEST, EASE = 1.25, 0.1  # rest, over and above that of a finer fit, at which native pixels are whole and in place
LEAST_REST = 0.02  # code², smaller ones are rounding

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Fit:
    """A number of native pixels over one axis, and what it leaves unexplained."""

    rest: float
    blend: Blend


class _Samples:
    """The lines along one axis of some pictures, by their second moments.

    Args:
        lumas: ``(H, W)`` in 8-bit codes.
        dim: -1 for rows of samples, -2 for columns.
    """

    def __init__(self, lumas: Sequence[Tensor], dim: int) -> None:
        lines = [luma if dim == -1 else luma.T for luma in lumas]
        kept = torch.cat([each[:: -(-len(each) // LINES)] for each in lines])
        self.size = kept.shape[1]
        self.bends = (kept[:, 2:] - 2 * kept[:, 1:-1] + kept[:, :-2]).abs().mean(0).double().numpy()
        centered = kept - kept.mean()
        self.moments = centered.T @ centered / len(centered)
        self.start = max(0, (self.size - SHORT) // 2)

    def rest(self, blend: Blend) -> float:
        """Mean squared part of a sample that no native picture explains."""
        return _rest_of(self.moments, blend)

    def soon(self, blend: Blend) -> float:
        """The same of the middle, which takes much less time."""
        middle = slice(self.start, self.start + SHORT)
        return _rest_of(self.moments[middle, middle], replace(blend, first=blend.first - self.start))


def _rest_of(moments: Tensor, blend: Blend) -> float:
    weights = _weights(blend, len(moments)).float()
    mixed = weights.T @ (moments @ weights)
    explained = torch.linalg.solve(weights.T @ weights + 1e-5 * torch.eye(len(mixed)), mixed).diagonal().sum()
    return max(0.0, float(moments.diagonal().sum() - explained)) / len(moments)


def _weights(blend: Blend, size: int) -> Tensor:
    """Those of all native pixels of which anything is seen."""
    moved, count = counted_from_first(blend, size)
    return blend_weights(moved, size, count)


def _spectrum(bends: Array) -> NDArray[np.complex128]:
    """By number of native pixels, in steps of ``1 / FINE``."""
    size = len(bends) + 2
    width = 33
    local = np.convolve(np.pad(bends, width // 2, mode="edge"), np.ones(width) / width, "valid")
    return np.asarray(np.fft.rfft((bends - local) * np.hanning(len(bends)), FINE * size))


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is looked at of an axis: all of it, or what lies well within bars.

    Attributes:
        size: stored pixels looked at.
        before, after: those of the picture in front of them and behind them, beside the edge of a bar.
    """

    size: int
    before: int = 0
    after: int = 0

    def whole(self, count: float, kernel: str = "bilinear") -> Blend:
        """The blend of a whole number of native pixels, which fill the picture."""
        scale = (self.before + self.size + self.after) / round(count)
        return Blend(kernel, scale, -float(self.before))

    def count(self, scale: float) -> float:
        """Native pixels in the picture."""
        return (self.before + self.size + self.after) / scale


def _candidates(samples: _Samples, frame: _Frame) -> list[Blend]:
    """Where native pixels may lie: at the spectrum's peaks, and where machines have them."""
    spectrum, size = _spectrum(samples.bends), samples.size
    strength = np.abs(spectrum)
    low, high = (round(FINE * size / scale) for scale in (LARGEST_SCALE, SMALLEST_SCALE))
    peaks = [i for i in range(low, high) if strength[i] == strength[i - FINE : i + FINE + 1].max()]
    found = []
    for peak in sorted(peaks, key=lambda i: -strength[i])[:PEAKS]:
        scale = size * FINE / peak
        found.append(frame.whole(frame.count(scale)))
        # The first bend's place; a bend's own is one sample further than its number.
        phase = -atan2(spectrum[peak].imag, spectrum[peak].real) / (2 * pi) * scale + 1.5
        found += [Blend("bilinear", scale, (phase - part * scale + scale / 2) % scale - scale / 2) for part in (0.5, 0)]
    found += [frame.whole(count) for count in MACHINES]
    return [each for each in dict.fromkeys(found) if SMALLEST_SCALE <= each.scale <= LARGEST_SCALE]


def _rest(fit: _Fit) -> float:
    return fit.rest


def _with(samples: _Samples, blend: Blend) -> _Fit:
    return _Fit(samples.rest(blend), blend)


def _tuned(samples: _Samples, fit: _Fit) -> _Fit:
    """Scale and place adjusted as far as that helps."""
    best, size = fit, samples.size
    count, shift = 0.08, 0.3
    for _ in range(4):
        blend = best.blend
        nearby = [(0.0, shift), (0.0, -shift), (count, 0.0), (-count, 0.0)]
        for more, away in nearby:
            scale = size / (size / blend.scale + more)
            # Turned about the middle, so that one of the two can be adjusted alone.
            first = blend.first + away + (scale - blend.scale) * (blend.first - size / 2) / blend.scale
            best = min(best, _with(samples, replace(blend, scale=scale, first=first)), key=_rest)
        if best.blend is blend:
            count, shift = count / 2, shift / 2
    return best


def _neat(samples: _Samples, fit: _Fit, frame: _Frame) -> _Fit:
    """The same with a whole number of native pixels over all there is, if that does nearly as well."""
    plain = _with(samples, frame.whole(frame.count(fit.blend.scale), fit.blend.kernel))
    return plain if plain.rest <= EASIEST * fit.rest + EASE else fit


def _others(blend: Blend, size: int, shares: Sequence[float]) -> list[Blend]:
    """Native pixels that are larger by these shares, turned about the middle."""
    middle = size / 2
    return [replace(blend, scale=blend.scale * by, first=middle + (blend.first - middle) * by) for by in shares]


def _is_right(samples: _Samples, fit: _Fit) -> bool:
    """Whether what is left is a codec's noise, and other numbers of native pixels leave more."""
    floor = max(fit.rest, LEAST_REST)
    if fit.rest > REST or samples.rest(*_others(fit.blend, samples.size, [2.0])) < BLUNT * floor:
        return False
    around = _others(fit.blend, samples.size, (1 - BESIDE, 1 + BESIDE, 1 - 2 * BESIDE, 1 + 2 * BESIDE))
    return all(samples.rest(other) > DIP * floor for other in around)


def _is_likely(samples: _Samples, blend: Blend) -> bool:
    """Whether a first look finds that other numbers of native pixels leave more."""
    rest, kernel = min((samples.soon(replace(blend, kernel=kernel)), kernel) for kernel in FIRST)
    around = _others(replace(blend, kernel=kernel), samples.size, (1 - BESIDE, 1 + BESIDE))
    bar = HINT * max(rest, LEAST_REST)
    return rest < TAKEN and all(samples.soon(other) > bar for other in around)


def _is_near(blend: Blend, other: Blend) -> bool:
    """Whether one would be adjusted to the other."""
    return abs(blend.scale / other.scale - 1) < NEAR and abs(blend.first - other.first) < NEAR * SHORT


def _fit(samples: _Samples, frame: _Frame) -> Blend | None:
    """The number of native pixels that explains best what there is; None where none does."""
    found: list[_Fit] = []
    for blend in _candidates(samples, frame):
        if any(_is_near(blend, fit.blend) for fit in found) or not _is_likely(samples, blend):
            continue
        kernels = [_with(samples, replace(blend, kernel=kernel)) for kernel in KERNELS]
        best = _neat(samples, min(kernels, key=_rest), frame)
        best = _neat(samples, _tuned(samples, best), frame)
        if _is_right(samples, best):
            found.append(best)
    known = [fit for fit in found if not any(_divides(fit, other) for other in found)]
    return min(known, key=_rest).blend if known else None


def _divides(fine: _Fit, fit: _Fit) -> bool:
    """Whether ``fine`` has several native pixels for each one of ``fit`` and shows little more by them."""
    times = fit.blend.scale / fine.blend.scale
    whole = round(times)
    return whole > 1 and abs(times - whole) < 2 * BESIDE and fit.rest < BLUNT * max(fine.rest, LEAST_REST)


def _axis(lumas: Sequence[Tensor], dim: int, bars: tuple[int, int], pads: tuple[int, int]) -> Axis | None:
    """One axis of pictures between bars, or between columns that were added to make it even."""
    size = lumas[0].shape[dim]
    profile = steps(lumas)[0 if dim == -1 else 1]
    before, after = bars
    left = edge_near(profile, before) if before else pads[0]
    right = size - (edge_near(profile[::-1], after) if after else pads[1])
    skipped, dropped = (RINGING if border else 0 for border in bars)
    frame = _Frame(right - left - skipped - dropped, skipped, dropped)
    if frame.size < SMALLEST_SCALE * SMALLEST_SIDE:
        return None
    found = _fit(_Samples([luma.narrow(dim, left + skipped, frame.size) for luma in lumas], dim), frame)
    if found is None:
        return None
    return blended_axis(replace(found, first=found.first + skipped), right - left, left, size - right)


def blended_grid(lumas: Sequence[Tensor]) -> Grid | None:
    """The grid of pictures that a scaler enlarged with blends between native pixels; None where none is found.

    Args:
        lumas: ``(H, W)`` in 8-bit codes, of one size, from all over a clip.
    """
    height, width = lumas[0].shape
    if min(height, width) < SMALLEST_SCALE * SMALLEST_SIDE:
        return None
    looked_at = [luma.float().cpu() for luma in lumas[:: -(-len(lumas) // LOOKED_AT)]]
    borders = find_borders(looked_at) if len(looked_at) > 1 else Borders()
    corners = [float(looked_at[0][0, 0]), float(looked_at[0][-1, -1])]
    if not are_bars(borders.left, borders.right, width, corners):
        borders = replace(borders, left=0, right=0)
    if not are_bars(borders.top, borders.bottom, height, corners):
        borders = replace(borders, top=0, bottom=0)
    pads = find_pads(looked_at)
    lines = [luma[borders.top : height - borders.bottom] for luma in looked_at]
    columns = _axis(lines, -1, (borders.left, borders.right), (pads.left, pads.right))
    if columns is None:
        return None
    lines = [luma[:, columns.before : width - columns.after] for luma in looked_at]
    rows = _axis(lines, -2, (borders.top, borders.bottom), (pads.top, pads.bottom))
    if rows is None:
        return None
    grid = Grid(columns, rows)
    across, down = grid.scale
    return grid if max(across, down) <= FLATTEST * min(across, down) else None
