"""Reads and writes the weights of pix2pix generators: safetensors in half precision, the spec in the metadata."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import save_file

from vdequant.errors import ModelError
from vdequant.models.pix2pix import Unet, UnetSpec
from vdequant.models.weights import packaged, read_tensors

FORMAT = "vdequant-pix2pix-1"


def write_unet(net: Unet, path: Path) -> None:
    """Save a generator; batch norm's counters, which only training reads, are left out."""
    kept = {key: tensor for key, tensor in net.state_dict().items() if tensor.is_floating_point()}
    tensors = {key: tensor.detach().cpu().half().contiguous() for key, tensor in kept.items()}
    save_file(tensors, str(path), metadata={"format": FORMAT, "spec": json.dumps(asdict(net.spec))})
    path.chmod(0o644)  # safetensors writes files that only their owner can read


def read_unet(path: Path) -> Unet:
    """Load a generator, ready to translate.

    Raises:
        ModelError: the file is damaged, of another format, or its tensors do not fit its spec.
    """
    fields, tensors = read_tensors(path, FORMAT)
    try:
        net = Unet(UnetSpec(**fields))
        wrong = net.load_state_dict(tensors, strict=False)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"the weights in {path} do not fit their spec {fields}; reinstall") from error
    missing = [key for key in wrong.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or wrong.unexpected_keys:
        raise ModelError(f"the weights in {path} do not fit their spec {fields}; reinstall")
    return net.eval().requires_grad_(False)


@lru_cache(maxsize=4)
def _parameters(name: str) -> tuple[UnetSpec, dict[str, torch.Tensor]]:
    net = read_unet(packaged(name))
    return net.spec, net.state_dict()


def fresh_unet(name: str) -> Unet:
    """A packaged generator as a module of its own, ready to be moved to a device and dtype."""
    spec, tensors = _parameters(name)
    net = Unet(spec)
    net.load_state_dict(tensors)
    return net.eval().requires_grad_(False)
