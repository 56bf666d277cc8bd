"""Moving a picture into JPEG's boxes: coefficients and samples are cut in turn until both are inside."""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.quantizers import jpeg_planes
from vdequant.quantizers.jpeg_codec import HALVED, Subsampling

ROUNDS = 40  # for blocks with saturated colors; others need one
MORE_ROUNDS = 160  # for the few that have not come to rest by then
DEEPER = 0.25  # share of the inset by which a coefficient that was outside is put further in, so that rounds end
DEEPEST = 1.0  # the same in MORE_ROUNDS

# Center and half width, (N, rows, columns, 8, 8), and by how much the half width was made smaller, (8, 8).
Box = tuple[Tensor, Tensor, Tensor]


def move_into(x: Tensor, boxes: list[Box], subsampling: Subsampling) -> Tensor:
    """``x`` with the coefficients of Y, Cb and Cr in their boxes and the samples in [0, 1], as far as ``ROUNDS`` get.

    Groups of blocks (8x8, 16x8 or 16x16 pixels) do not touch each other. After the first round, those that have to
    go on do so as small pictures of their own, and what the picture's edges cut, as two stripes:

        ┌──┬──┬─┐
        ├──┼──┤ │  right stripe
        └──┴──┴─┘  bottom stripe
    """
    across, down = HALVED[subsampling]
    tall, wide = 8 * down, 8 * across
    rows, columns = x.shape[-2] // tall, x.shape[-1] // wide
    x, outside = _round(x, boxes, subsampling)
    for top, left in ((0, columns), (rows, 0)):
        stripe = x[..., top * tall :, left * wide :]
        if stripe.numel() and bool(outside[:, top:, left:].any()):
            scale = [(down, across), (1, 1), (1, 1)]
            own = [
                (center[:, top * d :, left * a :], half[:, top * d :, left * a :], inset)
                for (center, half, inset), (d, a) in zip(boxes, scale, strict=True)
            ]
            stripe.copy_(_settled(stripe.clone(), own, subsampling))
    places = outside[:, :rows, :columns].nonzero(as_tuple=True)
    if len(places[0]):
        inner = x[..., : rows * tall, : columns * wide]
        groups = inner.view(len(x), 3, rows, tall, columns, wide).permute(0, 2, 4, 1, 3, 5)
        own = [
            (_of_groups(center, places, d, a), _of_groups(half, places, d, a), inset)
            for (center, half, inset), (d, a) in zip(boxes, [(down, across), (1, 1), (1, 1)], strict=True)
        ]
        groups[places] = _settled(groups[places], own, subsampling)  # writes into x
    return x


def _of_groups(blocks: Tensor, places: tuple[Tensor, ...], down: int, across: int) -> Tensor:
    """Of ``(N, rows, columns, 8, 8)`` the blocks of M groups, ``(M, down, across, 8, 8)``."""
    count, rows, columns = blocks.shape[:3]
    groups = blocks.reshape(count, rows // down, down, columns // across, across, 8, 8).permute(0, 1, 3, 2, 4, 5, 6)
    return groups[places]


def _round(x: Tensor, boxes: list[Box], subsampling: Subsampling, deeper: float = DEEPER) -> tuple[Tensor, Tensor]:
    """One round, and which groups of blocks, ``(N, rows, columns)``, were outside before it."""
    across, down = HALVED[subsampling]
    changes, found = [], []
    for seen, (center, half, inset) in zip(jpeg_planes.analyze(x, subsampling), boxes, strict=True):
        off = seen - center
        out = (off.abs() > half).flatten(-2).any(-1)
        room = half - deeper * inset
        clamped = torch.minimum(torch.maximum(off, -room), room)
        changes.append(torch.where(out[..., None, None], clamped - off, 0))
        found.append(out)
    luma, cb, cr = found
    count, rows, columns = cb.shape
    outside = luma.reshape(count, rows, down, columns, across).any(4).any(2) | cb | cr
    moved = x + jpeg_planes.corrections(changes, x.shape[-2], x.shape[-1], subsampling)
    return moved.clamp_(0, 1), outside


def _settled(x: Tensor, boxes: list[Box], subsampling: Subsampling) -> Tensor:
    """Rounds for each picture until it needs no more; writes into ``x``."""
    active = torch.arange(len(x), device=x.device)
    for done in range(ROUNDS + MORE_ROUNDS):
        own = [(center[active], half[active], inset) for center, half, inset in boxes]
        x[active], outside = _round(x[active], own, subsampling, DEEPER if done < ROUNDS else DEEPEST)
        active = active[outside.flatten(1).any(1)]
        if not len(active):
            break
    return x
