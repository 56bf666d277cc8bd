"""From the stored frames of a lossy clip to its clean colors, or the answer that they cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vdequant.frames import Frame, Layout, Matrix
from vdequant.quantizers.explaining import Explanation, explain, explain_again
from vdequant.quantizers.folding import codes_to_rgb, fold_codes, rgb_to_codes
from vdequant.quantizers.grid import Grid
from vdequant.quantizers.known_palettes import known_palettes
from vdequant.quantizers.modes import METRIC, Histogram, Modes, find_clouds, find_modes, histogram, nearest_mode
from vdequant.quantizers.recovering_halved import recover_halved
from vdequant.quantizers.snapping import REACH, Snap
from vdequant.quantizers.unmixing_snap import UnmixingSnap

PEAKED = 0.6  # share of the pixels that must lie in the cores of the peaks
MOST_COLORS = 320  # of a clip that is called drawn
CALM = 0.2  # share of the pixels that must be calm, where only those can be trusted
GRAY = 3.0  # codes of chroma up to which a clip is gray, so that subsampling has mixed nothing
LENIENT = 0.2  # on a lattice weak peaks beside strong ones are believed
RISKS, MARGINS = (0.0, 0.01, 0.04, 0.1), (0.9, 0.9, 0.6, 0.35)  # chance that noise crosses over, and what is sure then
FAR = 18.0  # codes that a pixel may lie from its color, with nothing near, where chroma was not mixed with neighbors'
SURE = 0.5  # share of the pixels that the snap must take to be worth while
SURE_ALONE = 0.95  # the same for colors of no lattice and no machine: shaded pictures have large flat parts, too
# Share of the pixels from which on a color is a ground, and share of all others that must be sure: a photograph or a
# text on a plain ground is not drawn with the few colors that the ground has. Of colors of the clip's own, more.
GROUND, BESIDE = 0.2, 0.3
GROUND_ALONE, BESIDE_ALONE = 0.05, 0.6
LITTLE_BESIDE = 0.01  # share of the pixels that the others must be to be asked
TYPICAL = 0.95  # quantile of the movements that is stated
NOISES = 2.0  # the same of noise, in standard deviations
RARE_REACH = 5.0  # codes in the metric of the peaks: pixels of a machine's color that has no peak
RARE_PIXELS, RARE_SHARE = 48, 4e-5  # of the pixels looked at, for such a color to be believed
RARE_COST = 1e-3  # share of the pixels that may become unsure by them all
STRAY = 2e-2  # share of the pixels from which a peak off the lattice is believed all the same


@dataclass(frozen=True)
class Recovery:
    """The clean colors of a clip.

    Attributes:
        snap: takes frames to them.
        explanation: the lattice or palette that they are of; its name is "" for a palette of the clip's own.
        colors: ``(K, 3)`` 8-bit codes, the most frequent first.
        sure: share of the sampled pixels that the snap takes.
        error: the 95th percentile, in 8-bit codes, of the largest difference of a snapped pixel's samples.
    """

    snap: Snap | UnmixingSnap
    explanation: Explanation
    colors: NDArray[np.int64]
    sure: float
    error: float

    def native(self, frame: Frame, grid: Grid | None) -> tuple[Tensor, Tensor]:
        """The native pixels of one frame, snapped: RGB ``(3, h, w)`` in [0, 1], and which are sure, ``(1, h, w)``."""
        codes, planes = fold_codes(frame.planes, frame.layout, grid)[None], tuple(plane[None] for plane in frame.planes)
        rgb, sure = self.snap.native(codes, planes, frame.layout, grid)
        return rgb[0], sure[0]


def _calm(codes: Tensor) -> Tensor:
    """``(3, P)`` codes of pixels whose 3x3 neighbors are alike: elsewhere 4:2:0 has mixed the chroma of neighbors."""
    luma = codes[:, :1]
    span = functional.max_pool2d(luma, 3, 1, 1) + functional.max_pool2d(-luma, 3, 1, 1)
    return codes.movedim(1, 0)[:, (span <= 4)[:, 0]]


def _merged(modes: Modes, found: Explanation, keep: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Distinct colors of the kept peaks, the heaviest first, and the peak of each."""
    colors, centers = found.colors[keep], modes.codes[keep]
    _, first = np.unique(colors, axis=0, return_index=True)
    first = np.sort(first)
    return colors[first], centers[first]


def _clean_colors(
    counted: Histogram, modes: Modes, layout: Layout, matrices: tuple[Matrix, ...]
) -> tuple[Explanation, NDArray[np.int64], NDArray[np.float64]]:
    found = explain(modes, layout, matrices)
    if not found.name:
        colors, centers = _merged(modes, found, np.ones(len(modes.codes), np.bool_))
        return found, colors, centers
    modes = find_clouds(counted, find_modes(counted, LENIENT))
    found = explain_again(modes, layout, found)
    colors, centers = _merged(modes, found, found.fits | (modes.weights > STRAY * modes.pixels))
    stored = rgb_to_codes(torch.from_numpy(colors / 255), layout, found.matrix).numpy()
    near = np.abs(stored - centers).max(axis=1) < 2
    # Between where the color should be stored and where its pixels are: encoders round in ways of their own.
    return found, colors, np.where(near[:, None], (stored + centers) / 2, centers)


