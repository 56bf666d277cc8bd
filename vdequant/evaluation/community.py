"""Network files as peers: those that others trained, and DequantizerNets of one's own, which are shown unprojected."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vdequant.evaluation.degradations import Stored
from vdequant.evaluation.methods import Work
from vdequant.models.dequantizernet import Generator
from vdequant.models.dequantizernet_weights import is_generator, read_generator
from vdequant.restorers.community import load_network


class Unsigned(nn.Module):
    """A generator, which has pictures in [-1, 1], for pictures in [0, 1] of any size."""

    def __init__(self, net: Generator) -> None:
        super().__init__()
        self.net = net

    def forward(self, y: Tensor) -> Tensor:
        """The same shape out as in; padded to the multiple that the network needs."""
        height, width = y.shape[-2:]
        step = self.net.spec.step
        whole = functional.pad(y, (0, -width % step, 0, -height % step), mode="replicate")
        answer: Tensor = (self.net(whole * 2 - 1) + 1) / 2
        return answer[..., :height, :width]


class CommunityNetwork:
    """A network file as a peer; see :class:`~vdequant.evaluation.methods.Method`.

    Args:
        path: see :func:`~vdequant.restorers.community.load_network`; it has to keep the size of its pictures. Or what
            ``vdequant train dequantizernet`` wrote.
        device: where it runs, float32.

    Raises:
        ModelError: spandrel is not installed, or the file is not such a network, or it enlarges.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        self.name = path.stem
        self.device = torch.device(device)
        model = Unsigned(read_generator(path)) if is_generator(path) else load_network(path)
        self.model = model.to(self.device)
        self._checksum = hashlib.sha256(path.read_bytes()).hexdigest()[:16]

    def key(self, degradation: str) -> str:
        """See the contract."""
        return f"{self.name} {self._checksum}"

    def prepare(self, degradation: str) -> Work:
        """See the contract."""

        def work(stored: Stored) -> Tensor:
            results = [self.model(y[None].to(self.device)).float().clamp(0, 1).cpu() for y in stored.tensor()]
            return torch.cat(results)

        return work
