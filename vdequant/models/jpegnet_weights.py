"""Reads and writes the weights of a jpegnet."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import save_file

from vdequant.errors import ModelError
from vdequant.models.jpegnet import Jpegnet, JpegnetSpec
from vdequant.models.weights import packaged, read_tensors

FORMAT = "vdequant-jpegnet-1"


def write_jpegnet(net: Jpegnet, path: Path) -> None:
    """Save in half precision: the answer is added to the picture, so rounding weights to 11 bits is not seen."""
    tensors = {key: tensor.detach().cpu().half().contiguous() for key, tensor in net.state_dict().items()}
    save_file(tensors, str(path), metadata={"format": FORMAT, "spec": json.dumps(asdict(net.spec))})
    path.chmod(0o644)  # safetensors writes files that only their owner can read


def read_jpegnet(path: Path) -> Jpegnet:
    """Load a jpegnet; its spec travels in the file's metadata.

    Raises:
        ModelError: the file is damaged, of another format, or its tensors do not fit its spec.
    """
    fields, tensors = read_tensors(path, FORMAT)
    net = Jpegnet(JpegnetSpec(tuple(fields["channels"]), tuple(fields["blocks"])))
    try:
        net.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(f"the weights in {path} do not fit their spec {fields}; reinstall") from error
    return net.eval().requires_grad_(False)


@lru_cache(maxsize=2)
def _parameters(name: str) -> tuple[JpegnetSpec, dict[str, torch.Tensor]]:
    net = read_jpegnet(packaged(name))
    return net.spec, net.state_dict()


def fresh_jpegnet(name: str) -> Jpegnet:
    """A packaged jpegnet as a module of its own, ready to be moved to a device and dtype; the file is read once."""
    spec, tensors = _parameters(name)
    net = Jpegnet(spec)
    net.load_state_dict(tensors)
    return net.eval().requires_grad_(False)
