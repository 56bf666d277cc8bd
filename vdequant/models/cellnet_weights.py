"""Reads and writes the weights of a cellnet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vdequant.models.cellnet import Cellnet, CellnetSpec
from vdequant.models.weights import fresh, read_network, write_tensors

FORMAT = "vdequant-cellnet-2"


def _make(fields: dict[str, Any]) -> Cellnet:
    context, evened, video = fields.get("context", 0), fields.get("evened", False), fields.get("video", False)
    return Cellnet(CellnetSpec(fields["channels"], tuple(fields["dilations"]), context, evened, video))


def write_cellnet(net: Cellnet, path: Path) -> None:
    """Save as float32: below 1 MB half precision would save nothing worth its rounding."""
    write_tensors(net.state_dict(), net.spec, path, FORMAT, half=False)


def read_cellnet(path: Path) -> Cellnet:
    """Load a cellnet; :class:`ModelError` as of :func:`~vdequant.models.weights.read_network`."""
    return read_network(path, FORMAT, _make)


def fresh_cellnet(name: str) -> Cellnet:
    """A packaged cellnet of one's own."""
    return fresh(name, read_cellnet)
