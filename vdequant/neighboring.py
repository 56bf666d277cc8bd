"""Restores frames together with their neighbors: who stands beside whom, and what the restorer is then told.

items ──► around: holds a few frames back ──► decode thread ──► plan: a frame and those around it
                                                                       │
worker threads:    narrower cells ◄── temporal.neighbors ◄─────────────┘
                         └──► restorer ──► into the intersection of the cells ──► into the frame's own ──► ending
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from vdequant.errors import UsageError
from vdequant.frame_work import (
    Ending,
    Recipe,
    Restored,
    Taken,
    cells_of,
    finish,
    in_tiles,
    into_cells,
    margin_of,
    pad_to_needs,
    restore_native,
    take_native,
)
from vdequant.frames import Frame, SegmentStart, SidePacket, SourceInfo
from vdequant.quantizers.base import Cells, room_of, toward_cells
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.mean_cells import MeanCells
from vdequant.quantizers.palette import PaletteCells
from vdequant.quantizers.pattern_cells import PatternCells
from vdequant.quantizers.uniform import BoxCells
from vdequant.settings import Settings
from vdequant.temporal.cuts import CutDetector
from vdequant.temporal.motion import Floats
from vdequant.temporal.neighbor_shifts import View, view
from vdequant.temporal.neighbors import Known, joined

PROBED = 64  # pixels a side of a picture whose cells are looked at
STORED, FACTS = 3, 13  # last planes (exclusive) of a tile's stored values, and of the facts: stored, low, high, room


def check_neighbors(settings: Settings, info: SourceInfo) -> None:
    """Raise :class:`UsageError` when ``--neighbors`` is asked for a single picture, which has none."""
    if settings.neighbors and info.kind == "image":
        raise UsageError(f"expected a video or a folder of its frames with --neighbors, got {info.path}; drop it")


def check_cells(recipe: Recipe) -> None:
    """Raise :class:`UsageError` when the cells of a source say nothing of neighboring frames."""
    if not recipe.exact:
        raise UsageError(
            "--neighbors expects frames that no codec has changed; drop it, and --temporal flow takes means over time"
        )
    some = cells_of(recipe, torch.zeros(1, 3, PROBED, PROBED))
    if not isinstance(some, BoxCells | MeanCells | PaletteCells | PatternCells):
        raise UsageError(f"--neighbors expects levels or a palette, got {recipe.quantizer.describe()}; drop it")


def _cells_of(recipe: Recipe, y: Tensor) -> Cells:
    """As for single frames; but known patterns are told as dither however fine, because frames are told their means.

    Where a PlayStation's dither stays and the scene pans, cellnet-s gains 9.5 dB so, and 8.6 told single intervals.
    """
    quantizer = recipe.quantizer
    if isinstance(quantizer, DitherQuantizer) and quantizer.regular:
        return quantizer.pattern_cells(y)
    return cells_of(recipe, y)


def known_of(recipe: Recipe, y: Tensor) -> Known:
    """What a stored native picture ``(1, 3, H, W)`` says by itself."""
    cells = _cells_of(recipe, y)
    facts = _interleaved(torch.cat([cells.stored, cells.low, cells.high, room_of(cells)], dim=1))
    box = cells.exact if isinstance(cells, PatternCells) else cells
    # Levels have the same borders everywhere: of them, two cells that are not equal have nothing in common.
    if recipe.quantizer.period == 1 or not isinstance(box, BoxCells):
        return Known(facts, None)
    return Known(facts, _interleaved(torch.cat([box.low, box.high], dim=1)))


def told(cells: Cells, facts: Tensor) -> Cells:
    """A frame's cells as the restorer is told them: with other values and reaches, and of the same kind."""
    stored, low, high, room = (part.contiguous() for part in torch.split(facts, [3, 3, 3, 1], dim=1))
    if isinstance(cells, MeanCells | PaletteCells):
        return replace(cells, stored=stored, low=low, high=high, room=room)
    if isinstance(cells, BoxCells | PatternCells):
        return replace(cells, stored=stored, low=low, high=high)
    raise TypeError(f"expected cells that check_cells lets pass, got {type(cells).__name__}")


