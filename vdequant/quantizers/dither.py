"""Quantizers that dither: what a pixel cannot show, its neighbors make up for, so that local means survive.

Ordered kinds mix two stored values per pixel, a darker and a lighter one; the pixel becomes the lighter one where the
true share of it exceeds the threshold of its place:

    darker ├──────────────┼──────────────┤ lighter        share 0.3: lighter where the threshold is below 0.3,
           0            x = 0.3          1                so 30 % of the places, and the mean is x
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vdequant.checks import check_choice, check_picture
from vdequant.errors import UsageError
from vdequant.quantizers import DITHER_KINDS
from vdequant.quantizers.base import Cells, Quantizer, per_picture
from vdequant.quantizers.dither_orders import LISTED, PATTERNS, PERIODS, thresholds
from vdequant.quantizers.error_diffusion import KERNELS, Colors, Nearest, diffuse
from vdequant.quantizers.halftone import are_few, in_few_levels, shaded
from vdequant.quantizers.mean_cells import MeanCells, dithered_cells, half_steps
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.pattern_cells import PatternCells, ordered_boxes
from vdequant.quantizers.positional import positional
from vdequant.quantizers.rows import from_rows, to_rows
from vdequant.quantizers.threshold import GrayQuantizer, ThresholdQuantizer, gray
from vdequant.quantizers.uniform import BoxCells, UniformQuantizer

# Share of a mixture's contrast that counts as error: keeps the pattern from mixing far colors where near ones do.
CONTRAST_COST = 0.1
# Patterns that the networks were not trained on, and undo better when told each pixel's interval (by 1 to 3 dB).
IRREGULAR = ("column", "bluenoise")
# Levels of each channel from which on that holds of every pattern: photographs at 5 bits gain 5.5 dB instead of 3.5
# (cellnet-s, two Kodak pictures, Bayer 4x4), five game screens 3.5 instead of 3.7.
FINE = 24
PAIRS = 1 << 18  # of pixels and colors, looked at together: what a processor's cache holds


@dataclass(frozen=True)
class Mixture:
    """The two stored values that a pixel may become, and how much of the lighter one it holds.

    Uniform: everything ``(N, 3, H, W)``, per channel. Palettes: ``share`` and ``contrast`` are ``(N, 1, H, W)``.
    ``contrast`` is the squared distance between the two, counted in levels for levels, as in ``soft`` of both.
    """

    darker: Tensor
    lighter: Tensor
    share: Tensor
    contrast: Tensor


def level_mixture(x: Tensor, levels: list[Tensor]) -> Mixture:
    """Per channel the levels below and above each sample; samples beyond the ends hold all of the end level."""
    planes = []
    for channel, values in enumerate(levels):
        sample, scale = x[:, channel], values.to(x)
        below = torch.bucketize(sample.detach().contiguous(), scale, right=True).sub_(1).clamp_(0, len(scale) - 2)
        darker, lighter = scale[below], scale[below + 1]
        planes.append((darker, lighter, ((sample - darker) / (lighter - darker)).clamp(0, 1)))
    darker, lighter, share = (torch.stack(part, dim=1) for part in zip(*planes, strict=True))
    return Mixture(darker, lighter, share, torch.ones_like(share))


def _mixed_pair(colors: Tensor, palette: Tensor) -> tuple[Tensor, Tensor]:
    """For each color of ``(P, 3)`` the indices of the nearest palette color and of the best one to mix it with.

    The best partner leaves the least error between the color and its place on the segment from the nearest one, plus
    a part of the pattern's contrast.
    """
    gaps = torch.cdist(palette, palette, compute_mode="donot_use_mm_for_euclid_dist").square()
    closeness = torch.where(gaps > 0, 1 / gaps, 0)
    nearest, partners = [], []
    half_norms = (palette * palette).sum(1) / 2
    for part in torch.split(colors, max(1, PAIRS // len(palette))):
        own = (half_norms - part @ palette.T).argmin(1)
        moved = part - palette[own]
        # (x - q)·(p - q), exactly zero for a color of the palette
        along = (moved @ palette.T - (moved * palette[own]).sum(1, keepdim=True)).clamp_(min=0)
        share = along * closeness[own]
        # |x - q|² left out: share² gap - 2 share along + cost share (1 - share) gap, with share = along / gap
        error = along.mul_(CONTRAST_COST - (1 + CONTRAST_COST) * share)
        nearest.append(own)
        partners.append(error.argmin(1))
    return torch.cat(nearest), torch.cat(partners)


def color_mixture(x: Tensor, palette: Tensor) -> Mixture:
    """The nearest palette color and the one that explains best what it leaves over, by luma."""
    pixels, colors = to_rows(x), palette.to(x)
    luma = gray(colors[..., None, None])[:, 0, 0]
    with torch.no_grad():
        first, second = _mixed_pair(pixels.detach(), colors)
        swap = luma[second] < luma[first]
        dark, light = torch.where(swap, second, first), torch.where(swap, first, second)
    darker, lighter = colors[dark], colors[light]
    contrast = ((lighter - darker) * (lighter - darker)).sum(1, keepdim=True)
    share = ((pixels - darker) * (lighter - darker)).sum(1, keepdim=True) / contrast.clamp(min=1e-30)
    parts = [from_rows(part, x) for part in (darker, lighter, share.clamp(0, 1), contrast)]
    return Mixture(parts[0], parts[1], parts[2], parts[3])


class DitherQuantizer:
    """Dithers to the values of another quantizer.

    The borders between levels do not matter here, only the levels: a mixture of two is chosen by distance. Gray
    quantizers are given the weighted gray of the picture.

    Args:
        inner: levels per channel, one palette, or gray levels.
        kind: one of DITHER_KINDS: "fs" (Floyd-Steinberg), "atkinson", "jarvis", "stucki", "burkes", "sierra",
            "sierra-lite" (error diffusion; the last is FFmpeg's sierra2_4a), "bayer2", "bayer4", "bayer8",
            "checkerboard", "column", "bluenoise", "playstation", "knoll4", "knoll8" (positional; between levels, which
            need no more than two values to keep a mean, the same as "bayer4" and "bayer8").

    Raises:
        UsageError: for another kind, or a quantizer that has no levels or colors to mix.
    """

    def __init__(self, inner: Quantizer, kind: str) -> None:
        self.kind = check_choice(kind, DITHER_KINDS, "dither")
        self.inner = inner
        self.is_gray = isinstance(inner, GrayQuantizer | ThresholdQuantizer)
        self._values = values = _values_of(inner)
        # Colors that places choose from
        self._listed = values.palette if kind in LISTED and isinstance(values, PaletteQuantizer) else None

    @property
    def ordered(self) -> bool:
        """Whether a fixed pattern decides; otherwise errors are diffused."""
        return self.kind in PATTERNS

    @property
    def period(self) -> int:
        """Pixels after which the pattern repeats: tiles of a picture have to begin at multiples of it."""
        return PERIODS.get(self.kind, 1)

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return f"{self.inner.describe()}, dithered ({self.kind})"

    def _wanted(self, x: Tensor) -> Tensor:
        check_picture(x)
        return gray(x)[:, None].expand_as(x) if self.is_gray else x

    def _mixture(self, x: Tensor) -> Mixture:
        if isinstance(self._values, UniformQuantizer):
            return level_mixture(x, self._values.levels)
        return color_mixture(x, self._values.palette)

    def _thresholds(self, x: Tensor) -> Tensor:
        return thresholds(self.kind, x.shape[-2], x.shape[-1], x.device).to(x.dtype)

    def quantize(self, x: Tensor) -> Tensor:
        """The dithered picture; every pixel is a value of the inner quantizer. Error diffusion runs on the CPU."""
        x = self._wanted(x.detach())
        if self._listed is not None:
            return positional(x, self._thresholds(x), self.period**2, self._listed.to(x))
        if self.ordered:
            mixture, pattern = self._mixture(x), self._thresholds(x)
            if isinstance(self._values, UniformQuantizer):
                # the very expression that bounds the boxes, so that a sample on the border is on the same side of it
                lighter = x >= mixture.darker + pattern * (mixture.lighter - mixture.darker)
            else:
                lighter = mixture.share > pattern
            return torch.where(lighter, mixture.lighter, mixture.darker)
        pixels = x.to("cpu", torch.float32)
        if isinstance(self._values, UniformQuantizer):
            stored = diffuse(pixels.numpy(), nearest_levels(self._values.levels), KERNELS[self.kind])
        else:
            flat = into_hull(pixels, self._values.palette)
            stored = diffuse(flat.numpy(), _nearest_colors(self._values.palette), KERNELS[self.kind])
        return torch.from_numpy(stored).to(x)

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """Ordered: eq. 8 and 10 of *map* with the two values of the mixture, x moved by the pattern's offset.

        The offset ``(0.5 - threshold) * (lighter - darker)`` is what an ordered dither adds before rounding. Error
        diffusion and lists of colors have no such form: given is the expected value, x itself within the range of the
        stored values, whatever ``k`` is; this does not tend to :meth:`quantize`, but its local means do.
        """
        x = self._wanted(x)
        if not self.ordered or self._listed is not None:
            return torch.maximum(torch.minimum(x, self._end(x, 1)), self._end(x, 0))
        mixture, sharpness = self._mixture(x), per_picture(k, x, 4)
        weight = torch.sigmoid(2 * sharpness * mixture.contrast * (mixture.share - self._thresholds(x)))
        return mixture.darker + weight * (mixture.lighter - mixture.darker)

    def _end(self, x: Tensor, end: int) -> Tensor:
        """Smallest (0) or largest (1) stored value of each channel, ``(3, 1, 1)``."""
        values = self._values
        channels = values.levels if isinstance(values, UniformQuantizer) else list(values.palette.unbind(1))
        return torch.stack([channel.amax() if end else channel.amin() for channel in channels]).to(x)[:, None, None]

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.quantize(x) + (x - x.detach())

    def cells(self, y: Tensor) -> Cells:
        """Ordered levels: exact intervals, since every place's threshold is known. Otherwise cells of local means."""
        check_picture(y, "y")
        cells = self._cells(y)
        driven = self._drives_apart and isinstance(cells, MeanCells) and cells.halftone
        return replace(cells, atkinson=True) if driven else cells  # type: ignore[type-var]

    @property
    def _drives_apart(self) -> bool:
        """Whether this is Atkinson's dither of two tones, of levels black and white."""
        values = self._values
        if self.kind != "atkinson":
            return False
        if isinstance(values, PaletteQuantizer):
            return len(values.palette) == 2
        return all(channel.tolist() == [0, 1] for channel in values.levels)

    def _cells(self, y: Tensor) -> Cells:
        values = self._values
        if isinstance(values, PaletteQuantizer):
            return shaded(values, y)
        if isinstance(self.inner, GrayQuantizer):
            return in_few_levels(dithered_cells(self.inner.color_cells(y)), values.levels, gray=True)
        if self.is_gray:  # black and white
            return in_few_levels(dithered_cells(self.inner.cells(y)), values.levels, gray=True)
        if self.ordered:
            fine = min(map(len, values.levels)) >= FINE
            return self.pattern_cells(y) if self.regular and not fine else self.intervals(y)
        return shaded(values, y)

    @property
    def regular(self) -> bool:
        """Whether levels of each channel are dithered in a pattern that networks know: see :meth:`pattern_cells`."""
        patterned = self.ordered and isinstance(self._values, UniformQuantizer)
        return patterned and not self.is_gray and self.kind not in IRREGULAR

    def intervals(self, y: Tensor) -> BoxCells:
        """Where each sample of an ordered dither between levels can have been.

        Raises:
            TypeError: of another dither.
        """
        if not self.ordered or not isinstance(self._values, UniformQuantizer):
            raise TypeError(f"expected levels in a known pattern, got {self.describe()}")
        return ordered_boxes(y, self._values.levels, self._thresholds(y))

    def pattern_cells(self, y: Tensor) -> PatternCells:
        """The same, told as a dither; see there."""
        if not isinstance(self._values, UniformQuantizer):
            raise TypeError(f"expected levels in a known pattern, got {self.describe()}")
        half_step = half_steps(self._values.cells(y))
        return PatternCells(y, y - half_step, y + half_step, self.intervals(y), halftone=are_few(self._values.levels))


def _values_of(inner: Quantizer) -> UniformQuantizer | PaletteQuantizer:
    """The values to mix, without the borders between them: a dithered sample says nothing about those."""
    if isinstance(inner, UniformQuantizer):
        return UniformQuantizer([channel.tolist() for channel in inner.levels])
    if isinstance(inner, ThresholdQuantizer):
        return UniformQuantizer([[0.0, 1.0]] * 3)
    if isinstance(inner, GrayQuantizer):
        return UniformQuantizer.of_levels(inner.levels)
    if isinstance(inner, PaletteQuantizer) and inner.palette.ndim == 2:
        return PaletteQuantizer(inner.palette.detach().to("cpu", torch.float32))
    raise UsageError(
        f"expected levels, bits, grays or a palette to dither, got {inner.describe()}; use --dither none with it"
    )


def into_hull(x: Tensor, palette: Tensor) -> Tensor:
    """Pictures moved into the flat through all palette colors: a line for grays, all of space for most palettes.

    What no mixture can show (the hue, for grays) would pile up as error. Pixels that are there already keep their
    samples to the last bit.
    """
    origin = palette.mean(0)
    _, sizes, axes = torch.linalg.svd((palette - origin).double(), full_matrices=False)
    axes = axes[sizes > 1e-4]
    if len(axes) == 3:
        return x
    moved = from_rows((to_rows(x) - origin) @ (axes.T @ axes).to(x.dtype) + origin, x)
    return torch.where((moved - x).abs().amax(1, keepdim=True) < 1e-5, x, moved)


def nearest_levels(levels: list[Tensor]) -> Nearest:
    """The nearest level of each channel."""
    scales = [channel.numpy() for channel in levels]
    middles = [(scale[1:] + scale[:-1]) / 2 for scale in scales]

    def nearest(wanted: Colors) -> Colors:
        pairs = enumerate(zip(scales, middles, strict=True))
        return np.stack([scale[np.searchsorted(middle, wanted[:, c])] for c, (scale, middle) in pairs], axis=1)

    return nearest


def _nearest_colors(palette: Tensor) -> Nearest:
    """The nearest palette color."""
    colors = palette.numpy()
    half_norms, transposed = (colors * colors).sum(1) / 2, np.ascontiguousarray(colors.T)

    def nearest(wanted: Colors) -> Colors:
        chosen: Colors = colors[(half_norms - wanted @ transposed).argmin(1)]
        return chosen

    return nearest
