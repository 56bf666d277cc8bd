"""The clean colors of a lossy clip at native size whose color was stored at half the size.

There hardly a pixel of small drawings shows its own color, so colors are learned from arrangements that explain what
was stored. Whether those can be trusted is tried out: the answer is stored as the clip was, with as much noise, and
has to be found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vdequant.frames import Frame, Layout, Matrix
from vdequant.quantizers.color_learning import Learned, learn_colors
from vdequant.quantizers.explaining import Explanation, explain, explain_again
from vdequant.quantizers.folding import rgb_to_codes
from vdequant.quantizers.modes import Modes
from vdequant.quantizers.unmixing import Mixing, Unmixer, rarity_of
from vdequant.quantizers.unmixing_snap import UnmixingSnap, halves

MOST_PIXELS = 400_000  # of a picture: games of larger ones are shaded finely, and films take long
LOOKED_AT, FEWEST, MOST = 750_000, 2, 12  # pixels to learn from, and pictures
SAME = 0.5  # codes by which luma of two pictures differs that are one
ANSWERED, TRIED = 6, 3  # pictures of which it is said how many pixels are sure, and on which the answer is tried
# dB by which colors found again have to beat stored color, and the same where stored color is off by more codes. Of
# games whose pictures gain it was 4.7 to 34, the least with color far off; of others at most 3.
GAIN, GAIN_POOR, POOR = 6.0, 4.0, 5.0
# Colors of no lattice and no machine may be those of a small photograph on a plain ground, where it was up to
# 12 dB; of games it was 15 to 34.
GAIN_ALONE = 14.0
EXACT = 1e-2  # squared codes that are none
PLAIN, BESIDE = 9, 2  # pixels a side of one color that make a ground, and beside it where its edge is seen
FITTING = 0.75  # share of what is drawn on grounds whose colors have to be of the lattice or machine
FREQUENT = 2e-2  # share of the pixels from which a color off the lattice is believed all the same
NEAR = 2.0  # codes that a clean color may be stored away from where its pixels are


def drawn_part(labels: Tensor) -> Tensor:
    """Which pixels ``(H, W)`` lie neither in nor beside plain grounds, on which photographs and texts may stand."""
    wide = functional.pad(labels[None, None].float(), (PLAIN // 2,) * 4, mode="replicate")
    plain = functional.max_pool2d(wide, PLAIN, 1) == -functional.max_pool2d(-wide, PLAIN, 1)
    reach = PLAIN // 2 + BESIDE
    return functional.max_pool2d(plain.float(), 2 * reach + 1, 1, reach)[0, 0] == 0


def gain_of(mixing: Mixing, labels: Sequence[Tensor]) -> tuple[float, float]:
    """By how many dB colors are found better than stored ones, in pictures like ``labels`` stored with that noise.

    And by how many codes stored ones are off, root mean square. Both of what is drawn on plain grounds.
    """
    unmixer, chance = Unmixer(mixing), torch.Generator().manual_seed(0)
    color = mixing.codes[:, 1:]
    ours, stored, pixels = 0.0, 0.0, 0
    for own in labels:
        part = drawn_part(own)
        truth = color[own].movedim(-1, 0)
        luma = mixing.codes[:, 0][own]
        halved = mixing.taps.halved(truth)
        luma = luma + mixing.luma_noise * torch.randn(luma.shape, generator=chance)
        halved = halved + mixing.color_noise * torch.randn(halved.shape, generator=chance)
        again, _ = unmixer(luma.clamp(0, 255), halved)
        ours += float((color[again].movedim(-1, 0) - truth)[:, part].square().sum())
        shown = functional.interpolate(halved[None], scale_factor=2, mode="bilinear")[0]
        stored += float((shown - truth)[:, part].square().sum())
        pixels += int(part.sum())
    pixels = max(pixels, 1)
    return 10 * float(np.log10((stored / pixels + EXACT) / (ours / pixels + EXACT))), (stored / pixels / 2) ** 0.5


def _pictures(frames: Sequence[Frame]) -> list[tuple[Tensor, Tensor]]:
    """Luma and color of some frames, spread over the clip."""
    layout = frames[0].layout
    many = min(MOST, max(FEWEST, LOOKED_AT // (layout.width * layout.height)))
    found: list[tuple[Tensor, Tensor]] = []
    for frame in frames[:: -(-len(frames) // many)]:
        picture = halves(frame.planes, layout)
        if not found or float((picture[0] - found[-1][0]).abs().mean()) > SAME:
            found.append(picture)
    return found


@dataclass(frozen=True)
class _Named:
    """What the colors are of, with those that are kept.

    Attributes:
        found: of all colors.
        mixing: of the kept colors.
        colors: ``(K, 3)`` clean RGB of those in [0, 1].
        fits: ``(K,)`` which are of the lattice or machine.
    """

    found: Explanation
    mixing: Mixing
    colors: Tensor
    fits: Tensor


def _explained(learned: Learned, layout: Layout, matrices: tuple[Matrix, ...]) -> _Named:
    """The colors that are of a lattice or machine, or of none."""
    codes, counts = learned.mixing.codes.double().numpy(), learned.counts.long().numpy()
    modes = Modes(codes, counts, 1.0, int(counts.sum()))
    found = explain(modes, layout, matrices)
    if not found.name:
        return _Named(found, learned.mixing, torch.from_numpy(found.colors / 255).float(), torch.from_numpy(found.fits))
    found = explain_again(modes, layout, found)
    keep = np.flatnonzero(found.fits | (counts > FREQUENT * counts.sum()) | (found.levels is not None))
    _, first = np.unique(found.colors[keep], axis=0, return_index=True)
    keep = keep[np.sort(first)]
    colors = torch.from_numpy(found.colors[keep] / 255).float()
    own = learned.mixing.codes[keep]
    stored = rgb_to_codes(colors, layout, found.matrix)
    near = (stored - own).abs().amax(1, keepdim=True) < NEAR
    rarity = rarity_of(learned.counts[keep])
    mixing = replace(learned.mixing, codes=torch.where(near, (stored + own) / 2, own), rarity=rarity)
    return _Named(found, mixing, colors, torch.from_numpy(found.fits[keep]))


def _fitting(labels: Sequence[Tensor], fits: Tensor) -> float:
    """Share of what is drawn on plain grounds that is of the lattice or machine."""
    drawn = torch.cat([own[drawn_part(own)] for own in labels])
    return float(fits[drawn].float().mean()) if len(drawn) else 1.0


def recover_halved(
    frames: Sequence[Frame], matrices: tuple[Matrix, ...]
) -> tuple[UnmixingSnap, Explanation, Tensor, float] | None:
    """Find the clean colors of 4:2:0 frames of one layout, at native size.

    Args:
        frames: sampled over the clip.
        matrices: that come into question, the assumed one first.

    Returns:
        How to snap to them, what they are of, ``(K, 3)`` clean RGB in [0, 1], the most frequent first, and the share of
        pixels that are sure; None where what is found could not be found again.
    """
    layout = frames[0].layout
    if layout.model != "yuv" or layout.chroma != (1, 1) or layout.width * layout.height > MOST_PIXELS:
        return None
    pictures = _pictures(frames)
    lumas, stored = [luma for luma, _ in pictures], [color for _, color in pictures]
    learned = learn_colors(lumas, stored)
    if learned is None:
        return None
    named = _explained(learned, layout, matrices)
    found, mixing = named.found, named.mixing
    snap = UnmixingSnap(named.colors, mixing, found.matrix)
    answers = [snap.labels(frame.planes, layout) for frame in frames[:: -(-len(frames) // ANSWERED)]]
    share = float(torch.stack([sure.float().mean() for _, sure, _, _ in answers]).mean())
    labels = [own for own, *_ in answers]
    if found.name and _fitting(labels, named.fits) < FITTING:
        return None
    gain, off = gain_of(mixing, labels[:: -(-len(labels) // TRIED)])
    if gain < (GAIN_ALONE if not found.name else GAIN_POOR if off > POOR else GAIN):
        return None
    return snap, found, named.colors, share
