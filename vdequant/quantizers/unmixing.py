"""Which clean color every pixel had, where a codec kept luma of each but color of four together.

    luma of the pixel                 says a few of the clip's colors
    color stored around it            is a mean of its own and its neighbors'      ──► the likeliest arrangement
    pixels beside it, how common      drawn art has areas, and few colors

Energy: squared misses of luma and of stored color, in units of the codec's noise, a cost for each pair of neighbors
that differ, and the rarity of colors. Pixels in flat areas are settled at once; of the others whole squares of 2x2 are
moved together (every arrangement of their likeliest colors is tried), until nothing improves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.quantizers.color_taps import ColorTaps

BY_LUMA, CANDIDATES, TRIED = 16, 8, 3  # colors that are thought of by luma, kept for a pixel, tried in arrangements
NEAR, REACHED = 5.0, 1.2  # codes, and times by how much stored color differs around, that a pixel lies from it
CUT = 100.0  # squared misses, in noises, beyond which luma is no worse
RARITY, APART = 0.6, 5.0  # weights of the rarity of a color, and of a pair of neighbors that differ
DIAGONAL = 0.7  # of that, where they touch by a corner
SWEEPS = (4.0, 2.0, 1.2)  # times of its noise that stored color is thought to be off: coarse arrangements come first
CLEAR = 20.0  # energy above which the second best is not tried
FLAT_LUMA, FLAT_COLOR = 3.0, 3.0  # noises, and 2 codes: how alike flat areas are
FEW, SEEN = 12, 4  # colors that all may be in one picture; pixels that a color has there, or it is not
PART = 8192  # squares that are worked on at once
PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))  # of a square's pixels
AROUND_ROWS = torch.arange(4).repeat_interleave(4)  # of a square and the pixels around it
AROUND_COLUMNS = torch.arange(4).repeat(4)
FIRST = 1e6  # energy that no color has


def rarity_of(counts: Tensor) -> Tensor:
    """Minus the logarithm of each share of some numbers of pixels."""
    return -((counts + 1) / counts.sum()).log()


@dataclass(frozen=True, eq=False)
class Mixing:
    """What is known of a clip whose color was stored at half the size.

    Attributes:
        codes: ``(K, 3)`` Y, Cb and Cr of its colors, as they are stored, in 8-bit units.
        rarity: ``(K,)`` minus the logarithm of the share of pixels.
        taps: how color was halved.
        luma_noise, color_noise: standard deviations that the codec adds, in codes.
    """

    codes: Tensor
    rarity: Tensor
    taps: ColorTaps
    luma_noise: float
    color_noise: float


@dataclass
class _State:
    """The arrangement so far: ``labels (H, W)`` and their ``color (2, H, W)``."""

    labels: Tensor
    color: Tensor


def _by_luma(mixing: Mixing) -> tuple[Tensor, Tensor]:
    """For each of 256 codes of luma, the likeliest colors and their energies, ``(256, T)``."""
    misses = torch.arange(256.0)[:, None] - mixing.codes[:, 0]
    energy = (misses / mixing.luma_noise).square_().clamp_(max=CUT) + RARITY * mixing.rarity
    best = energy.topk(min(BY_LUMA, energy.shape[1]), largest=False)
    return best.indices, best.values


def _span(planes: Tensor) -> Tensor:
    """``(H, W)`` by how much ``(C, H, W)`` differ among a place and those around it."""
    wide = functional.pad(planes[:, None], (1, 1, 1, 1), mode="replicate")
    return (functional.max_pool2d(wide, 3, 1) + functional.max_pool2d(-wide, 3, 1)).amax((0, 1))


def _flat(luma: Tensor, stored: Tensor, mixing: Mixing) -> Tensor:
    """Which pixels have the luma of all around them, in squares that have the color of all around."""
    even = _span(stored) <= FLAT_COLOR * mixing.color_noise + 2
    wide = even.repeat_interleave(2, -2).repeat_interleave(2, -1)
    return wide & (_span(luma[None]) <= FLAT_LUMA * mixing.luma_noise + 2)


def _squares(x: Tensor) -> Tensor:
    """``(H, W, ...)`` to ``(H W / 4, 4, ...)``, the pixels of each 2x2 in a row."""
    height, width = x.shape[:2]
    return x.reshape(height // 2, 2, width // 2, 2, *x.shape[2:]).transpose(1, 2).reshape(-1, 4, *x.shape[2:])


def _reach(stored: Tensor) -> Tensor:
    """``(H, W)`` codes by which the color of a pixel may well differ from what is stored for its square."""
    return (NEAR + REACHED * _span(stored)).repeat_interleave(2, -2).repeat_interleave(2, -1)


@dataclass(frozen=True)
class _Squares:
    """Some squares of 2x2: where they are, and what comes into question for their pixels.

    Attributes:
        rows, columns: ``(B,)`` of their upper left pixels.
        labels: ``(B, 4, C)`` colors.
        energy: ``(B, 4, C)`` by luma and rarity.
    """

    rows: Tensor
    columns: Tensor
    labels: Tensor
    energy: Tensor

    @property
    def pixels(self) -> tuple[Tensor, Tensor]:
        """``(B, 4)`` rows and columns."""
        rows = self.rows[:, None] + torch.tensor([row for row, _ in PLACES])
        return rows, self.columns[:, None] + torch.tensor([column for _, column in PLACES])

    def some(self, index: Tensor) -> _Squares:
        """Those at ``index``."""
        return _Squares(self.rows[index], self.columns[index], self.labels[index], self.energy[index])


class Unmixer:
    """The search for the arrangement, on pictures of one clip; safe to share between threads."""

    def __init__(self, mixing: Mixing) -> None:
        self.mixing = mixing
        self._table = _by_luma(mixing)
        self._color = mixing.codes[:, 1:].contiguous()
        self._tried = min(TRIED, self._table[0].shape[1])
        self._arrangements = torch.tensor(list(product(range(self._tried), repeat=4)))
        shares = mixing.taps.shares
        self._coupling = shares.T @ shares  # of the pixels of a square, through the samples that they share

    def __call__(self, luma: Tensor, stored: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest color of each pixel, among the colors that the picture seems to have.

        Args:
            luma: ``(H, W)`` in 8-bit codes, sides even.
            stored: ``(2, H / 2, W / 2)`` Cb and Cr.

        Returns:
            ``(H, W)`` index of the color, and by how much energy the second best is worse.
        """
        if len(self.mixing.codes) <= FEW:
            return self._arrange(luma, stored, SWEEPS)
        counts = torch.bincount(self.roughly(luma, stored).flatten(), minlength=len(self.mixing.codes))
        here = (counts >= min(SEEN, int(counts.max()))).nonzero()[:, 0]
        own = replace(self.mixing, codes=self.mixing.codes[here], rarity=rarity_of(counts[here]))
        labels, gaps = Unmixer(own)._arrange(luma, stored, SWEEPS)
        return here[labels], gaps

    def roughly(self, luma: Tensor, stored: Tensor) -> Tensor:
        """A quick answer ``(H, W)`` to the same."""
        return self._arrange(luma, stored, SWEEPS[:1])[0]

    def _arrange(self, luma: Tensor, stored: Tensor, sweeps: Sequence[float]) -> tuple[Tensor, Tensor]:
        """The likeliest color of each pixel, and by how much the second best is worse."""
        state, gaps, squares = self._begun(luma, stored)
        classes = [((squares.rows // 2 + squares.columns // 2) % 2 == odd).nonzero()[:, 0] for odd in (0, 1)]
        parts = [squares.some(one[at : at + PART]) for one in classes for at in range(0, len(one), PART)]
        for doubt in sweeps:
            for part in parts:
                self._move(state, gaps, stored, part, doubt)
        return state.labels, gaps

    def missed(self, labels: Tensor, luma: Tensor, stored: Tensor) -> tuple[Tensor, Tensor]:
        """What an arrangement leaves unexplained: of luma ``(H, W)``, and of stored color ``(2, h, w)``, in codes."""
        color = self._color[labels].movedim(-1, 0)
        return luma - self.mixing.codes[:, 0][labels], stored - self.mixing.taps.halved(color)

    def _begun(self, luma: Tensor, stored: Tensor) -> tuple[_State, Tensor, _Squares]:
        """A first guess, how sure it is, and the squares that are not settled by it."""
        height, width = luma.shape
        place = luma.round().clamp(0, 255).long().flatten()
        shown = stored.repeat_interleave(2, -2).repeat_interleave(2, -1).flatten(1).T
        labels, gaps = torch.zeros_like(place), torch.full((height * width,), CLEAR)
        open_ = torch.ones(height * width, dtype=torch.bool)
        calm = _flat(luma, stored, self.mixing).flatten().nonzero()[:, 0]
        found, off, energy = self._thought_of(place[calm], shown[calm])
        best = (energy + off / self.mixing.color_noise**2).topk(min(2, found.shape[1]), largest=False)
        labels[calm] = found.gather(1, best.indices[:, :1])[:, 0]
        if found.shape[1] > 1:
            gaps[calm] = (best.values[:, 1] - best.values[:, 0]).clamp_(max=CLEAR)
        open_[calm] = off.gather(1, best.indices[:, :1])[:, 0] > (FLAT_COLOR * self.mixing.color_noise + 2) ** 2
        squares = self._opened(place, shown, _reach(stored).flatten(), open_.view(height, width))
        labels = labels.view(height, width)
        rows, columns = squares.pixels
        still = open_.view(height, width)[rows, columns]
        labels[rows, columns] = torch.where(still, squares.labels[..., 0], labels[rows, columns])
        state = _State(labels, self._color[labels].movedim(-1, 0).contiguous())
        return state, gaps.view(height, width), squares

    def _thought_of(self, place: Tensor, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``(P, T)`` colors by luma, their squared distances from the stored color, and energies without those."""
        labels, energy = (table[place] for table in self._table)
        off = (self._color[:, 0][labels] - shown[:, :1]).square_()
        return labels, off.add_((self._color[:, 1][labels] - shown[:, 1:]).square_()), energy

    def _opened(self, place: Tensor, shown: Tensor, reach: Tensor, open_: Tensor) -> _Squares:
        """The squares in which a pixel is open, with the likeliest colors of each pixel, the best first."""
        across = open_.shape[1]
        index = _squares(open_).any(1).nonzero()[:, 0]
        rows, columns = index // (across // 2) * 2, index % (across // 2) * 2
        pixels = torch.stack([(rows + row) * across + columns + column for row, column in PLACES], 1).flatten()
        labels, off, energy = self._thought_of(place[pixels], shown[pixels])
        best = (energy + off / reach[pixels, None].square()).topk(min(CANDIDATES, labels.shape[1]), largest=False)
        shape = len(rows), 4, best.indices.shape[1]
        return _Squares(rows, columns, labels.gather(1, best.indices).view(shape), best.values.view(shape))

    def _move(self, state: _State, gaps: Tensor, stored: Tensor, squares: _Squares, doubt: float) -> None:
        """Give each of these squares its likeliest arrangement, all else as it is."""
        taps, weight = self.mixing.taps, 1 / (doubt * self.mixing.color_noise) ** 2
        rows, columns = squares.pixels
        now = state.labels[rows, columns]
        labels, energy = _with_now(squares, now)
        pull = taps.spread(stored - taps.halved(state.color))[:, rows, columns].movedim(0, -1)
        change = self._color[labels] - state.color[:, rows, columns].movedim(0, -1)[:, :, None]
        own = self._coupling.diagonal()[:, None]
        single = energy - APART * _agreeing(state.labels, squares, labels)
        single += weight * (own * change.square().sum(-1) - 2 * (change * pull[:, :, None]).sum(-1))
        ranked = single.clone()
        ranked[..., 0] -= FIRST  # what is there now comes first
        top = ranked.topk(self._tried, largest=False).indices
        single = single.gather(2, top)
        rivals = (single[..., 1:] - single[..., :1] < CLEAR).any(-1).any(-1).nonzero()[:, 0]
        gaps[rows, columns] = CLEAR
        labels, top, rows, columns = labels.gather(2, top)[rivals], top[rivals], rows[rivals], columns[rivals]
        change = change[rivals].gather(2, top[..., None].expand(*top.shape, 2))
        total = self._arranged(labels, single[rivals], change, weight)
        best = total.argmin(1)
        after = labels.gather(2, self._arrangements[best][..., None])[..., 0]
        state.labels[rows, columns] = after
        state.color[:, rows, columns] = self._color[after].movedim(-1, 0)
        gaps[rows, columns] = self._gaps(total, best)

    def _arranged(self, labels: Tensor, single: Tensor, change: Tensor, weight: float) -> Tensor:
        """``(B, tried^4)`` energy of every arrangement."""
        pair = {}
        for one in range(4):
            for other in range(one + 1, 4):
                touching = APART * (DIAGONAL if one + other == 3 else 1.0)
                shared = 2 * weight * float(self._coupling[one, other])
                same = labels[:, one, :, None] == labels[:, other, None, :]
                pair[one, other] = shared * change[:, one] @ change[:, other].mT - touching * same
        upper = single[:, 0, :, None] + single[:, 1, None, :] + pair[0, 1]
        lower = single[:, 2, :, None] + single[:, 3, None, :] + pair[2, 3]
        total = upper[:, :, :, None, None] + lower[:, None, None, :, :]
        total += pair[0, 2][:, :, None, :, None]
        total += pair[0, 3][:, :, None, None, :]
        total += pair[1, 2][:, None, :, :, None]
        total += pair[1, 3][:, None, :, None, :]
        return total.flatten(1)

    def _gaps(self, total: Tensor, best: Tensor) -> Tensor:
        """``(B, 4)``: by how much the best arrangement in which a pixel has another color is worse."""
        each = total.view(len(total), *[self._tried] * 4)
        others = ((2, 3, 4), (1, 3, 4), (1, 2, 4), (1, 2, 3))
        least = torch.stack([each.amin(axes) for axes in others], 1)
        least.scatter_(2, self._arrangements[best][..., None], torch.inf)
        return (least.amin(2) - total.gather(1, best[:, None])).clamp_(max=CLEAR)


def _with_now(squares: _Squares, now: Tensor) -> tuple[Tensor, Tensor]:
    """Candidates and their energies, the present label first, its double among the others out of question."""
    double = squares.labels == now[..., None]
    kept = (squares.energy * double).sum(-1, keepdim=True)
    kept = torch.where(double.any(-1, keepdim=True), kept, squares.energy[..., -1:])
    return torch.cat([now[..., None], squares.labels], -1), torch.cat([kept, squares.energy + FIRST * double], -1)


def _agreeing(labels: Tensor, squares: _Squares, candidates: Tensor) -> Tensor:
    """``(B, 4, C)`` how many neighbors outside the square have each candidate's color; those by a corner count less."""
    wide = functional.pad(labels[None].float(), (1, 1, 1, 1), value=-1)[0].int()
    windows = wide[squares.rows[:, None] + AROUND_ROWS, squares.columns[:, None] + AROUND_COLUMNS]
    found = torch.zeros(candidates.shape)
    seen = candidates.int()
    for index, (row, column) in enumerate(PLACES):
        for y in range(row, row + 3):
            for x in range(column, column + 3):
                if not (1 <= y <= 2 and 1 <= x <= 2):  # else in the square itself
                    weight = 1.0 if y == row + 1 or x == column + 1 else DIAGONAL
                    found[:, index] += weight * (seen[:, index] == windows[:, 4 * y + x, None])
    return found
