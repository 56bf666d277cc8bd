"""The colors of a drawn clip whose color was stored at half the size, and its codec, learned from a few frames.

colors led by luma ──► peaks: too many ──► arrangement ──► colors by least squares, taps, noise ──┐
                                               ▲                fewer colors                      │
                                               └──────────────────────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.quantizers.color_taps import SIDE, ColorTaps
from vdequant.quantizers.guided_color import guided_color
from vdequant.quantizers.modes import find_clouds, find_modes, histogram
from vdequant.quantizers.unmixing import Mixing, Unmixer, rarity_of

FIRST_LUMA, FIRST_COLOR = 2.0, 2.5  # codes of noise that are assumed at first
LED = 2.0  # of that, differences of luma within one color
ROUNDS = 3
TRIED = 2  # pictures on which ways to halve color are tried
FAR_OFF = 10.0  # codes beyond which unexplained color is no worse: colors that are not known yet
WITHIN = 0.95  # share of the pixels by which noise is measured, at two standard deviations
LEAST_NOISE, MOST_NOISE = 1.0, 6.0  # codes
FEWEST, FEWEST_SHARE = 16, 2e-5  # pixels of a color
SUPPORT = 100.0  # energy that a color has to save
ALIKE, ALIKE_NOISE = (2.0, 3.0), (1.5, 2.5)  # codes, or noises, of luma and of color between two that are one
RIDGE = 5.0  # samples that a color's place before is worth
MOST_COLORS = 240


@dataclass(frozen=True, eq=False)
class Learned:
    """Colors and codec of a clip.

    Attributes:
        mixing: see :class:`~vdequant.quantizers.unmixing.Mixing`, the most frequent color first.
        counts: ``(K,)`` pixels of each color.
    """

    mixing: Mixing
    counts: Tensor


def _begun(lumas: Sequence[Tensor], stored: Sequence[Tensor], taps: ColorTaps) -> Learned | None:
    """Every color that shows as a peak, and many that are none."""
    led = [guided_color(luma, color, taps, LED * FIRST_LUMA) for luma, color in zip(lumas, stored, strict=True)]
    counted = histogram(torch.stack([torch.cat([luma[None], color]) for luma, color in zip(lumas, led, strict=True)]))
    modes = find_modes(counted)
    if len(modes.codes) < 2:
        return None
    modes = find_clouds(counted, modes)
    if len(modes.codes) > MOST_COLORS:
        return None
    counts = torch.from_numpy(modes.weights).float()
    codes = torch.from_numpy(modes.codes).float()
    return Learned(Mixing(codes, rarity_of(counts), taps, FIRST_LUMA, FIRST_COLOR), counts)


def _with_taps(known: Learned, lumas: Sequence[Tensor], stored: Sequence[Tensor]) -> ColorTaps:
    """The taps that leave the least of the stored color unexplained."""
    best = torch.inf, known.mixing.taps
    step = -(-len(lumas) // TRIED)
    for taps in ColorTaps.known():
        unmixer = Unmixer(replace(known.mixing, taps=taps))
        missed = 0.0
        for luma, color in zip(lumas[::step], stored[::step], strict=True):
            off = unmixer.missed(unmixer.roughly(luma, color), luma, color)[1]
            missed += float(off.square().clamp(max=FAR_OFF**2).mean())
        best = min(best, (missed, taps), key=lambda one: one[0])
    return best[1]


def _refitted(mixing: Mixing, labels: Sequence[Tensor], stored: Sequence[Tensor]) -> Tensor:
    """``(K, 2)`` the colors that explain what was stored best, where labels are as they are."""
    count = len(mixing.codes)
    gram, right = RIDGE * torch.eye(count), RIDGE * mixing.codes[:, 1:]
    weights = mixing.taps.weights.flatten()
    for own, samples in zip(labels, stored, strict=True):
        wide = functional.pad(own[None, None].float(), (1, 1, 1, 1), mode="replicate")
        windows = functional.unfold(wide, SIDE, stride=2)[0].T.long()
        parts = torch.zeros(len(windows), count)
        parts.scatter_add_(1, windows, weights.expand(len(windows), -1))
        gram, right = gram + parts.T @ parts, right + parts.T @ samples.flatten(1).T
    found: Tensor = torch.linalg.solve(gram, right)
    return found


def _noise(missed: Sequence[Tensor]) -> float:
    """Half of what nearly all misses lie within."""
    every = torch.cat([part.abs().flatten() for part in missed])
    within = float(every[:: max(1, len(every) >> 20)].quantile(WITHIN))
    return min(MOST_NOISE, max(LEAST_NOISE, within / 2))


def _distinct(codes: Tensor, counts: Tensor, kept: Tensor, noise: tuple[float, float]) -> Tensor:
    """Indices of the kept colors, heaviest first, without those that are nearly another."""
    luma, color = (max(least, share * own) for least, share, own in zip(ALIKE, ALIKE_NOISE, noise, strict=True))
    order = counts.argsort(descending=True)
    order = order[kept[order]]
    scaled = codes[order] / torch.tensor([luma, color, color])
    near = torch.cdist(scaled, scaled, p=torch.inf) < 1
    fresh = torch.ones(len(order), dtype=torch.bool)
    for index in range(len(order)):
        if fresh[index]:
            fresh[index + 1 :] &= ~near[index, index + 1 :]
    return order[fresh]


def _again(known: Learned, lumas: Sequence[Tensor], stored: Sequence[Tensor]) -> Learned:
    """One round: arrange, then colors, taps and noise from the arrangement."""
    mixing = known.mixing
    unmixer, count = Unmixer(mixing), len(mixing.codes)
    labels, sums, counts, support = [], torch.zeros(count), torch.zeros(count), torch.zeros(count)
    missed_luma, missed_color = [], []
    for luma, color in zip(lumas, stored, strict=True):
        own, gaps = unmixer(luma, color)
        labels.append(own)
        counts += torch.bincount(own.flatten(), minlength=count)
        sums += torch.bincount(own.flatten(), weights=luma.flatten(), minlength=count)
        support += torch.bincount(own.flatten(), weights=gaps.flatten(), minlength=count)
        off = unmixer.missed(own, luma, color)
        missed_luma.append(off[0])
        missed_color.append(off[1])
    seen = torch.where(counts > 0, sums / counts.clamp(min=1), mixing.codes[:, 0])
    codes = torch.cat([seen[:, None], _refitted(mixing, labels, stored)], 1)
    shown = [codes[:, 1:][own].movedim(-1, 0) for own in labels]
    kept = (counts > max(FEWEST, FEWEST_SHARE * float(counts.sum()))) & (support > SUPPORT)
    index = _distinct(codes, counts, kept, (mixing.luma_noise, mixing.color_noise))
    taps = mixing.taps.fitted(shown, list(stored))
    counts = counts[index]
    return Learned(Mixing(codes[index], rarity_of(counts), taps, _noise(missed_luma), _noise(missed_color)), counts)


def learn_colors(lumas: Sequence[Tensor], stored: Sequence[Tensor]) -> Learned | None:
    """Find the colors of a drawn clip.

    Args:
        lumas: ``(H, W)`` of some frames, in 8-bit codes, sides even.
        stored: ``(2, H / 2, W / 2)`` Cb and Cr of the same frames.

    Returns:
        None where there are no peaks, or too many colors.
    """
    usual = ColorTaps.known()[0]
    known = _begun(lumas, stored, usual)
    if known is None:
        return None
    taps = _with_taps(known, lumas, stored)
    if not torch.equal(taps.weights, usual.weights):
        known = _begun(lumas, stored, taps)
    for _ in range(ROUNDS):
        if known is None or len(known.counts) < 2:
            return None
        known = _again(known, lumas, stored)
    return known if known is not None and len(known.counts) >= 2 else None
