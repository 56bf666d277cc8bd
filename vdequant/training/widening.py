"""Starts a network from a smaller one's weights, so that it answers what that one answered (Chen et al. 2016, Net2Net).

        known inputs   new inputs
      ┌──────────────┬────────────┐
known │  as before   │    zero    │   what the smaller network had is reckoned from nothing but what it had;
      ├──────────────┴────────────┤
new   │  as they were initialized │   new channels see everything, and nobody listens to them before the first step
      └───────────────────────────┘

It holds for networks whose new layers answer zero at first and that put new channels behind those they had.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NEW = (".blocks.", ".context.")  # layers that may be missing: they answer zero, or nobody listens to them


def _widened(known: Tensor, fresh: Tensor, name: str, rows: int) -> Tensor:
    """``fresh``, with ``known`` in its corner and zero where its rows (an axis) would listen to what was not there."""
    if known.dim() != fresh.dim() or any(a > b for a, b in zip(known.shape, fresh.shape, strict=True)):
        raise ValueError(f"expected {name} no larger than {tuple(fresh.shape)}, got {tuple(known.shape)}")
    result = fresh.clone()
    result.narrow(rows, 0, known.shape[rows]).zero_()
    result[tuple(slice(side) for side in known.shape)] = known
    return result


def _transposed(net: nn.Module) -> set[str]:
    """Weights whose second axis is the channels of the answer."""
    return {f"{name}.weight" for name, layer in net.named_modules() if isinstance(layer, nn.ConvTranspose2d)}


def start_from(net: nn.Module, smaller: nn.Module) -> None:
    """Give ``net`` the weights of a network with the same layers, or fewer blocks, or narrower ones.

    Raises:
        ValueError: when another layer is missing, or one is wider or has another kernel.
    """
    known, fresh = smaller.state_dict(), net.state_dict()
    missing = [name for name in fresh if name not in known and not any(part in f".{name}" for part in NEW)]
    if missing or set(known) - set(fresh):
        raise ValueError(f"expected weights of every layer but blocks, these are missing: {missing}, "
                         f"and these are too many: {sorted(set(known) - set(fresh))}")  # fmt: skip
    turned = _transposed(net)
    with torch.no_grad():
        wider = {name: _widened(known[name], fresh[name], name, rows=int(name in turned)) for name in known}
        net.load_state_dict(wider, strict=False)
