"""Carries out plans for a network that runs in parts: tiles go through each part as one batch, the rest is copied.

before's canvas ─► moved, copies ─┐                 before's restored picture ─► moved, copies ─┐
stored ─► windows ─► first part ──┴► canvas ─► windows ─► last part ─► answers, into the cells ─┴► result
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vdequant.frame_work import Recipe, cells_of, margin_of
from vdequant.models.parts import Blank, Part
from vdequant.quantizers.base import Cells, toward_cells
from vdequant.restorers.base import Parted
from vdequant.temporal.reuse_canvas import Canvas
from vdequant.temporal.reuse_parts import Copy, PartPlan
from vdequant.temporal.reuse_shifts import STILL, overlap
from vdequant.temporal.reuse_tiles import Place, Shape, Tiles, cover

MOST_PIXELS = 48_000  # of the windows in one batch: what they become stays in a core's cache
# PyTorch gives pictures of fewer pixels, of 16 channels and one at a time, to another library: other last bits.
ALONE = 48 * 48
ROUND = 4  # batches of more tiles than that are filled up to a multiple of it: few shapes, which libraries prepare for
PROBED = 8  # pixels a side of a picture whose cells are looked at

# What is between the parts of a picture, and its result, as soon as they are there
Canvases = tuple[Future[Canvas], ...]
Kept = tuple[Canvases, Future[Tensor]]
Made = list[tuple[tuple[Place, ...], Tensor]]  # places, and as many or more tiles (N, C, h, w)


def parts_of(recipe: Recipe) -> tuple[Part, ...]:
    """The parts that the recipe's restorer can be run in; () for none."""
    restorer = recipe.restorer
    return restorer.parts if isinstance(restorer, Parted) and restorer.needs.multiple_of == 1 else ()


class PartedWork:
    """Restores pictures by a network that runs in parts.

    Args:
        recipe: what decides a result; its restorer is a :class:`~vdequant.restorers.base.Parted`.
    """

    def __init__(self, recipe: Recipe) -> None:
        if not isinstance(recipe.restorer, Parted):
            raise TypeError(f"expected a restorer that runs in parts, got {type(recipe.restorer).__name__}")
        self.recipe, self.restorer = recipe, recipe.restorer
        self._some = cells_of(recipe, torch.zeros(1, 3, PROBED, PROBED))  # they say what kind of clip it is

    def whole(self, y: Tensor, inner: Canvases) -> Tensor:
        """Restore all of a picture ``(1, 3, H, W)``, and give ``inner`` what is between the parts."""
        if max(y.shape[-2:]) > self.recipe.tile:
            tiles = _everything((y.shape[-2], y.shape[-1]), self.restorer.parts)
            return self.planned(y, tuple(PartPlan(STILL, (), each) for each in tiles), None, inner)
        cells = cells_of(self.recipe, y)
        x = self.restorer.begin(y, cells)
        for at, kept in enumerate(inner, start=1):
            kept.set_result(Canvas.holding(x, self.restorer.parts[at].halo))
            x = self.restorer.go_on(at, x, cells, None)
        return self._into(cells, self.restorer.answer(y, cells, x))

    def planned(self, y: Tensor, plans: tuple[PartPlan, ...], before: Kept | None, inner: Canvases) -> Tensor:
        """Carry out plans.

        Args:
            y: stored picture ``(1, 3, H, W)``.
            plans: by part.
            before: what the picture before has, whose canvases are used up; None where nothing is copied.
            inner: is given what this one has between its parts.

        Returns:
            The restored picture ``(1, 3, H, W)``, a new one.
        """
        size = y.shape[-2], y.shape[-1]
        made = self._begun(y, plans[0].tiles)
        for at, kept in enumerate(inner, start=1):
            if before is None:
                canvas = Canvas.empty(made[0][1], size, self.restorer.parts[at].halo)
            else:
                canvas = before[0][at - 1].result().moved(plans[at - 1].ground, plans[at - 1].copies)
            for places, x in made:
                canvas.put(places, x)
            batches = _batches(plans[at].tiles, canvas.border)
            windows = [canvas.cut(each.places, each.shape, filled(each, canvas.border)) for each in batches]
            kept.set_result(canvas)  # windows are copies: from here on the canvas is the next picture's
            made = [
                (tiles.places, self.restorer.go_on(at, x, self._some, blank_of(tiles, size)))
                for tiles, x in zip(batches, windows, strict=True)
            ]
        result = torch.empty_like(y) if before is None else _moved(before[1].result(), plans[-1])
        _put(result[0], self._answered(y, made))
        return result

    def _begun(self, y: Tensor, batches: tuple[Tiles, ...]) -> Made:
        halo = self.restorer.parts[0].halo
        wider, made = functional.pad(y, (halo,) * 4, mode="replicate"), []
        for tiles in _batches(batches, halo):
            windows = _cut(wider, tiles.places, (tiles.shape[0] + 2 * halo, tiles.shape[1] + 2 * halo))
            x = self.restorer.begin(windows, cells_of(self.recipe, windows))
            made.append((tiles.places, x[..., halo:-halo, halo:-halo]))
        return made

    def _answered(self, y: Tensor, made: Made) -> Made:
        """Restored tiles, from what the last part made: pixel by pixel, and so all of them in one long picture."""
        if not made:
            return made
        stored = torch.cat([_flat(_cut(y, places, (x.shape[-2], x.shape[-1]))) for places, x in made], -1)
        answers = torch.cat([_flat(x[: len(places)]) for places, x in made], -1)
        cells = cells_of(self.recipe, stored)
        restored = self._into(cells, self.restorer.answer(stored, cells, answers))
        sizes = [len(places) * x.shape[-2] * x.shape[-1] for places, x in made]
        parts = torch.split(restored[0, :, 0], sizes, dim=-1)
        return [
            (places, part.view(3, len(places), *x.shape[-2:]).permute(1, 0, 2, 3))
            for (places, x), part in zip(made, parts, strict=True)
        ]

    def _into(self, cells: Cells, restored: Tensor) -> Tensor:
        return toward_cells(restored, cells, self.recipe.fidelity, margin_of(self.recipe))


