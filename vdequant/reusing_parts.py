"""Carries out plans for a network that runs in parts: tiles go through each part as one batch, the rest is copied.

before's canvas ─► moved, copies ─┐                 before's restored picture ─► moved, copies ─┐
stored ─► windows ─► first part ──┴► canvas ─► windows ─► last part ─► answers, into the cells ─┴► result

A restorer's own first part is what it sees of each pixel. That is quickly made again, and keeping it took longer: its
first two parts are one here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.frame_work import Recipe, cells_of, into_cells
from vdequant.models.parts import Part
from vdequant.quantizers.base import Cells
from vdequant.restorers.base import Parted
from vdequant.temporal.reuse_batches import Batch, batched, spots
from vdequant.temporal.reuse_canvas import Bits, Canvas, bits_of
from vdequant.temporal.reuse_parts import Copy, PartPlan
from vdequant.temporal.reuse_shifts import STILL, overlap
from vdequant.temporal.reuse_tiles import Place, Shape, Tiles, cover

LINE = 32_000  # pixels that are answered at once: their samples stay in a core's cache
PROBED = 8  # pixels a side of a picture whose cells are looked at

# What is between the parts of a picture, and its result, as soon as they are there
Canvases = tuple[Future[Canvas], ...]
Kept = tuple[Canvases, Future[Tensor]]
Turn = AbstractContextManager[Any]
Samples = NDArray[np.float32]
Tile = tuple[Place, Samples]  # (3, h, w)
Made = list[tuple[Batch, Tensor]]  # as many or more tiles (N, C, h, w)


def parts_of(recipe: Recipe) -> tuple[Part, ...]:
    """The parts that the recipe's restorer is run in; () where it cannot be cut."""
    restorer = recipe.restorer
    if not isinstance(restorer, Parted) or restorer.needs.multiple_of > 1 or len(restorer.parts) < 2:
        return ()
    seen, first, *others = restorer.parts
    return Part(seen.halo + first.halo, first.layers, seen.other + first.other), *others


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A picture to restore by a plan.

    Attributes:
        y: stored ``(1, 3, H, W)``.
        plans: by part.
        before: what the picture before has, whose canvases are used up; None where nothing is copied.
        inner: is given what this one has between its parts.
    """

    y: Tensor
    plans: tuple[PartPlan, ...]
    before: Kept | None
    inner: Canvases

    @property
    def size(self) -> Shape:
        """Height and width."""
        return self.y.shape[-2], self.y.shape[-1]

    def with_tiles(self, tiles: list[Tile]) -> Tensor:
        """The restored picture ``(1, 3, H, W)``, a new one: what is copied, and these tiles over it."""
        result = torch.empty_like(self.y) if self.before is None else _moved(self.before[1].result(), self.plans[-1])
        whole = result[0].numpy()
        for (top, left), tile in tiles:
            whole[:, top : top + tile.shape[1], left : left + tile.shape[2]] = tile
        return result


class PartedWork:
    """Restores pictures by a network that runs in parts.

    Args:
        recipe: what decides a result; its restorer is a :class:`~vdequant.restorers.base.Parted`.
        turn: is held for all small steps, not for those of the network and of its cells, which take long and go to
            other libraries, and never while waiting for another picture.
    """

    def __init__(self, recipe: Recipe, turn: Turn) -> None:
        if not isinstance(recipe.restorer, Parted):
            raise TypeError(f"expected a restorer that runs in parts, got {type(recipe.restorer).__name__}")
        self.recipe, self.restorer, self.turn = recipe, recipe.restorer, turn
        self.parts = parts_of(recipe)
        self._some = cells_of(recipe, torch.zeros(1, 3, PROBED, PROBED))  # they say what kind of clip it is

    def whole(self, y: Tensor, inner: Canvases) -> Tensor:
        """Restore all of a picture ``(1, 3, H, W)``, and give ``inner`` what is between the parts."""
        if max(y.shape[-2:]) > self.recipe.tile:
            tiles = _everything((y.shape[-2], y.shape[-1]), self.parts)
            asked = Asked(y, tuple(PartPlan(STILL, (), each) for each in tiles), None, inner)
            return asked.with_tiles(self.tiles([asked])[0])
        cells = cells_of(self.recipe, y)
        x = self.restorer.go_on(1, self.restorer.begin(y, cells), cells, None)
        for at, kept in enumerate(inner, start=1):
            kept.set_result(Canvas.holding(x, self.parts[at].halo))
            x = self.restorer.go_on(at + 1, x, cells, None)
        return self._into(cells, self.restorer.answer(y, cells, x))

    def tiles(self, asked: Sequence[Asked]) -> list[list[Tile]]:
        """Compute the tiles of plans for consecutive pictures of one size, part by part for all of them.

        Gives what is between the parts to ``inner`` of each, and uses up that of the picture before.

        Returns:
            By picture, what :meth:`Asked.with_tiles` wants.
        """
        with self.turn:
            begun = self._cut(asked)
        made = [(batch, self._begun(batch, stored)) for batch, stored in begun]
        for at in range(1, len(self.parts)):
            if asked[0].before is not None:
                asked[0].before[0][at - 1].result()
            with self.turn:
                batches, windows = self._windows(at, asked, made)
            made = [
                (batch, self.restorer.go_on(at + 1, x, self._some, partial(_blank, batch.borders)))
                for batch, x in zip(batches, windows, strict=True)
            ]
        return self._answered(asked, made) if made else [[] for _ in asked]

    def _cut(self, asked: Sequence[Asked]) -> Made:
        """What the first part is run on: stored windows."""
        halo, first, cut = self.parts[0].halo, self.restorer.parts[1].halo, []
        pictures = [each.y[0].numpy() for each in asked]
        for batch in batched([each.plans[0].tiles for each in asked], halo, asked[0].size):
            height, width = (side + 2 * halo for side in batch.shape)
            windows = np.empty((batch.windows(first), 3, height, width), np.float32)
            for slot, (picture, (top, left)) in enumerate(zip(batch.pictures, batch.places, strict=True)):
                windows[slot] = _around(pictures[picture], top - halo, left - halo, height, width)
            windows[len(batch.pictures) :] = windows[len(batch.pictures) - 1]
            cut.append((batch, torch.from_numpy(windows)))
        return cut

    def _begun(self, batch: Batch, stored: Tensor) -> Tensor:
        """Run the first part on stored windows."""
        edge, left = self.restorer.parts[0].halo, self.restorer.parts[1].halo
        height, width = stored.shape[-2:]
        x = self.restorer.begin(stored, cells_of(self.recipe, stored))[..., edge : height - edge, edge : width - edge]
        blank = partial(_blank, batch.borders)
        blank(x, left)
        return self.restorer.go_on(1, x, self._some, blank)

    def _windows(self, at: int, asked: Sequence[Asked], made: Made) -> tuple[list[Batch], list[Tensor]]:
        """What part ``at`` is run on, from what the one before made."""
        halo, size = self.parts[at].halo, asked[0].size
        batches = batched([each.plans[at].tiles for each in asked], halo, size)
        windows: list[Tensor] = []
        cut: list[Bits] = []
        put = [bits_of(x.permute(0, 2, 3, 1)) for _, x in made]
        given, wanted = spots([batch for batch, _ in made], len(asked)), spots(batches, len(asked))
        for each, ours, theirs in zip(asked, given, wanted, strict=True):
            if each.before is None:
                canvas = Canvas.empty(made[0][1], size, halo)
            else:
                plan = each.plans[at - 1]
                canvas = each.before[0][at - 1].result().moved(plan.ground, plan.copies)
            canvas.put(ours, put)
            if not windows:
                windows = [_empty(batch, halo, canvas.sheet) for batch in batches]
                cut = [bits_of(x) for x in windows]
            canvas.cut(theirs, cut)
            each.inner[at - 1].set_result(canvas)  # windows are copies: from here on the canvas is the next picture's
        for batch, bits in zip(batches, cut, strict=True):
            bits[len(batch.pictures) :] = bits[len(batch.pictures) - 1]
        return batches, [x.permute(0, 3, 1, 2) for x in windows]

    def _answered(self, asked: Sequence[Asked], made: Made) -> list[list[Tile]]:
        """Restored tiles, from what the last part made: pixel by pixel, and so many of them in one long picture."""
        tiles: list[list[Tile]] = [[] for _ in asked]
        pictures = [each.y[0].numpy() for each in asked]
        for group in _in_lines(made):
            with self.turn:
                stored = torch.cat([_flat(_cut(pictures, batch)) for batch, _ in group], -1)
                answers = torch.cat([_flat(x[: len(batch.pictures)]) for batch, x in group], -1)
            cells = cells_of(self.recipe, stored)
            restored, first = self._into(cells, self.restorer.answer(stored, cells, answers))[0, :, 0].numpy(), 0
            for batch, _ in group:
                height, width = batch.shape
                last = first + len(batch.pictures) * height * width
                values = restored[:, first:last].reshape(3, -1, height, width)
                for slot, (picture, place) in enumerate(zip(batch.pictures, batch.places, strict=True)):
                    tiles[picture].append((place, values[:, slot]))
                first = last
        return tiles

    def _into(self, cells: Cells, restored: Tensor) -> Tensor:
        return into_cells(self.recipe, restored, cells)


@lru_cache(maxsize=4)
def _everything(size: Shape, parts: tuple[Part, ...]) -> tuple[tuple[Tiles, ...], ...]:
    """Tiles that cover pictures of this size, by part."""
    return tuple(cover(np.ones(size, dtype=bool), part) for part in parts)


def _blank(borders: tuple[tuple[int, int, int], ...], x: Tensor, left: int) -> None:
    """Set to zero what the windows of a batch have beyond the borders of their picture."""
    if not borders:
        return
    bits, (height, width) = bits_of(x), x.shape[-2:]
    everything = slice(None)
    sides = (slice(left), everything), (everything, slice(width - left, None)), (slice(height - left, None), everything)
    for side, first, last in borders:
        rows, columns = (*sides, (everything, slice(left)))[side]
        bits[first:last, :, rows, columns] = 0


def _empty(batch: Batch, halo: int, like: Tensor) -> Tensor:
    """Windows ``(N, h, w, C)`` for a batch, with the type of ``like`` and as many channels as its last dimension."""
    height, width = (side + 2 * halo for side in batch.shape)
    return like.new_empty((batch.windows(halo), height, width, like.shape[-1]))


def _in_lines(made: Made) -> Iterator[Made]:
    """Batches whose tiles together are no longer than :data:`LINE`, or single ones."""
    group: Made = []
    length = 0
    for batch, x in made:
        pixels = len(batch.pictures) * batch.shape[0] * batch.shape[1]
        if group and length + pixels > LINE:
            yield group
            group, length = [], 0
        group.append((batch, x))
        length += pixels
    yield group


def _flat(x: Tensor) -> Tensor:
    """``(N, C, h, w)`` as one line of pixels ``(1, C, 1, N * h * w)``."""
    return x.transpose(0, 1).reshape(1, x.shape[1], 1, -1)


def _around(picture: Samples, top: int, left: int, height: int, width: int) -> Samples:
    """A part of a picture ``(3, H, W)`` that may go beyond its borders; samples are repeated there."""
    bottom, right = top + height, left + width
    if top >= 0 and left >= 0 and bottom <= picture.shape[1] and right <= picture.shape[2]:
        return picture[:, top:bottom, left:right]
    rows = np.minimum(np.maximum(np.arange(top, bottom), 0), picture.shape[1] - 1)
    columns = np.minimum(np.maximum(np.arange(left, right), 0), picture.shape[2] - 1)
    return picture[:, rows[:, None], columns]


def _cut(pictures: Sequence[Samples], batch: Batch) -> Tensor:
    """The stored tiles ``(N, 3, h, w)`` of a batch; in NumPy, which is quicker for many small pieces."""
    height, width = batch.shape
    stored = np.empty((len(batch.pictures), 3, height, width), np.float32)
    for slot, (picture, (top, left)) in enumerate(zip(batch.pictures, batch.places, strict=True)):
        stored[slot] = pictures[picture][:, top : top + height, left : left + width]
    return torch.from_numpy(stored)


def _moved(before: Tensor, plan: PartPlan) -> Tensor:
    """A new picture of what the one ``before`` had, where the plan copies it."""
    if plan.ground == STILL:
        result = before.clone(memory_format=torch.contiguous_format)
    else:
        result = torch.empty_like(before, memory_format=torch.contiguous_format)
        sides = zip(before.shape[-2:], plan.ground, strict=True)
        (here_y, there_y), (here_x, there_x) = (overlap(side, by) for side, by in sides)
        result[..., here_y, here_x] = before[..., there_y, there_x]
    for copy in plan.copies:
        copy_masked(before, result, copy)
    return result


def copy_masked(before: Tensor, result: Tensor, copy: Copy) -> None:
    """Put the pixels of the copy's mask in ``result`` ``(1, 3, H, W)`` that lie its shift farther in ``before``."""
    here = np.flatnonzero(copy.mask)
    there = here + (copy.shift[0] * copy.mask.shape[1] + copy.shift[1])
    for source, target in zip(before[0].numpy(), result[0].numpy(), strict=True):
        target.reshape(-1)[here] = source.reshape(-1).take(there)
