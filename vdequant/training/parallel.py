"""Several processes, one GPU each: started by torchrun, averaged by PyTorch's DistributedDataParallel."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is; one process alone needs no torchrun."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes checkpoints and logs."""
        return self.rank == 0

    def wrap(self, net: nn.Module) -> nn.Module:
        """The network whose gradients are averaged over all processes."""
        return nn.parallel.DistributedDataParallel(net) if self.count > 1 else net


def join(device: torch.device) -> Ranks:
    """Meet the other processes that torchrun started (it sets RANK, WORLD_SIZE and the address); alone: rank 0 of 1."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Ranks()
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Ranks(distributed.get_rank(), count)


def leave() -> None:
    """Part from the other processes, if there are any."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
