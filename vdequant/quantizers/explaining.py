"""Which lattice or machine palette, and which matrix, explain the peaks of a lossy clip?

Each hypothesis says that every color of the clip is one of N colors. A peak is the stored code of its color, rounded
and a little blurred; so the likelihood of a peak is a narrow bell around the nearest stored code of the N, against an
even spread over the whole cube of colors when there is no structure. The bell is worth ``volume / N`` and more where N
is small, so that the coarsest lattice that fits wins by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import pi

import numpy as np
import torch
from numpy.typing import NDArray

from vdequant.frames import Layout, Matrix
from vdequant.quantizers.folding import codes_to_rgb, rgb_to_codes
from vdequant.quantizers.known_palettes import known_palettes
from vdequant.quantizers.lattices import Candidates, candidates
from vdequant.quantizers.modes import Modes

Array = NDArray[np.float64]

YUV_SPREAD = np.array([0.5, 0.7, 0.7])  # codes by which peaks miss the stored code of their color
RGB_SPREAD = np.array([1.0, 1.0, 1.0])
OUTLIERS = 0.1  # share of peaks that are noise
LIGHTEST = 5e-4  # share of the pixels that a peak must have to count as evidence
NEUTRAL = 6.0  # codes by which R, G and B of a peak may differ for it to be black, gray or white, which all sets have
COLORED = 1.0  # decimal orders that colored peaks have to speak for, before neutral ones count, too
UNLIKELY = 1.0  # decimal orders that a matrix other than the assumed one has to bring along
ENOUGH = 3.5  # decimal orders by which a hypothesis must beat no structure
RARITY = 0.7  # decimal orders that a lattice other than of repeated bits has to bring along; they differ by one code
BELIEVED = 20.0  # squared misses, in spreads, up to which a peak is of a lattice that others have proved
FITTING = 0.75  # share of the peaks' pixels that must fit it


@dataclass(frozen=True)
class Explanation:
    """What explains the peaks best.

    Attributes:
        name: of the lattice in R / G / B, of the palette, or "" when nothing does.
        matrix: under which the peaks were decoded.
        colors: ``(K, 3)`` 8-bit RGB of the peaks: of the hypothesis where they fit it, else as decoded.
        fits: ``(K,)`` which peaks fit.
        levels: codes of R, G, B of a lattice, None otherwise.
        evidence: decimal orders over no structure.
    """

    name: str
    matrix: Matrix
    colors: NDArray[np.int64]
    fits: NDArray[np.bool_]
    levels: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None
    evidence: float

    @property
    def words(self) -> str:
        """The name, with what it is of."""
        if self.levels is None:
            return self.name
        return f"{self.name} in R / G / B" if "/" in self.name else f"{self.name} per channel"


@dataclass(frozen=True)
class _View:
    """The peaks decoded under one matrix: RGB in 0..255, and the linear map from RGB steps to code steps."""

    matrix: Matrix
    rgb: Array
    to_codes: Array
    spread: Array
    volume: float  # of the cube of colors, in codes
    shares: Array  # of the pixels, the heaviest peak first

    def scores(self, nearest: Array, count: float) -> Array:
        """Decimal orders, per peak, by which ``count`` colors of which ``nearest`` is the nearest beat no structure."""
        misses = ((nearest - self.rgb) @ self.to_codes) / self.spread
        bell = np.exp(-0.5 * (misses**2).sum(-1)) / ((2 * pi) ** 1.5 * self.spread.prod())
        return np.asarray(np.log10((1 - OUTLIERS) * bell * self.volume / count + OUTLIERS))


def _view(modes: Modes, layout: Layout, matrix: Matrix) -> _View:
    rgb = (codes_to_rgb(torch.from_numpy(modes.codes), layout, matrix) * 255).numpy()
    steps = torch.cat([torch.eye(3, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.float64)]) / 255
    mapped = rgb_to_codes(steps, layout, matrix).numpy()
    to_codes = mapped[:3] - mapped[3]
    volume = 255.0**3 * abs(float(np.linalg.det(to_codes)))
    spread = YUV_SPREAD if layout.model == "yuv" else RGB_SPREAD
    return _View(matrix, rgb, to_codes, spread, volume, modes.weights / max(int(modes.weights.sum()), 1))


def _total(view: _View, scores: Array) -> float:
    """Evidence of the heaviest peaks, as many as speak for a hypothesis most: the lighter ones may all be noise.

    Minus infinity when too few of the pixels fit. Black, gray and white alone say nothing: a photograph or a text on a
    plain ground has them, too, and they are where they are under any matrix.
    """
    if float(view.shares[scores > 0].sum()) < FITTING:
        return -np.inf
    heavy = view.shares >= LIGHTEST
    colored = np.cumsum(np.where(np.ptp(view.rgb, axis=1) > NEUTRAL, scores, 0.0)[heavy]).max(initial=0.0)
    return float(np.cumsum(scores[heavy]).max(initial=0.0) if colored >= COLORED else colored)


def _corners(view: _View, levels: Array, channel: int) -> Array:
    """``(K, 3)`` the three ascending levels nearest to each peak."""
    place = np.clip(np.searchsorted(levels, view.rgb[:, channel]), 1, max(1, len(levels) - 1))
    return np.stack([levels[np.clip(place + step, 0, len(levels) - 1)] for step in (-2, -1, 0)], axis=1)


def _nearest_on_lattice(view: _View, corners: list[Array]) -> Array:
    """``(K, 3)`` the lattice colors whose stored codes are nearest to the peaks; 27 are tried for each."""
    red, green, blue = corners
    shape = (len(red), 3, 3, 3)
    grid = np.stack(
        [
            np.broadcast_to(red[:, :, None, None], shape),
            np.broadcast_to(green[:, None, :, None], shape),
            np.broadcast_to(blue[:, None, None, :], shape),
        ],
        axis=-1,
    ).reshape(len(red), 27, 3)
    misses = (((grid - view.rgb[:, None]) @ view.to_codes / view.spread) ** 2).sum(-1)
    return np.asarray(grid[np.arange(len(grid)), misses.argmin(1)])


def _machine_triples(tables: Candidates) -> list[tuple[int, int, int]]:
    """Lattices of bits; "m levels" have too many members that fit anything when codes are blurred."""
    rows = [tuple(row) for row in tables.triples.tolist()]
    return [(r, g, b) for r, g, b in rows if all("bits" in tables.names[i] for i in (r, g, b))]


def _is_rare(name: str) -> bool:
    """Whether the set is not simply a number of bits repeated to 8."""
    return re.fullmatch(r"\d bits", name) is None


def _lattice_name(tables: Candidates, triple: tuple[int, int, int]) -> str:
    names = [tables.names[i] for i in triple]
    return names[0] if len(set(names)) == 1 else " / ".join(names)


def _best_lattice(view: _View) -> tuple[float, tuple[int, int, int], Array, Array]:
    """Evidence, rows, nearest colors and scores of the lattice with the most evidence."""
    tables = candidates()
    triples = _machine_triples(tables)
    levels = {row: np.flatnonzero(tables.members[row]).astype(np.float64) for triple in triples for row in triple}
    corners = {(row, c): _corners(view, levels[row], c) for row in levels for c in range(3)}
    best: tuple[float, tuple[int, int, int], Array, Array] | None = None
    for triple in triples:
        nearest = _nearest_on_lattice(view, [corners[row, c] for c, row in enumerate(triple)])
        scores = view.scores(nearest, float(np.prod([len(levels[row]) for row in triple])))
        total = _total(view, scores) - RARITY * any(_is_rare(tables.names[row]) for row in triple)
        if best is None or total > best[0]:
            best = total, triple, nearest, scores
    if best is None:
        raise ValueError("expected at least one lattice in the tables, got none")
    return best


def _nearest_in_table(view: _View, table: NDArray[np.int64]) -> tuple[Array, Array]:
    """Nearest colors of a palette, and their scores."""
    misses = (((table[None] - view.rgb[:, None]) @ view.to_codes / view.spread) ** 2).sum(-1)
    nearest = table[misses.argmin(1)].astype(np.float64)
    return nearest, view.scores(nearest, float(len(table)))


def _colors(view: _View, nearest: Array, fits: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.where(fits[:, None], nearest, view.rgb.round().clip(0, 255)).astype(np.int64)


def _explain_by_lattice(view: _View) -> Explanation:
    tables = candidates()
    evidence, triple, nearest, scores = _best_lattice(view)
    codes = [tuple(np.flatnonzero(tables.members[row]).tolist()) for row in triple]
    fits = scores > 0
    name = _lattice_name(tables, triple)
    colors = _colors(view, nearest, fits)
    return Explanation(name, view.matrix, colors, fits, (codes[0], codes[1], codes[2]), evidence)


def _explain_by_palette(view: _View) -> Explanation:
    best: Explanation | None = None
    for name, table in known_palettes().items():
        nearest, scores = _nearest_in_table(view, table)
        evidence = _total(view, scores)
        if best is None or evidence > best.evidence:
            fits = scores > 0
            best = Explanation(name, view.matrix, _colors(view, nearest, fits), fits, None, evidence)
    if best is None:
        raise ValueError("expected at least one known palette, got none")
    return best


def _as_decoded(view: _View) -> Explanation:
    colors = view.rgb.round().clip(0, 255).astype(np.int64)
    return Explanation("", view.matrix, colors, np.zeros(len(colors), np.bool_), None, 0.0)


def explain_again(modes: Modes, layout: Layout, known: Explanation) -> Explanation:
    """The same lattice or palette, applied to other peaks of the same clip."""
    view = _view(modes, layout, known.matrix)
    if known.levels is not None:
        corners = [_corners(view, np.array(levels, np.float64), c) for c, levels in enumerate(known.levels)]
        nearest = _nearest_on_lattice(view, corners)
    elif known.name:
        nearest, _ = _nearest_in_table(view, known_palettes()[known.name])
    else:
        return _as_decoded(view)
    fits = ((((nearest - view.rgb) @ view.to_codes / view.spread) ** 2).sum(-1)) < BELIEVED
    return replace(known, colors=_colors(view, nearest, fits), fits=fits)


def explain(modes: Modes, layout: Layout, matrices: tuple[Matrix, ...]) -> Explanation:
    """The best explanation of the peaks.

    Args:
        modes: at least one peak, the heaviest first, of codes in ``layout``.
        matrices: that come into question, the assumed one first; one for a layout without a matrix.

    Returns:
        A lattice or palette that beats no structure by :data:`ENOUGH` and holds :data:`FITTING` of the pixels; else the
        colors as decoded under the first matrix.
    """
    views = [_view(modes, layout, matrix) for matrix in matrices]
    counted = views[0].shares >= LIGHTEST
    gray = layout.model == "yuv" and bool((np.abs(modes.codes[counted, 1:] - 128) <= 1).all())
    if gray or counted.sum() < 2:
        return _as_decoded(views[0])
    found = [explain_by(view) for view in views for explain_by in (_explain_by_lattice, _explain_by_palette)]
    best = max(found, key=lambda one: one.evidence - UNLIKELY * (one.matrix != matrices[0]))
    return best if best.evidence >= ENOUGH else _as_decoded(views[0])
