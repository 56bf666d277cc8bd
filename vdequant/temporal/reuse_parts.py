"""Plans for a network that runs in parts: what is between them is copied, and computed only where it is new.

    stored ─► part ─► inner picture ─► part ─► answer        new: a sprite of one pixel
                          ▲                       ▲
      computed around it: 6 pixels far            13 pixels far, in cellnet-s cut in two

Whatever a part makes depends on less than what the whole network sees, so less of it is new, and windows of later parts
read the rest of it from what was copied. Without that, every window has to be as large as all that can be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from vdequant.models.parts import Part
from vdequant.temporal.reuse_shifts import STILL, Mask, Shift, overlap, reusable_pixels
from vdequant.temporal.reuse_tiles import SHAPES, Tiles, cover, fits, windows


@dataclass(frozen=True, slots=True)
class Copy:
    """Pixels to take from the restored picture before: that at (y + shift[0], x + shift[1]), where ``mask`` is set."""

    shift: Shift
    mask: Mask


@dataclass(frozen=True, slots=True)
class Source:
    """A shift from the picture before, and where pixels are ``equal`` to those that it leads to."""

    shift: Shift
    equal: Mask


@dataclass(frozen=True, slots=True)
class PartPlan:
    """What one part has to do.

    Attributes:
        ground: shift at which the picture before is put down first; pixels outside of it are no one's yet.
        copies: what is put on that, at other shifts.
        tiles: what is computed at last.
    """

    ground: Shift
    copies: tuple[Copy, ...]
    tiles: tuple[Tiles, ...]


class PartsPlanner:
    """Plans the parts of one picture after the other; remembers which inner pixels were computed at all.

    Args:
        parts: of the restorer, from input to output.
    """

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.parts = parts
        self._made: list[Mask | None] = [None] * (len(parts) - 1)  # inner pixels that are right; None: all

    def fit(self, size: tuple[int, int]) -> bool:
        """Whether pictures of this size can be covered."""
        return bool(self.parts) and all(fits(SHAPES[0], size, part.halo) for part in self.parts)

    def share(self, plans: tuple[PartPlan, ...], pixels: int) -> float:
        """Multiply-accumulates of plans as a share of those for all of a picture."""
        whole = pixels * sum(each for part in self.parts for each, _ in part.layers)
        pairs = zip(plans, self.parts, strict=True)
        return sum(tiles.macs(part) for plan, part in pairs for tiles in plan.tiles) / whole

    def restart(self) -> None:
        """The picture before is restored whole, so that all of its inner pixels are right."""
        self._made = [None] * len(self._made)

    def known(self, source: Source) -> list[Mask]:
        """By part: which of the pixels that it makes can be copied from this source."""
        found, mask = [], source.equal
        for part, made in zip(self.parts, [*self._made, None], strict=True):
            # Eroding what was eroded is eroding further, borders included.
            mask = reusable_pixels(mask, source.shift, part.halo)
            found.append(mask if made is None else mask & moved(made, source.shift))
        return found

    def plan(self, sources: list[Source], known: list[list[Mask]], needed: Mask) -> tuple[PartPlan, ...]:
        """Plans by part, from input to output.

        Args:
            sources: where pixels may come from.
            known: of each, see :meth:`known`.
            needed: restored pixels to compute; fewer than cannot be copied where some were found elsewhere.
        """
        ground = int(np.argmax([np.count_nonzero(masks[-1]) for masks in known]))
        have = [reduce(np.logical_or, masks) for masks in zip(*known, strict=True)]
        asked = int(np.count_nonzero(have[-1]) + np.count_nonzero(needed))
        gaps = asked < needed.size or any(made is not None for made in self._made)
        plans: list[PartPlan] = []
        for at in range(len(self.parts) - 1, -1, -1):
            if plans:
                needed = self._inner(plans[0].tiles, at, have[at]) if gaps else ~have[at]
            copies = _copies(sources, [masks[at] for masks in known], ground)
            plans.insert(0, PartPlan(sources[ground].shift, copies, cover(needed, self.parts[at])))
        return tuple(plans)

    def _inner(self, tiles: tuple[Tiles, ...], at: int, have: Mask) -> Mask:
        """What part ``at`` has to make for tiles of the next one: less than is missing, where that is not asked for."""
        needed = windows(tiles, self.parts[at + 1].halo, (have.shape[0], have.shape[1])) & ~have
        made = have | needed
        self._made[at] = None if made.all() else made
        return needed


def moved(mask: Mask, shift: Shift) -> Mask:
    """A mask of the picture before, as seen from this one; False where that lies outside."""
    if shift == STILL:
        return mask
    result = np.zeros_like(mask)
    (here_y, there_y), (here_x, there_x) = (overlap(size, by) for size, by in zip(mask.shape, shift, strict=True))
    result[here_y, here_x] = mask[there_y, there_x]
    return result


def _copies(sources: list[Source], known: list[Mask], ground: int) -> tuple[Copy, ...]:
    """Copies of pixels that the ground does not have, each from one source."""
    taken, copies = known[ground], []
    for at, (source, mask) in enumerate(zip(sources, known, strict=True)):
        if at == ground:
            continue
        fresh = mask > taken  # and not taken yet
        if fresh.any():
            copies.append(Copy(source.shift, fresh))
            taken = taken | fresh
    return tuple(copies)
