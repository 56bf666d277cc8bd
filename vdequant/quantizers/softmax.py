"""The differentiable stand-ins for "the nearest level was stored": a softmax over levels, or a sum of sigmoids.

Both look at every pair of a value and a level. They work through the values in chunks, in buffers that are made once,
and look at each chunk again for the gradient, so that memory is linear in the number of values. (Left to autograd, or
with a new tensor for every chunk, a picture of 1920x1080 and 256 colors took 9 GB.)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK = 1 << 20  # pairs of a value and a level held at a time, in each of up to three buffers


def _slices(points: Tensor, levels: int) -> list[slice]:
    """Ranges of dimension 1 of ``(N, P, D)`` that fit a buffer; the first is the longest."""
    rows = max(1, CHUNK // (levels * len(points)))
    return [slice(start, start + rows) for start in range(0, points.shape[1], rows)]


def _buffers(points: Tensor, levels: int, count: int) -> list[Tensor]:
    rows = min(points.shape[1], max(1, CHUNK // (levels * len(points))))
    return [points.new_empty(len(points), rows, levels) for _ in range(count)]


def _squared(points: Tensor, centers: Tensor, out: Tensor, spare: Tensor) -> None:
    """``|x - q|²`` of a chunk into ``out``; differences first, so that near ones are exact."""
    for channel in range(points.shape[-1]):
        torch.sub(points[..., channel, None], centers[:, None, :, channel], out=spare if channel else out)
        if channel:
            out.addcmul_(spare, spare)
        else:
            out.mul_(out)


def _softmax(squared: Tensor, k: Tensor, absent: Tensor, out: Tensor) -> None:
    torch.mul(squared, -k, out=out)
    out.masked_fill_(absent, -torch.inf)
    out.sub_(out.amax(-1, keepdim=True)).exp_()
    out.div_(out.sum(-1, keepdim=True))


class _SoftNearest(torch.autograd.Function):
    """``y = sum_i w_i q_i`` with ``w = softmax(-k |x - q_i|²)``.

    With g the gradient of y and ``t_i = w_i (g·q_i - g·y)``, which sum to 0, the gradients are ``2 k sum_i t_i q_i``
    to x, ``-sum_i t_i |x - q_i|²`` to k, and ``w_i g + 2 k t_i (x - q_i)`` to q_i.
    """

    @staticmethod
    def forward(ctx: Any, points: Tensor, centers: Tensor, k: Tensor, absent: Tensor) -> Tensor:
        count, levels = len(points), centers.shape[1]
        mean = torch.empty_like(points)
        wide = centers.expand(count, -1, -1)
        squared, weights = _buffers(points, levels, 2)
        for part in _slices(points, levels):
            rows = points[:, part]
            here, other = squared[:, : rows.shape[1]], weights[:, : rows.shape[1]]
            _squared(rows, centers, here, other)
            _softmax(here, k, absent, other)
            mean[:, part] = other @ wide
        ctx.save_for_backward(points, centers, k, absent, mean)
        return mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        points, centers, k, absent, mean = ctx.saved_tensors
        count, levels = len(points), centers.shape[1]
        wide = centers.expand(count, -1, -1)
        to_points, to_centers = torch.empty_like(points), torch.zeros_like(wide)
        to_k = points.new_zeros(count, 1, 1)
        buffers = _buffers(points, levels, 3)
        for part in _slices(points, levels):
            rows, g, y = points[:, part], upstream[:, part], mean[:, part]
            squared, weights, pull = (buffer[:, : rows.shape[1]] for buffer in buffers)
            _squared(rows, centers, squared, pull)
            _softmax(squared, k, absent, weights)
            to_centers += weights.mT @ g
            torch.sub(g @ wide.mT, (g * y).sum(-1, keepdim=True), out=pull)
            pull.mul_(weights)
            total = pull.sum(-1, keepdim=True)  # 0 but for rounding
            to_points[:, part] = 2 * k * (pull @ wide - total * y)
            to_centers += 2 * k * (pull.mT @ rows - pull.sum(1).unsqueeze(-1) * wide)
            to_k -= squared.mul_(pull).sum((1, 2), keepdim=True)
        return to_points, to_centers.sum_to_size(centers.shape), to_k.sum_to_size(k.shape), None


def soft_nearest(points: Tensor, centers: Tensor, k: Tensor, absent: Tensor | None = None) -> Tensor:
    """The mean of the centers weighted by ``exp(-k |x - q|²)`` (*map*, eq. 8).

    Args:
        points: ``(N, P, D)``.
        centers: ``(N or 1, K, D)``.
        k: ``(N or 1, 1, 1)``, positive.
        absent: boolean ``(N or 1, K)``, the centers that do not count.

    Returns:
        ``(N, P, D)``, differentiable (once) in all but the last.
    """
    if absent is None:
        absent = torch.zeros(1, centers.shape[1], dtype=torch.bool, device=points.device)
    found: Tensor = _SoftNearest.apply(points, centers, k, absent[:, None])  # type: ignore[no-untyped-call]
    return found


class _SoftSteps(torch.autograd.Function):
    """``y = l_0 + sum_i d_i s_i`` with ``s_i = 1 / (1 + exp(-k (x - e_i)))`` and d the steps between the levels."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, levels: Tensor, edges: Tensor, k: Tensor) -> Tensor:
        steps = levels.diff()[:, None]
        found = torch.empty_like(values)
        (buffer,) = _buffers(values, len(edges), 1)
        for part in _slices(values, len(edges)):
            rows = values[:, part]
            here = buffer[:, : rows.shape[1]]
            torch.sub(rows, edges, out=here)
            found[:, part] = here.mul_(k).sigmoid_() @ steps
        ctx.save_for_backward(values, levels, edges, k)
        return found.add_(levels[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, Tensor]:
        values, levels, edges, k = ctx.saved_tensors
        steps = levels.diff()[:, None]
        to_values, to_k = torch.empty_like(values), values.new_zeros(len(values), 1, 1)
        buffers = _buffers(values, len(edges), 2)
        for part in _slices(values, len(edges)):
            rows, g = values[:, part], upstream[:, part]
            distance, slope = (buffer[:, : rows.shape[1]] for buffer in buffers)
            torch.sub(rows, edges, out=distance)
            torch.mul(distance, k, out=slope)
            slope.sigmoid_()
            slope.addcmul_(slope, slope, value=-1)
            to_values[:, part] = k * g * (slope @ steps)
            to_k += (g * (distance.mul_(slope) @ steps)).sum((1, 2), keepdim=True)
        return to_values, None, None, to_k.sum_to_size(k.shape)


def soft_steps(values: Tensor, levels: Tensor, edges: Tensor, k: Tensor) -> Tensor:
    """A sigmoid at each border: ``l_0 + sum_i (l_(i+1) - l_i) / (1 + exp(-k (x - e_i)))``.

    For borders that are not half way between the levels, where the nearest level is not the one that is stored.

    Args:
        values: ``(N, P, 1)``.
        levels, edges: ``(K,)`` and ``(K - 1,)``, ascending; no gradient.
        k: ``(N or 1, 1, 1)``, positive.

    Returns:
        ``(N, P, 1)``, differentiable (once) in ``values`` and ``k``.
    """
    found: Tensor = _SoftSteps.apply(values, levels, edges, k)  # type: ignore[no-untyped-call]
    return found
