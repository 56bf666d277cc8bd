"""What frames before and after know of a frame's true values, where they show the same thing through other cells.

    frame t - 1, shifted onto t ─┐    same thing there?               stored, low, high of t
    frame t      ────────────────┼──► yes: it counts ──► means ─────► as the restorer is told them
    frame t + 1, shifted onto t ─┘    no: it does not

Where n frames show one true value x, each through its own cell [low, high), x lies in the mean of the cells, and the
mean of the stored values is nearer to x than each of them is: noise of the capture, and dither that changes from frame
to frame, cancel in it. Where places have cells of their own, as under a pattern of dither that does not move with the
scene, x lies in their intersection as well.

Whether two places show the same is told by how they differ: noise and dither differ from pixel to pixel and vanish in a
mean over a few, changes of the scene do not; and what is moved by part of a pixel differs along its edges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vdequant.temporal.motion import Floats, Mask
from vdequant.temporal.neighbor_shifts import MEAN, TINY, View, chosen_shifts, dot, energy_of, mean_over, moved_by

WIDE = 25  # pixels a side over which motion by part of a pixel shows
# Energy of the difference of means over that of the difference itself. Of white noise it is 1/16 and of dither less, of
# an edge that has moved 0.3 and more.
SAME, OTHER = 0.09, 0.15
# Share of the energy of the difference of means that a small motion explains; of noise 0.02.
RESTING, MOVING = 0.05, 0.1
BLOCK, AREA = 16, 7  # pixels a side of a block; blocks a side over which it is judged whether the source is noisy
# Share of the blocks with structure in which anything has changed as noise does: 0.7 to 1 in noisy and dithered clips,
# less than 0.3 in most clean ones and 0.6 where a camera moves through a scene.
CALM, RESTLESS = 0.6, 0.8
HALF = 0.5  # trust from which on a change counts
OUTLIER = 3.0  # times the usual difference around it: a star or a stroke that was not there before


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of the true values of a picture.

    Attributes:
        facts: ``(H, W, C)`` float32 in [0, 1]: stored value (3), low (3) and high (3) of the cells, and anything else
            whose means over several frames mean something.
        box: ``(H, W, 6)``, low and high of each sample; None where cells do not bind single samples.
    """

    facts: Floats
    box: Floats | None


def _any(mask: Mask) -> Mask:
    """Whether any of the three channels of ``(H, W, 3)`` is set, ``(H, W)``."""
    # Plane by plane: numpy is slow at joining a few neighbors in memory.
    return mask[..., 0] | mask[..., 1] | mask[..., 2]


def _from(value: NDArray[np.floating[Any]], sure: float, unsure: float) -> Floats:
    """1 up to ``sure``, 0 from ``unsure`` on."""
    return np.asarray(np.clip((unsure - value) / (unsure - sure), 0, 1), np.float32)


def _creeps(means: Floats, difference: Floats) -> Floats:
    """Share of the energy of ``difference`` that motion by part of a pixel explains (Lucas and Kanade 1981), (H, W)."""
    across, down = (np.asarray(cv2.Sobel(means, cv2.CV_32F, 1 - axis, axis, ksize=1), np.float32) for axis in (0, 1))
    pairs = ((across, across), (across, down), (down, down), (across, difference), (down, difference))
    xx, xy, yy, x, y = (mean_over(dot(a, b), WIDE) for a, b in pairs)
    explained = yy * x * x - 2 * xy * x * y + xx * y * y
    energy = mean_over(dot(difference, difference), WIDE)
    # along edges of one direction the sums are nearly dependent
    return np.asarray(explained / (np.maximum(xx * yy - xy * xy, 1e-3 * (xx + yy) ** 2) * energy + TINY**2))


def _trust(means: Floats, now: Floats, other: Floats) -> Floats:
    """How sure it is that a neighbor shows what a frame does, ``(H, W)`` in [0, 1].

    Args:
        means: of the frame, as :class:`View` has them.
        now, other: facts of both, aligned.
    """
    difference = other[..., :3] - now[..., :3]
    coarse, energy = mean_over(difference, MEAN), energy_of(difference)
    trust = _from(energy_of(coarse) / np.maximum(energy, TINY), SAME, OTHER)
    trust *= _from(_creeps(means, coarse), RESTING, MOVING)
    # Cells that touch may hold one value with a little noise; for those farther apart the noise has to be as large.
    reach = (other[..., 6:9] - other[..., 3:6] + now[..., 6:9] - now[..., 3:6]) / 2
    limit = np.maximum(reach * 1.01, OUTLIER * np.sqrt(energy / 3)[..., None])
    return np.where(_any(np.abs(difference) > limit), 0, trust)