def restore_together(recipe: Recipe, y: Tensor, known: Known) -> Tensor:
    """Restore a native picture ``(1, 3, H, W)`` of which its neighbors know as well, tiled where it is large.

    The result is in the picture's own cells as far as ``fidelity`` asks.
    """
    planes = [y, _planar(known.facts, y), *([] if known.box is None else [_planar(known.box, y)])]

    def work(part: Tensor) -> Tensor:
        height, width = part.shape[-2:]
        padded = pad_to_needs(part, recipe.restorer.needs)
        cells = told(_cells_of(recipe, padded[:, :STORED].contiguous()), padded[:, STORED:FACTS])
        proposal = recipe.restorer.restore(cells.stored, cells)[..., :height, :width]
        own = part[:, :STORED].contiguous()
        if known.box is not None:
            low, high = torch.split(part[:, FACTS:], 3, dim=1)
            proposal = toward_cells(proposal, BoxCells(own, low, high), recipe.fidelity, margin_of(recipe))
        return into_cells(recipe, proposal, cells_of(recipe, own))

    return in_tiles(recipe, work, torch.cat(planes, dim=1))


def _interleaved(x: Tensor) -> Floats:
    """``(1, C, H, W)`` as ``(H, W, C)``."""
    return np.ascontiguousarray(x[0].permute(1, 2, 0).cpu().numpy(), np.float32)


def _planar(x: Floats, like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None].to(like)


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A frame that was looked at, and the number of its shot."""

    frame: Frame
    taken: Taken
    view: View
    shot: int


class NeighborWork:
    """Turns frames into results like ``restore_planes``, each with what its neighbors know.

    Equal frames may come out differently where their neighbors differ, so results are not to be shared among them.

    Args:
        recipe: what decides a result.
        reach: neighbors on each side; fewer where a shot or a segment begins or ends.
        certify_every: one of so many frames is certified.
        device: where the restorer is.
        ending: what becomes of restored native pictures.
    """

    def __init__(
        self, recipe: Recipe, reach: int, certify_every: int, device: torch.device, ending: Ending = finish
    ) -> None:
        check_cells(recipe)
        self.recipe, self.reach, self.certify_every = recipe, reach, certify_every
        self.device, self.ending = device, ending
        self._begin()

    def _begin(self) -> None:
        """What follows has nothing to do with what was before."""
        self._entries: deque[_Entry] = deque()
        self._next = 0  # of the entries, to be given out
        self._given = 0  # frames, since the segment began
        self._waiting: deque[Frame | SidePacket] = deque()
        self._shot, self._cuts = 0, CutDetector()

    def around(self, items: Iterable[Frame | SidePacket]) -> Iterator[Frame | SidePacket]:
        """Pass ``items`` on in order. :meth:`plan` has to be called for every frame before the next item is taken."""
        for item in items:
            if isinstance(item, SegmentStart):
                yield from self._passed(0)
                self._begin()
            self._waiting.append(item)
            if isinstance(item, Frame):
                self._entries.append(self._seen(item))
            yield from self._passed(self.reach)
        yield from self._passed(0)

    def _seen(self, frame: Frame) -> _Entry:
        with torch.inference_mode():
            taken = take_native(self.recipe, tuple(plane[None] for plane in frame.planes), frame.layout)
            self._shot += self._cuts.starts_shot(taken.y)
            return _Entry(frame, taken, view(taken.y), self._shot)

    def _passed(self, ahead: int) -> Iterator[Frame | SidePacket]:
        """What waits, as far as so many frames after it were seen."""
        while self._waiting:
            if isinstance(self._waiting[0], Frame):
                if len(self._entries) - self._next <= ahead:
                    return
                yield self._waiting.popleft()
                self._next += 1
                if self._next > self.reach:
                    self._entries.popleft()
                    self._next -= 1
            else:
                yield self._waiting.popleft()

    def plan(self, frame: Frame) -> Callable[[], Restored]:
        """What restores the frame that :meth:`around` has just given out."""
        entry = self._entries[self._next]
        if entry.frame is not frame:
            raise RuntimeError("frames are to be planned as they are given out")
        first = max(0, self._next - self.reach)
        near = [self._entries[place] for place in range(first, min(len(self._entries), self._next + self.reach + 1))]
        others = [other.view for other in near if other is not entry and other.shot == entry.shot]
        certify = self._given % self.certify_every == 0
        self._given += 1
        return partial(self.run, entry.taken, entry.view, others, certify)

    def run(self, taken: Taken, own: View, others: list[View], certify: bool) -> Restored:
        """Restore one frame, up to the ending."""
        known = joined(own, others, partial(known_of, self.recipe))
        y = taken.y.to(self.device)
        native = restore_native(self.recipe, y) if known is None else restore_together(self.recipe, y, known)
        there = Taken(y, taken.geometry, tuple(plane.to(self.device) for plane in taken.planes), taken.layout)
        done = self.ending(self.recipe, there, native, certify)
        return Restored(tuple(plane.cpu() for plane in done.planes), done.inside, done.samples)