def _with_rare_colors(
    counted: Histogram, found: Explanation, layout: Layout, colors: NDArray[np.int64], centers: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Further colors of a machine's palette that hold a few pixels each: of a sprite, or of one screen of a clip.

    They have no peak of their own beside those of heavy colors, but their place is known.
    """
    table = known_palettes()[found.name]
    rest = table[~(table[:, None] == colors[None]).all(-1).any(1)]
    stored = rgb_to_codes(torch.from_numpy(rest / 255), layout, found.matrix).numpy()
    index, distance = nearest_mode(counted.codes, stored)
    _, rival = nearest_mode(counted.codes, centers)
    own = (distance < RARE_REACH) & (2 * distance < rival)
    pixels = np.bincount(index[own], weights=counted.counts[own], minlength=len(rest))
    taken = pixels >= max(RARE_PIXELS, RARE_SHARE * counted.pixels)
    return np.concatenate([colors, rest[taken]]), np.concatenate([centers, stored[taken]])


def recover(
    frames: Sequence[Frame], grid: Grid | None, matrices: tuple[Matrix, ...], *, unmix: bool = True
) -> Recovery | None:
    """Find the clean colors behind a lossy codec.

    Args:
        frames: sampled over the clip, of one layout.
        grid: of native pixels, None where every stored pixel is one.
        matrices: that come into question, the assumed one first.
        unmix: see :func:`~vdequant.quantizers.estimate.estimate`.

    Returns:
        None when the clip is not drawn with few clean colors, or the codec left too little of them.
    """
    layout = frames[0].layout
    codes = torch.stack([fold_codes(frame.planes, layout, grid) for frame in frames])
    colored = bool((codes[:, 1:] - 128).abs().amax() > GRAY) if layout.model == "yuv" else False
    subsampled = (grid is None or not grid.enlarged) and layout.chroma != (0, 0) and colored
    if subsampled and unmix:
        halved = recover_halved(frames, matrices)
        if halved is not None:
            return _of_halved(*halved)
    counted = histogram(_calm(codes) if subsampled else codes)
    if counted.pixels < CALM * codes[:, 0].numel():
        return None
    modes = find_modes(counted)
    if modes.peaked < PEAKED or not 2 <= len(modes.codes) <= MOST_COLORS:
        return None
    found, colors, centers = _clean_colors(counted, modes, layout, matrices)
    far = REACH if subsampled else FAR
    snap = _snap(counted, colors, centers, layout, found.matrix, far)
    clean, sure = snap(codes)
    share = float(sure.float().mean())
    if found.name and found.levels is None and not subsampled:
        more, places = _with_rare_colors(counted, found, layout, colors, centers)
        richer = _snap(counted, more, places, layout, found.matrix, far)
        also_clean, also_sure = richer(codes)
        # Colors that are not there make the pixels of their neighbors unsure.
        if float(also_sure.float().mean()) >= share - RARE_COST:
            snap, clean, sure, colors, share = richer, also_clean, also_sure, more, float(also_sure.float().mean())
    if share < (SURE if found.name else SURE_ALONE) or not _is_drawn(snap.labels(codes), len(colors), found):
        return None
    decoded = codes_to_rgb(codes.movedim(-3, -1), layout, found.matrix).clamp_(0, 1).movedim(-1, -3)
    moved = (clean - decoded).abs().amax(1)[sure[:, 0]]
    return Recovery(snap, found, colors, share, float(moved[:: max(1, len(moved) >> 20)].quantile(TYPICAL)) * 255)


def _of_halved(snap: UnmixingSnap, found: Explanation, colors: Tensor, sure: float) -> Recovery:
    return Recovery(snap, found, (colors * 255).round().long().numpy(), sure, NOISES * snap.mixing.luma_noise)


def _is_drawn(labels: Tensor, count: int, found: Explanation) -> bool:
    """Whether what stands on the ground is drawn in clean colors, too."""
    ground, beside = (GROUND, BESIDE) if found.name else (GROUND_ALONE, BESIDE_ALONE)
    shares = torch.bincount(labels.flatten().long() + 1, minlength=count + 1)[1:] / labels.numel()  # label -1: unsure
    others = 1 - float(shares[shares > ground].sum())
    return others < LITTLE_BESIDE or float(shares[shares <= ground].sum()) >= beside * others


def _snap(
    counted: Histogram,
    colors: NDArray[np.int64],
    centers: NDArray[np.float64],
    layout: Layout,
    matrix: Matrix,
    far: float,
) -> Snap:
    """To these colors, which are stored as those centers."""
    return Snap(
        torch.from_numpy(colors / 255).float(),
        torch.from_numpy(centers).float(),
        torch.from_numpy(_margins(counted, centers)).float(),
        layout,
        matrix,
        far,
    )


def _margins(counted: Histogram, centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far a pixel may lie from each color, as a share of its distance to the second nearest one.

    The codec's noise is about Laplacian: with a mean distance s from its color, a pixel crosses the border to another
    color at distance g with a chance of ``exp(-g / 2s) / 2``.
    """
    index, distance = nearest_mode(counted.codes, centers)
    near = distance < REACH
    weights = np.bincount(index[near], weights=counted.counts[near], minlength=len(centers))
    sums = np.bincount(index[near], weights=(counted.counts * distance)[near], minlength=len(centers))
    scatter = np.maximum(sums / np.maximum(weights, 1), 0.25)
    gaps = np.sqrt((((centers[:, None] - centers[None]) * METRIC) ** 2).sum(-1))
    np.fill_diagonal(gaps, np.inf)
    risk = np.exp(-gaps.min(axis=1) / (2 * scatter)) / 2
    return np.asarray(np.interp(risk, RISKS, MARGINS))