@lru_cache(maxsize=4)
def _everything(size: Shape, parts: tuple[Part, ...]) -> tuple[tuple[Tiles, ...], ...]:
    """Tiles that cover pictures of this size, by part."""
    return tuple(cover(np.ones(size, dtype=bool), part) for part in parts)


def blank_of(tiles: Tiles, size: Shape) -> Blank:
    """Sets to zero what the windows of tiles have beyond the borders of a picture of this size."""
    return partial(_blank, tiles.borders(size))


def _blank(borders: tuple[tuple[int, int, int], ...], x: Tensor, left: int) -> None:
    for side, first, last in borders:
        _sides(x[first:last], left)[side].zero_()


def _sides(x: Tensor, wide: int) -> tuple[Tensor, ...]:
    """Strips at the top, right, bottom and left."""
    height, width = x.shape[-2:]
    return x[..., :wide, :], x[..., :, width - wide :], x[..., height - wide :, :], x[..., :, :wide]


def _batches(batches: tuple[Tiles, ...], halo: int) -> list[Tiles]:
    """The same tiles in batches that are not too large."""
    parts = []
    for tiles in batches:
        most = max(1, MOST_PIXELS // ((tiles.shape[0] + 2 * halo) * (tiles.shape[1] + 2 * halo)))
        parts += [Tiles(tiles.shape, tiles.places[at : at + most]) for at in range(0, len(tiles.places), most)]
    return parts


def filled(tiles: Tiles, halo: int) -> int:
    """How many tiles there are in the batch."""
    count = len(tiles.places)
    if count == 1 and (tiles.shape[0] + 2 * halo) * (tiles.shape[1] + 2 * halo) < ALONE:
        return 2
    return count if count <= ROUND else -(-count // ROUND) * ROUND


def _flat(x: Tensor) -> Tensor:
    """``(N, C, h, w)`` as one line of pixels ``(1, C, 1, N * h * w)``."""
    return x.transpose(0, 1).reshape(1, x.shape[1], 1, -1)


def _cut(y: Tensor, places: tuple[Place, ...], shape: Shape) -> Tensor:
    """Parts ``(N, 3, h, w)`` of a picture ``(1, 3, H, W)``."""
    (height, width), picture = shape, y[0].numpy()  # many small pieces, for which it is quicker
    return torch.from_numpy(np.stack([picture[:, top : top + height, left : left + width] for top, left in places]))


def _put(picture: Tensor, made: Made) -> None:
    """Tiles into a picture ``(C, H, W)``."""
    whole = picture.numpy()
    for places, values in made:
        height, width = values.shape[-2:]
        for (top, left), tile in zip(places, values.numpy(), strict=False):
            whole[:, top : top + height, left : left + width] = tile


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
    here = torch.from_numpy(np.flatnonzero(copy.mask))
    there = here + (copy.shift[0] * copy.mask.shape[1] + copy.shift[1])
    source = before.reshape(before.shape[1], -1)
    result.view(result.shape[1], -1).index_copy_(1, here, source.index_select(1, there))
