"""Reads and writes the weights of pix2pix generators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vdequant.models.pix2pix import Unet, UnetSpec
from vdequant.models.weights import fresh, read_network, write_tensors

FORMAT = "vdequant-pix2pix-1"


def _make(fields: dict[str, Any]) -> Unet:
    return Unet(UnetSpec(**fields))


def write_unet(net: Unet, path: Path) -> None:
    """Save a generator in half precision."""
    write_tensors(net.state_dict(), net.spec, path, FORMAT, half=True)


def read_unet(path: Path) -> Unet:
    """Load a generator; :class:`ModelError` as of :func:`~vdequant.models.weights.read_network`."""
    return read_network(path, FORMAT, _make)


def fresh_unet(name: str) -> Unet:
    """A packaged generator of one's own."""
    return fresh(name, read_unet)
