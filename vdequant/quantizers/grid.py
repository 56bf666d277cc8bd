"""The native grid: which stored pixels show which native pixel of an enlarged capture, and what is border around it.

    stored columns   | b b | 0 0 0 0 1 1 1 1 1 2 2 2 2 3 3 3 3 3 | b b b |      4.5 times: runs of 4 and 5
    native columns           0       1         2       3

Whole enlargements, different ones across and down (4x2), and those that are not whole are one thing here: runs. Where a
scaler blended neighbors, runs are the stored pixels nearest to each native one, and a blend says how they are mixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor

from vdequant.quantizers.blends import Blend, counted_from_first, folding, native_places, widening

Box = tuple[int, int, int, int]  # left, top, right, bottom in stored pixels; right and bottom are not part of it


@dataclass(frozen=True, slots=True)
class Axis:
    """The stored columns (or rows) of a picture.

    Attributes:
        before, after: stored pixels of border at both ends.
        widths: stored pixels that each native one takes.
        blend: how the scaler mixed neighbors; None where it repeated pixels.
    """

    before: int
    widths: tuple[int, ...]
    after: int = 0
    blend: Blend | None = None

    def __post_init__(self) -> None:
        if self.before < 0 or self.after < 0 or not self.widths or min(self.widths) < 1:
            raise ValueError(f"expected borders of 0 or more and runs of 1 or more, got {self}")

    @property
    def inner(self) -> int:
        """Stored pixels without the borders."""
        return sum(self.widths)

    @property
    def size(self) -> int:
        """Stored pixels in all."""
        return self.before + self.inner + self.after

    @property
    def count(self) -> int:
        """Native pixels."""
        return len(self.widths)

    @property
    def even(self) -> int:
        """The width of all runs, 0 where they differ or are mixtures."""
        return self.widths[0] if min(self.widths) == max(self.widths) and self.blend is None else 0

    def filled(self) -> Axis:
        """The same with borders of whole native pixels as part of the picture, where all runs are alike."""
        width = self.even
        if not width or self.before % width or self.after % width:
            return self
        return Axis(0, (width,) * (self.size // width))


@lru_cache(maxsize=64)
def _starts(axis: Axis, device: torch.device) -> Tensor:
    """``(count,)`` first stored pixel of each run."""
    with torch.inference_mode(False):
        widths = torch.tensor(axis.widths, device=device)
        return axis.before + widths.cumsum(0) - widths


@lru_cache(maxsize=64)
def _widths(axis: Axis, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(axis.widths, device=device)


@lru_cache(maxsize=64)
def _sources(axis: Axis, times: int, factor: int, device: torch.device) -> Tensor:
    """For each of ``times`` stored pixels a stored one: its pixel in a native picture enlarged ``factor`` times."""
    places = []
    for index, width in enumerate(axis.widths):
        wide = width * times
        places += [index * factor + (2 * offset + 1) * factor // (2 * wide) for offset in range(wide)]
    with torch.inference_mode(False):
        return torch.tensor(places, device=device)


def even_axis(size: int, width: int = 1) -> Axis:
    """Runs of ``width`` without borders; ``size`` is a multiple of it."""
    if size % width:
        raise ValueError(f"expected a multiple of {width}, got {size}")
    return Axis(0, (width,) * (size // width))


def blended_axis(blend: Blend, size: int, before: int = 0, after: int = 0) -> Axis:
    """An axis of ``size`` stored pixels between borders, whose runs are those nearest to each native pixel."""
    moved, count = counted_from_first(blend, size)
    nearest = native_places(moved, size).round().clamp(0, count - 1).long()
    return Axis(before, tuple(torch.bincount(nearest, minlength=count).tolist()), after, moved)


@dataclass(frozen=True, slots=True)
class Grid:
    """Native pixels of a stored picture.

    ``fold`` and ``expand`` are inverse for every picture that lies on the grid. Of repeated pixels exactly: values are
    picked and repeated, never computed. Of blended ones up to rounding.

    Raises:
        ValueError: when only one of the two axes is blended.
    """

    columns: Axis
    rows: Axis

    def __post_init__(self) -> None:
        if (self.columns.blend is None) != (self.rows.blend is None):
            raise ValueError(f"expected both axes blended or none, got {self.columns.blend} and {self.rows.blend}")

    @classmethod
    def of_scale(cls, scale: tuple[int, int], width: int, height: int) -> Grid:
        """Whole enlargement ``(across, down)`` of a picture of ``width`` x ``height`` stored pixels, no borders."""
        return cls(even_axis(width, scale[0]), even_axis(height, scale[1]))

    @property
    def size(self) -> tuple[int, int]:
        """Native width and height."""
        return self.columns.count, self.rows.count

    @property
    def stored_size(self) -> tuple[int, int]:
        """Stored width and height, with borders."""
        return self.columns.size, self.rows.size

    @property
    def scale(self) -> tuple[Fraction, Fraction]:
        """Mean width and height of a native pixel in stored pixels."""
        columns, rows = self.columns, self.rows
        return Fraction(columns.inner, columns.count), Fraction(rows.inner, rows.count)

    @property
    def enlarged(self) -> bool:
        """Whether any native pixel takes more than one stored pixel."""
        return max(self.scale) > 1

    @property
    def blended(self) -> bool:
        """Whether stored pixels are mixtures of native ones."""
        return self.columns.blend is not None

    @property
    def borders(self) -> tuple[int, int, int, int]:
        """Stored pixels of border: left, top, right, bottom."""
        return self.columns.before, self.rows.before, self.columns.after, self.rows.after

    @property
    def even(self) -> tuple[int, int] | None:
        """Width and height of all native pixels where they are alike and nothing is border, else None."""
        if any(self.borders) or not (self.columns.even and self.rows.even):
            return None
        return self.columns.even, self.rows.even

    def describe(self) -> str:
        """A few words for the plan line."""
        words = []
        if self.enlarged:
            across, down = (f"{float(side):.4g}" for side in self.scale)
            kernels = dict.fromkeys(axis.blend.kernel for axis in (self.columns, self.rows) if axis.blend is not None)
            words.append(f"enlarged {across}x{down}" + (f" ({' and '.join(kernels)})" if kernels else ""))
        if any(self.borders):
            left, top, right, bottom = self.borders
            words.append(f"in borders of {left}, {top}, {right}, {bottom} pixels (left, top, right, bottom)")
        return " ".join(words)

    def filled(self) -> Grid:
        """The same with nothing cropped, where the borders are whole native pixels; patterns count from the corner."""
        return Grid(self.columns.filled(), self.rows.filled())

    def crop(self, picture: Tensor) -> Tensor:
        """``(..., H, W)`` without the borders."""
        left, top, right, bottom = self.borders
        height, width = picture.shape[-2:]
        return picture[..., top : height - bottom, left : width - right]

    def strips(self) -> tuple[Box, ...]:
        """The strips of border above, below, left and right of the inner picture."""
        left, top, right, bottom = self.borders
        width, height = self.stored_size
        all_around = (
            (0, 0, width, top),
            (0, height - bottom, width, height),
            (0, top, left, height - bottom),
            (width - right, top, width, height - bottom),
        )
        return tuple(strip for strip in all_around if strip[0] < strip[2] and strip[1] < strip[3])

    def fold(self, picture: Tensor) -> Tensor:
        """One sample of every native pixel: ``(..., H, W)`` stored, in [0, 1] if blended, to ``(..., h, w)`` native."""
        if self.blended:
            return self.unblend(picture).clamp_(0, 1)
        inner, columns, rows = self.crop(picture), self.columns, self.rows
        if columns.even and rows.even:
            return inner[..., :: rows.even, :: columns.even].contiguous()
        native = picture.index_select(-2, _starts(rows, picture.device))
        return native.index_select(-1, _starts(columns, picture.device))

    def unblend(self, plane: Tensor, shifts: tuple[int, int] = (0, 0)) -> Tensor:
        """What the native pixels of a blended picture were, by least squares.

        Args:
            plane: ``(..., H, W)`` with the borders, floating; each sample the mean of ``1 << shifts[0]`` stored columns
                and ``1 << shifts[1]`` rows, as those of subsampled chroma are.

        Returns:
            ``(..., h, w)``, not clamped.

        Raises:
            ValueError: when pixels are repeated.
        """
        folds = []
        for axis, shift in zip((self.columns, self.rows), shifts, strict=True):
            if axis.blend is None:
                raise ValueError(f"expected a blended grid, got {self}")
            folds.append(folding(axis.blend, axis.inner, axis.count, axis.before, shift, plane.device))
        (left, across), (top, down) = folds
        inner = plane[..., top : top + down.shape[1], left : left + across.shape[1]]
        return _resampled(inner, down, across)

    def widen(self, native: Tensor, times: int = 1, factor: int = 1) -> Tensor:
        """Repeat, or blend, native pixels as the grid says, without borders.

        Args:
            native: ``(..., h * factor, w * factor)``: the native picture, or one that a scaler has enlarged.
            times: further whole enlargement of everything.

        Returns:
            ``(..., H * times, W * times)``, H and W those of the stored picture inside its borders.
        """
        columns, rows = self.columns, self.rows
        if columns.blend is not None and rows.blend is not None:
            down = widening(rows.blend, rows.inner, rows.count, times, factor, native.device)
            across = widening(columns.blend, columns.inner, columns.count, times, factor, native.device)
            return _resampled(native, down, across)
        if factor > 1:
            wide = native.index_select(-1, _sources(columns, times, factor, native.device))
            return wide.index_select(-2, _sources(rows, times, factor, native.device))
        return _repeat(_repeat(native, columns, times, -1), rows, times, -2)

    def expand(
        self, native: Tensor, times: int = 1, *, border: Callable[[Box], Tensor] | None = None, factor: int = 1
    ) -> Tensor:
        """:meth:`widen`, put into its borders.

        Args:
            border: gives a part of the stored picture, by its :data:`Box`; needed where the grid has borders.

        Returns:
            ``(..., H * times, W * times)`` of the whole stored picture.
        """
        inner = self.widen(native, times, factor)
        if not any(self.borders):
            return inner
        if border is None:
            raise ValueError(f"expected what is around the picture in borders of {self.borders}, got nothing")
        width, height = (side * times for side in self.stored_size)
        result = inner.new_empty((*inner.shape[:-2], height, width))
        for box in self.strips():
            left, top, right, bottom = (side * times for side in box)
            strip = border(box)
            result[..., top:bottom, left:right] = strip.repeat_interleave(times, -2).repeat_interleave(times, -1)
        left, top, _, _ = (side * times for side in self.borders)
        result[..., top : top + inner.shape[-2], left : left + inner.shape[-1]] = inner
        return result


def _resampled(picture: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """``(..., H, W)`` by weights ``(h, H)`` and ``(w, W)``; plane by plane, for which libraries are fastest."""
    planes = picture.reshape(-1, *picture.shape[-2:])
    made = torch.stack([down @ (plane @ across.T) for plane in planes])
    return made.reshape(*picture.shape[:-2], *made.shape[-2:])


def _repeat(native: Tensor, axis: Axis, times: int, dim: int) -> Tensor:
    if axis.even:
        return native if axis.even * times == 1 else native.repeat_interleave(axis.even * times, dim)
    return native.repeat_interleave(_widths(axis, native.device) * times, dim)


def part(picture: Tensor, box: Box) -> Tensor:
    """What lies in ``box`` of ``(..., H, W)``."""
    left, top, right, bottom = box
    return picture[..., top:bottom, left:right]


def run_starts(axis: Axis, device: torch.device) -> tuple[Tensor, Tensor]:
    """First stored pixel of each run, and its width, ``(count,)`` each."""
    return _starts(axis, device), _widths(axis, device)