@dataclass(frozen=True, slots=True, eq=False)
class _Aligned:
    """What a neighbor knows, moved onto a frame, and how sure it is that it shows the same, ``(H, W)`` in [0, 1]."""

    known: Known
    trust: Floats


def _aligned(now: View, own: Known, other: View, theirs: Known) -> _Aligned:
    """A neighbor as seen from a frame; where nothing of it is known, the frame's own facts and no trust."""
    shifts, chosen = chosen_shifts(now, other)
    facts = moved_by(theirs.facts, own.facts, shifts, chosen)
    box = None
    if own.box is not None and theirs.box is not None:
        box = moved_by(theirs.box, own.box, shifts, chosen)
    return _Aligned(Known(facts, box), _trust(now.means, own.facts, facts) * (chosen >= 0))


def _restless(now: Floats, others: Sequence[_Aligned]) -> Floats:
    """How sure it is that the source is noisy around each place, ``(H, W)`` in [0, 1].

    Noise and changing dither show wherever stored values change from pixel to pixel. In a clean source what has changed
    is somewhere, and all else is equal.

    Args:
        now: facts of the frame.
        others: its neighbors.
    """
    stored, changed = now[..., :3], np.zeros(now.shape[:2], bool)
    for other in others:
        changed |= _any(other.known.facts[..., :3] != stored) & (other.trust > HALF)
    lively = changed.copy()
    lively[:, 1:] |= _any(stored[:, 1:] != stored[:, :-1])
    lively[1:] |= _any(stored[1:] != stored[:-1])
    many, most = (mean_over(_in_blocks(mask), AREA) for mask in (changed, lively))
    sure = 1 - _from(many / np.maximum(most, TINY), CALM, RESTLESS)
    return np.asarray(cv2.resize(sure, stored.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _in_blocks(mask: Mask) -> Floats:
    """Whether anything of ``(H, W)`` is set in each block, 1 or 0; the last ones may be smaller."""
    rows = np.logical_or.reduceat(mask, np.arange(0, mask.shape[0], BLOCK), axis=0)
    return np.asarray(np.logical_or.reduceat(rows, np.arange(0, mask.shape[1], BLOCK), axis=1), np.float32)


def joined(now: View, others: Sequence[View], known_of: Callable[[Tensor], Known]) -> Known | None:
    """What is known of a frame together with what its neighbors know.

    Args:
        now: the frame.
        others: its neighbors, of the same shot and size.
        known_of: a stored picture says by itself.

    Returns:
        Facts: means over the frames that show the same. Box: the intersection of theirs, the frame's own where that is
        empty. None when the neighbors, being equal or other, say nothing new.
    """
    own = known_of(now.y)
    aligned = [_aligned(now, own, other, known_of(other.y)) for other in others]
    noisy = _restless(own.facts, aligned)
    total, weights, box = np.zeros_like(own.facts), np.ones_like(noisy), own.box
    for other in aligned:
        weight = other.trust * noisy
        total += weight[..., None] * (other.known.facts - own.facts)
        weights += weight
        if box is not None and other.known.box is not None:
            box = _intersection(box, other.known.box, weight >= 1)
    if not total.any() and (box is None or own.box is None or np.array_equal(box, own.box)):
        return None
    return Known(own.facts + total / weights[..., None], box)


def _intersection(box: Floats, other: Floats, sure: Mask) -> Floats:
    """Of boxes ``(H, W, 6)`` where that is wanted and not empty, else ``box``."""
    low, high = np.maximum(box[..., :3], other[..., :3]), np.minimum(box[..., 3:], other[..., 3:])
    agree = np.tile(sure[..., None] & (low < high), 2)
    return np.where(agree, np.dstack([low, high]), box)
