"""Runs a cellnet in parts: whole pictures with padding, or windows without it.

    stored ─► features │─► conv ─► blocks │─► blocks ─► conv ─► answer
                      kept               kept                          from frame to frame

What is kept between the parts moves with the picture, so that where something new appears, each layer is computed only
as far around it as layers before it can see, instead of as far as the whole network can.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vdequant.models.cellnet import FEATURES, Block, Cellnet, CellnetSpec
from vdequant.models.parts import Blank, Part, layered

ANSWERS = 4
CUTS = (1, 2, 3)  # blocks before which the network is cut
FEATURES_COST, ANSWERS_COST = 4000, 4000  # of a pixel, in multiply-accumulates that take as long (measured)


def parts_of(spec: CellnetSpec) -> tuple[Part, ...]:
    """The parts of a network: see :data:`CUTS`; () for one with a context branch, which is not cut."""
    if spec.context:
        return ()
    inner, parts = 9 * spec.channels**2, [Part(1, (), FEATURES_COST)]  # differences to neighbors see one pixel
    for first, last in _bounds(spec):
        steps = [(inner, dilation) for dilation in spec.dilations[first:last] for _ in range(2)]
        if first == 0:
            steps.insert(0, (9 * FEATURES * spec.channels, 1))
        if last == len(spec.dilations):
            steps.append((9 * spec.channels * ANSWERS, 1))
        parts.append(layered(steps, ANSWERS_COST if last == len(spec.dilations) else 0))
    return tuple(parts)


def _bounds(spec: CellnetSpec) -> list[tuple[int, int]]:
    """First and last (exclusive) block of each part."""
    count = len(spec.dilations)
    return list(pairwise([0, *(cut for cut in CUTS if 0 < cut < count), count]))


def _convolved(x: Tensor, conv: nn.Conv2d, bias: Tensor | None, reach: int, blank: Blank | None) -> Tensor:
    return functional.conv2d(x, conv.weight, bias, padding=0 if blank else reach, dilation=conv.dilation)


def _rectified(x: Tensor) -> Tensor:
    """Zero for what is negative; bfloat16 has its sign where integers of its size have it, which are quicker.

    Measured on a CPU: in a third of PyTorch's own time, which was that of a sixth of a convolution.
    """
    if x.dtype != torch.bfloat16:
        return torch.relu(x)
    return x.view(torch.int16).clamp_min(0).view(torch.bfloat16)


def _rectify(x: Tensor) -> Tensor:
    """:func:`_rectified` in its place."""
    if x.dtype != torch.bfloat16:
        return x.relu_()
    x.view(torch.int16).clamp_min_(0)
    return x


def _block(x: Tensor, block: Block, reach: int, left: int, blank: Blank | None) -> Tensor:
    """A block's answer; its layers see ``reach`` pixels each, and those after it ``left`` together."""
    hidden = _rectify(_convolved(_rectified(x), block.first, block.first.bias, reach, blank))
    if blank is not None:
        blank(hidden, left + reach)
        x = x[..., 2 * reach : -2 * reach, 2 * reach : -2 * reach]
    answer = _convolved(hidden, block.second, block.second.bias, reach, blank).add_(x)
    if blank is not None and left:
        blank(answer, left)
    return answer


def run_part(net: Cellnet, index: int, x: Tensor, facts: Tensor | None, blank: Blank | None) -> Tensor:
    """Run a part after the first one, which is :func:`~vdequant.models.cellnet.cell_features`.

    Args:
        net: without a context branch.
        index: of the part, 1 for that of the first layers.
        x: ``(N, C, h, w)`` in the network's type.
        facts: ``(1, 3)``, see :meth:`Cellnet.forward`; only part 1 asks for them.
        blank: of windows; None for whole pictures, whose size stays.

    Returns:
        ``(N, C, h, w)``; of windows, without the part's halo.
    """
    first, last = _bounds(net.spec)[index - 1]
    ends = last == len(net.blocks)
    left = 2 * sum(net.spec.dilations[first:last]) + ends
    if first == 0:
        if facts is None:
            raise ValueError("expected facts for the first layers, got None")
        offset: Tensor = net.facts(facts)[0]
        x = _convolved(x, net.head, offset if net.head.bias is None else net.head.bias + offset, 1, blank)
        if blank is not None:
            blank(x, left)
    for at in range(first, last):
        reach = net.spec.dilations[at]
        left -= 2 * reach
        x = _block(x, cast(Block, net.blocks[at]), reach, left, blank)
    return _convolved(_rectified(x), net.tail, net.tail.bias, 1, blank) if ends else x
