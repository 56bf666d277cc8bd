"""Reads and writes the weights of a jpegnet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vdequant.models.jpegnet import Jpegnet, JpegnetSpec
from vdequant.models.weights import fresh, read_network, write_tensors

FORMAT = "vdequant-jpegnet-1"


def _make(fields: dict[str, Any]) -> Jpegnet:
    return Jpegnet(JpegnetSpec(tuple(fields["channels"]), tuple(fields["blocks"])))


def write_jpegnet(net: Jpegnet, path: Path) -> None:
    """Save in half precision: the answer is added to the picture, so rounding weights to 11 bits is not seen."""
    write_tensors(net.state_dict(), net.spec, path, FORMAT, half=True)


def read_jpegnet(path: Path) -> Jpegnet:
    """Load a jpegnet; :class:`ModelError` as of :func:`~vdequant.models.weights.read_network`."""
    return read_network(path, FORMAT, _make)


def fresh_jpegnet(name: str) -> Jpegnet:
    """A packaged jpegnet of one's own."""
    return fresh(name, read_jpegnet)
