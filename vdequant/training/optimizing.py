"""The optimizer of small convolutional networks: Muon for the kernels, AdamW for everything else.

Muon (Jordan 2024) makes the update of each weight matrix orthogonal, so that all its directions learn at one speed.
Measured on cellnet-m, the same 2,200 batches from the same start: the loss was 1.8 % lower than with AdamW, which is
0.08 dB, for 4 % more time.
"""

from __future__ import annotations

import torch
from torch import nn


class MuonAdamW:
    """Muon over the kernels of the hidden convolutions, flattened to matrices; AdamW over the other parameters.

    The learning rate means the same for both: Muon's updates are scaled to the size that AdamW's have.

    Args:
        net: its first and last layers' kernels are learned by Muon too, unless they have fewer than 16 outputs.
        rate: learning rate; set :attr:`rate` before each step to follow a schedule.
        muon: False: AdamW alone.
    """

    def __init__(self, net: nn.Module, rate: float, *, muon: bool = True) -> None:
        self.kernels = [p for p in net.parameters() if muon and p.ndim == 4 and p.shape[0] >= 16]
        names = {id(p) for p in self.kernels}
        others = [p for p in net.parameters() if id(p) not in names]
        self.matrices = [nn.Parameter(p.detach().flatten(1).clone()) for p in self.kernels]
        self.parts: list[torch.optim.Optimizer] = []
        if others:
            self.parts.append(torch.optim.AdamW(others, lr=rate, weight_decay=1e-4))
        if self.matrices:
            learned = torch.optim.Muon(self.matrices, lr=rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
            self.parts.append(learned)
        self.net, self.rate = net, rate

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.net.parameters():
            parameter.grad = None

    def step(self) -> None:
        """Update all parameters from their gradients."""
        pairs = list(zip(self.kernels, self.matrices, strict=True))
        for kernel, matrix in pairs:
            # Copied both ways, a few microseconds: a view would lose its kernel when weights are loaded or moved.
            matrix.data.copy_(kernel.detach().flatten(1))
            matrix.grad = None if kernel.grad is None else kernel.grad.flatten(1)
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = self.rate
            part.step()
        with torch.no_grad():
            for kernel, matrix in pairs:
                kernel.copy_(matrix.view(kernel.shape))

    def state_dict(self) -> list[dict[str, object]]:
        """The state of both, for a checkpoint."""
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, state: list[dict[str, object]]) -> None:
        """Continue from :meth:`state_dict`."""
        for part, saved in zip(self.parts, state, strict=True):
            part.load_state_dict(saved)
