"""Reads the weights of a DequantizerNet's generator; its spec travels in the file's metadata."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from vdequant.errors import ModelError
from vdequant.models.dequantizernet import Generator, GeneratorSpec
from vdequant.models.weights import is_format, packaged, read_tensors

GENERATOR_FORMAT = "vdequant-dequantizernet-1"


def is_generator(path: Path) -> bool:
    """Whether the file says that it holds a generator, as ``vdequant train dequantizernet`` writes it."""
    return is_format(path, GENERATOR_FORMAT)


def read_generator(path: Path) -> Generator:
    """Load a generator.

    Raises:
        ModelError: the file is damaged, of another format, or its tensors do not fit its spec.
    """
    fields, tensors = read_tensors(path, GENERATOR_FORMAT)
    try:
        net = Generator(GeneratorSpec(**fields))
        # A counter of training batches is whole numbers; everything else fits as it is.
        net.load_state_dict({name: tensor.to(net.state_dict()[name].dtype) for name, tensor in tensors.items()})
    except (RuntimeError, TypeError, KeyError) as error:
        raise ModelError(f"the weights in {path} do not fit their spec {fields}; reinstall") from error
    return net.eval().requires_grad_(False)


@lru_cache(maxsize=1)
def _packaged_generator() -> Generator:
    return read_generator(packaged("dequantizernet"))


def fresh_generator() -> Generator:
    """The packaged generator as a module of its own, ready to be moved to a device and dtype."""
    known = _packaged_generator()
    net = Generator(known.spec)
    net.load_state_dict(known.state_dict())
    return net.eval().requires_grad_(False)
