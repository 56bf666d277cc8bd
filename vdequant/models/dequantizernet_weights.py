"""Reads and writes the weights of a DequantizerNet's generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vdequant.models.dequantizernet import Generator, GeneratorSpec
from vdequant.models.weights import fresh, is_format, read_network, write_tensors

FORMAT = "vdequant-dequantizernet-1"
HALF_ABOVE = 1 << 18  # parameters: files above 1 MB are written in half precision


def _make(fields: dict[str, Any]) -> Generator:
    return Generator(GeneratorSpec(**fields))


def is_generator(path: Path) -> bool:
    """Whether the file says that it holds a generator, as ``vdequant train dequantizernet`` writes it."""
    return is_format(path, FORMAT)


def write_generator(net: Generator, path: Path) -> None:
    """Save a generator, in half precision when the file would be larger than 1 MB."""
    half = sum(parameter.numel() for parameter in net.parameters()) > HALF_ABOVE
    write_tensors(net.state_dict(), net.spec, path, FORMAT, half=half)


def read_generator(path: Path) -> Generator:
    """Load a generator; :class:`ModelError` as of :func:`~vdequant.models.weights.read_network`."""
    return read_network(path, FORMAT, _make)


def fresh_generator() -> Generator:
    """The packaged generator, of one's own."""
    return fresh("dequantizernet", read_generator)
