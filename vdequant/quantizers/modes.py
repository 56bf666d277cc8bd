"""The clean colors of a lossy clip: peaks of the histogram of its stored codes.

A codec scatters the pixels of one drawn color around the code that this color was stored as; over a few frames that
code stays the most frequent by far. Gradients and photographs have no such peaks, and then few of the pixels lie in
the cores of those that are found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

MOST_MODES = 512
FEWEST_PIXELS = 12  # of a peak, and as a share of all pixels:
FEWEST_SHARE = 1.5e-5
ALONE = (1, 3, 3)  # half sides of the box, in codes, in which a peak is the highest; chroma scatters more than luma
CORE = (1, 2, 2)  # half sides of what counts as the peak itself
CHROMA_WEIGHT = 0.45  # of a chroma step against one of luma, in the distance between two peaks
# How strong a peak has to be against a stronger one at that distance, or it is taken for the other's noise. Measured
# on captures at crf 18: at most a fifth at distance 4, a twentieth at 8.
DISTANCES = (1.5, 3.0, 5.0, 8.0, 14.0, 20.0)
RIVALS = (1.0, 0.5, 0.15, 0.05, 0.01, 0.0)
# The same for clouds, against the pixels of the peaks around them: false ones have the luma of a heavy peak, because it
# is chroma that codecs smear.
CLOUD_SCALE = np.array([2.0, CHROMA_WEIGHT, CHROMA_WEIGHT])
CLOUD_DISTANCES, CLOUD_RIVALS = (6.0, 12.0, 20.0, 28.0), (0.1, 0.04, 0.008, 0.0)
FLAT_PIXELS = 40  # that a weak peak has at least, and:
SHARP = 0.25  # share of a core in its middle code: flat areas, where weak peaks may be believed
STANDS_OUT = (0.15, 0.4)  # share of the most frequent value from which it begins to count, and counts alone
METRIC = np.array([1.0, 0.7, 0.7])  # weights of code differences when pixels are given to peaks
REACH = 6.0  # in that metric: pixels farther from every peak belong to none
LIGHTEST_CLOUD = 1e-4  # share of the pixels, for colors that are too scattered to have a peak: small moving sprites
MOST_CLOUDS = 96
CLOUD_PLACES = np.array([1 << 12, 1 << 6, 1])  # of a cell's three indices, each below 64
CLOUD_CELL = np.array([4, 6, 6])  # codes; where the next cloud is looked for
COMPACT = 0.35  # share of a cloud's pixels within half its reach; an even spread has an eighth
SETTLE = 2  # rounds of giving pixels to peaks and moving the peaks

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """Distinct codes of some pictures, the fullest first.

    Attributes:
        codes: ``(U, 3)`` whole 8-bit codes.
        counts: ``(U,)`` pixels of each.
    """

    codes: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def pixels(self) -> int:
        """Number of pixels counted."""
        return int(self.counts.sum())


@dataclass(frozen=True)
class Modes:
    """The peaks of a histogram.

    Attributes:
        codes: ``(K, 3)`` codes in 8-bit units, the heaviest first.
        weights: ``(K,)`` pixels that are nearest to each and within its reach.
        peaked: share of all pixels in the cores of the peaks: above 0.7 for drawn art, below for photographs.
        pixels: number of pixels counted.
    """

    codes: Array
    weights: NDArray[np.int64]
    peaked: float
    pixels: int


def histogram(codes: Tensor) -> Histogram:
    """Count the codes ``(N, 3, h, w)`` or ``(3, P)``, rounded to whole ones."""
    whole = codes.round().clamp(0, 255).int().movedim(-3 if codes.ndim > 2 else 0, -1).reshape(-1, 3)
    packed = ((whole[:, 0] << 16) | (whole[:, 1] << 8) | whole[:, 2]).cpu().numpy()
    keys, counts = np.unique(packed, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    keys = keys[order].astype(np.int64)
    return Histogram(np.stack([keys >> 16, (keys >> 8) & 255, keys & 255], axis=1), counts[order].astype(np.int64))


def _box(center: NDArray[np.int64], half: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    a, b, c = (slice(max(0, int(x) - h), int(x) + h + 1) for x, h in zip(center, half, strict=True))
    return a, b, c


def _peaks(found: Histogram, leniency: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Places and core weights of the peaks, stronger ones first."""
    dense = np.zeros((256, 256, 256), np.float32)
    dense[found.codes[:, 0], found.codes[:, 1], found.codes[:, 2]] = found.counts
    fewest = max(FEWEST_PIXELS, FEWEST_SHARE * found.pixels)
    places, cores = np.zeros((MOST_MODES, 3), np.int64), np.zeros(MOST_MODES)
    scale = np.array([1.0, CHROMA_WEIGHT, CHROMA_WEIGHT])
    taken = 0
    for place, count in zip(found.codes, found.counts, strict=True):
        if count < fewest or taken == MOST_MODES:
            break
        close = dense[_box(place, CORE)]
        if count < close.max():
            continue
        core = float(close.sum())
        flat = leniency < 1 and count > max(SHARP * core, FLAT_PIXELS)
        if not flat and count < dense[_box(place, ALONE)].max():
            continue
        distances = np.abs(places[:taken] - place) @ scale
        needed = np.interp(distances, DISTANCES, RIVALS) * cores[:taken]
        if taken and core < needed.max() * (leniency if flat else 1):
            continue
        places[taken], cores[taken] = place, core
        taken += 1
    return places[:taken], cores[:taken]


