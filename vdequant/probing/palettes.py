"""Palettes of clip and scenes, their changes, and cycling: pictures that stay while their colors change."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vdequant.probing.views import UNSURE, View

MOST_COLORS = 4096  # that are kept; beyond that nothing is a palette
MOST_COUNTED = 150  # views in which colors are counted
MOST_PAIRS = 120  # of changed views that are compared color by color
FEWEST_CHANGED = 0.002  # share of the pixels that must change for a cycle
FEWEST_COLORS = 4  # of a cycle
CUT_LUMA, CUT_HISTOGRAM = 20.0, 0.35  # mean change of coarse luma, and of its histogram, at a cut
COARSE = 8
BINS = 32


@dataclass
class Scene:
    """From one cut to the next, as far as it was looked at."""

    start: float
    colors: set[int] = field(default_factory=set)
    most_at_once: int = 0


def _coarse(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = (size // COARSE * COARSE for size in luma.shape)
    blocks = luma[:height, :width].reshape(height // COARSE, COARSE, max(width // COARSE, 1), -1)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def is_cut(before: View, after: View) -> bool:
    """Whether two consecutive views belong to different scenes: everything changes, and other shades come."""
    if before.luma.shape != after.luma.shape or min(after.luma.shape) < COARSE:
        return False
    a, b = _coarse(before.luma), _coarse(after.luma)
    if float(np.abs(a - b).mean()) < CUT_LUMA:
        return False
    shares = [np.histogram(x, BINS, (0, 255))[0] / x.size for x in (a, b)]
    return float(np.abs(shares[0] - shares[1]).sum()) / 2 > CUT_HISTOGRAM


def is_recoloring(before: View, after: View) -> bool:
    """Whether the second view is the first with other colors: one for each old one, and the other way round."""
    if before.colors.shape != after.colors.shape:
        return False
    sure = (before.colors != UNSURE) & (after.colors != UNSURE)
    old, new = before.colors[sure].astype(np.int64), after.colors[sure].astype(np.int64)
    if (old != new).sum() < FEWEST_CHANGED * before.colors.size:
        return False
    pairs = np.unique((old << 24) | new)
    old, new = pairs >> 24, pairs & 0xFFFFFF
    count = len(pairs)
    return FEWEST_COLORS <= count <= 256 and len(np.unique(old)) == count == len(np.unique(new))


@dataclass
class Palettes:
    """Collected over runs of consecutive views that differ; ``start()`` begins a run."""

    scenes: list[Scene] = field(default_factory=list)
    cuts: int = 0
    seen: int = 0
    counted: int = 0
    changed: int = 0
    pairs: int = 0
    recolored: int = 0
    cycled: int = 0
    _before: View | None = None
    _last: set[int] | None = None

    def start(self) -> None:
        """The next view has nothing to do with the last one."""
        self._before = self._last = None

    def push(self, view: View, every: int = 1) -> None:
        """Take the next view; colors are counted, and compared, in every ``every``-th call."""
        before, self._before = self._before, view
        cut = before is not None and is_cut(before, view)
        self.cuts += cut
        if before is None or cut:
            self.scenes.append(Scene(view.seconds))
        elif self.pairs < MOST_PAIRS and self.seen % every == 0:
            self.pairs += 1
            self._compare(before, view)
        if before is None or cut or (self.counted < MOST_COUNTED and self.seen % every == 0):
            self._count(view)
        self.seen += 1

    def _compare(self, before: View, view: View) -> None:
        if is_recoloring(before, view):
            self.recolored += 1
            self.cycled += set(np.unique(before.colors).tolist()) == set(np.unique(view.colors).tolist())

    def _count(self, view: View) -> None:
        found = set(np.unique(view.colors).tolist()) - {UNSURE}
        scene = self.scenes[-1]
        if len(scene.colors) <= MOST_COLORS:
            scene.colors |= found
        scene.most_at_once = max(scene.most_at_once, len(found))
        if self.counted and self._last is not None:
            self.changed += not found <= self._last
        self.counted += 1
        self._last = found

    @property
    def colors(self) -> int:
        """Distinct colors over everything that was counted."""
        return len(set().union(*(scene.colors for scene in self.scenes))) if self.scenes else 0

    @property
    def change_share(self) -> float:
        """Share of the counted views that hold a color which the one before did not."""
        return self.changed / max(self.counted - 1, 1)

    @property
    def recolored_share(self) -> float:
        """Share of the changed views that only have other colors than the one before: cycles and fades."""
        return self.recolored / self.pairs if self.pairs else 0.0
