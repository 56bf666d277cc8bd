"""Networks that others trained as peers; what loads them is shared with ``--restorer FILE``."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from vdequant.evaluation.degradations import Stored
from vdequant.evaluation.methods import Work
from vdequant.restorers.community import load_network


class CommunityNetwork:
    """A network file as a peer; see :class:`~vdequant.evaluation.methods.Method`.

    Args:
        path: see :func:`~vdequant.restorers.community.load_network`; it has to keep the size of its pictures.
        device: where it runs, float32.

    Raises:
        ModelError: spandrel is not installed, or the file is not such a network, or it enlarges.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        self.name = path.stem
        self.device = torch.device(device)
        self.model = load_network(path).to(self.device)
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
