"""Finds, verifies and loads the weights that ship in the package, and weights files of the user's own."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from vdequant.errors import ModelError
from vdequant.models.cellnet import Cellnet, CellnetSpec

FORMAT = "vdequant-cellnet-2"


def packaged(name: str) -> Path:
    """Path of ``weights/<name>.safetensors`` in the installed package; :class:`ModelError` when it is missing."""
    path = Path(str(resources.files("vdequant.weights"))) / f"{name}.safetensors"
    if not path.is_file():
        raise ModelError(f"expected the weights {path}, found none: reinstall vdequant, or choose another --restorer")
    return path


def is_format(path: Path, kind: str) -> bool:
    """Whether a file says that it is of the format ``kind``; False for one that cannot be read, for others to judge."""
    if path.suffix.lower() != ".safetensors":
        return False
    try:
        with safe_open(str(path), framework="pt") as weights:
            return (weights.metadata() or {}).get("format") == kind
    except (SafetensorError, OSError):
        return False


def read_tensors(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Spec, from the file's metadata, and tensors, as float32, of a safetensors file of the format ``kind``.

    Raises:
        ModelError: the file is damaged or of another format.
    """
    try:
        with safe_open(str(path), framework="pt") as weights:
            facts = weights.metadata() or {}
            tensors = {key: weights.get_tensor(key).float() for key in weights.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"expected safetensors weights in {path}, cannot read them ({error}); reinstall") from error
    if facts.get("format") != kind:
        raise ModelError(f"expected weights of format {kind} in {path}, got {facts.get('format')!r}")
    return json.loads(facts["spec"]), tensors


def read_cellnet(path: Path) -> Cellnet:
    """Load a cellnet; its spec travels in the file's metadata.

    Raises:
        ModelError: the file is damaged, of another format, or its tensors do not fit its spec.
    """
    fields, tensors = read_tensors(path, FORMAT)
    net = Cellnet(CellnetSpec(fields["channels"], tuple(fields["dilations"]), fields.get("context", 0)))
    try:
        net.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(f"the weights in {path} do not fit their spec {fields}; reinstall") from error
    return net.eval().requires_grad_(False)


@lru_cache(maxsize=8)
def cellnet_parameters(name: str) -> tuple[CellnetSpec, dict[str, torch.Tensor]]:
    """Spec and tensors of a packaged cellnet, read once a process."""
    net = read_cellnet(packaged(name))
    return net.spec, net.state_dict()


def fresh_cellnet(name: str) -> nn.Module:
    """A packaged cellnet as a module of its own, ready to be moved to a device and dtype."""
    spec, tensors = cellnet_parameters(name)
    net = Cellnet(spec)
    net.load_state_dict(tensors)
    return net.eval().requires_grad_(False)