def nearest_mode(codes: NDArray[np.int64], centers: Array) -> tuple[NDArray[np.int64], Array]:
    """Index of and weighted distance to the nearest center of each of ``(U, 3)`` codes."""
    indices, distances = [], []
    scaled, half = centers * METRIC, ((centers * METRIC) ** 2).sum(1) / 2
    for part in np.array_split(codes * METRIC, max(1, len(codes) * len(centers) >> 22)):
        best = (half - part @ scaled.T).argmin(1)
        indices.append(best)
        distances.append(np.sqrt(((part - scaled[best]) ** 2).sum(1)))
    return np.concatenate(indices), np.concatenate(distances)


def _middle(found: Histogram, index: NDArray[np.int64], count: int, channel: int) -> Array:
    """Where the true value of a channel lies in each of ``count`` clusters; index -1 belongs to none.

    The most frequent value where one stands out, because the codec kept it there; else the median.
    """
    inside = index >= 0
    flat = index[inside] * 256 + found.codes[inside, channel]
    table = np.bincount(flat, weights=found.counts[inside], minlength=count * 256).reshape(count, 256)
    total = np.maximum(table.sum(1), 1)
    median = (np.cumsum(table, axis=1) * 2 >= total[:, None]).argmax(1)
    trust = np.clip((table.max(1) / total - STANDS_OUT[0]) / (STANDS_OUT[1] - STANDS_OUT[0]), 0, 1)
    return np.asarray(trust * table.argmax(1) + (1 - trust) * median)


def _settle(found: Histogram, centers: Array) -> tuple[Array, NDArray[np.int64]]:
    """Centers moved to the middle of their pixels, equal ones merged; and how many pixels each has."""
    weights = np.zeros(len(centers), np.int64)
    for _ in range(SETTLE):
        index, distance = nearest_mode(found.codes, centers)
        index = np.where(distance < REACH, index, -1)
        weights = np.bincount(index[index >= 0], weights=found.counts[index >= 0], minlength=len(centers)).astype(
            np.int64
        )
        moved = np.stack([_middle(found, index, len(centers), channel) for channel in range(3)], axis=1)
        order = np.argsort(-weights, kind="stable")
        order = order[weights[order] > 0]
        _, first = np.unique(moved[order].round(), axis=0, return_index=True)
        kept = order[np.sort(first)]
        centers, weights = moved[kept], weights[kept]
    return centers, weights


def _median(codes: NDArray[np.int64], counts: NDArray[np.int64]) -> Array:
    """Weighted median of each channel."""
    result = np.zeros(3)
    for channel in range(3):
        order = np.argsort(codes[:, channel], kind="stable")
        reached = np.cumsum(counts[order]) * 2 >= counts.sum()
        result[channel] = codes[order[int(reached.argmax())], channel]
    return result


def _clouds(rest: Histogram, pixels: int) -> tuple[Array, NDArray[np.int64]]:
    """Centers and weights of compact clouds among codes that belong to no peak, one after the other."""
    codes, counts = rest.codes, rest.counts
    centers, weights = [], []
    for _ in range(MOST_CLOUDS):
        if counts.sum() < LIGHTEST_CLOUD * pixels:
            break
        place = (codes // CLOUD_CELL) @ CLOUD_PLACES
        cell = int(np.bincount(place, weights=counts).argmax())
        center = (np.array([cell >> 12, (cell >> 6) & 63, cell & 63]) + 0.5) * CLOUD_CELL
        for _ in range(SETTLE):
            distance = np.sqrt((((codes - center) * METRIC) ** 2).sum(1))
            near = distance < REACH
            if not near.any():
                break
            center = _median(codes[near], counts[near])
        weight = int(counts[near].sum())
        if weight >= max(FEWEST_PIXELS, LIGHTEST_CLOUD * pixels) and (
            counts[distance < REACH / 2].sum() >= COMPACT * weight
        ):
            centers.append(center)
            weights.append(weight)
        gone = near | (place == cell)
        codes, counts = codes[~gone], counts[~gone]
    return np.array(centers).reshape(-1, 3), np.array(weights, np.int64)


def find_clouds(found: Histogram, modes: Modes) -> Modes:
    """``modes`` and the colors that are too scattered to have a peak of their own."""
    _, distance = nearest_mode(found.codes, modes.codes)
    free = distance >= REACH
    centers, weights = _clouds(Histogram(found.codes[free], found.counts[free]), found.pixels)
    distances = np.abs(centers[:, None] - modes.codes[None]) @ CLOUD_SCALE
    own = weights > (np.interp(distances, CLOUD_DISTANCES, CLOUD_RIVALS) * modes.weights).max(axis=1, initial=0)
    codes, pixels = np.concatenate([modes.codes, centers[own]]), np.concatenate([modes.weights, weights[own]])
    return Modes(codes, pixels, modes.peaked, modes.pixels)


def find_modes(found: Histogram, leniency: float = 1.0) -> Modes:
    """At most :data:`MOST_MODES` peaks; ``leniency`` below 1 takes weaker ones beside strong ones."""
    places, cores = _peaks(found, leniency)
    peaked = min(1.0, float(cores.sum()) / max(found.pixels, 1))
    if not len(places):
        return Modes(np.zeros((0, 3)), np.zeros(0, np.int64), 0.0, found.pixels)
    centers, weights = _settle(found, places.astype(np.float64))
    return Modes(centers, weights, peaked, found.pixels)
