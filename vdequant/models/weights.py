"""Finds, verifies, reads and writes weights: safetensors files with the network's spec in their metadata.

A network's own file beside this one names its format and how it is built from its spec; everything else is here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vdequant.errors import ModelError

T = TypeVar("T")
N = TypeVar("N", bound=nn.Module)
COUNTER = "num_batches_tracked"  # of batch norm: whole numbers that only training reads


def packaged(name: str) -> Path:
    """Path of ``weights/<name>.safetensors`` in the installed package; :class:`ModelError` when it is missing."""
    path = Path(str(resources.files("vdequant.weights"))) / f"{name}.safetensors"
    if not path.is_file():
        raise ModelError(f"expected the weights {path}, found none: reinstall vdequant, or choose another --restorer")
    return path


def format_of(path: Path) -> str:
    """The format that a file says it is of; "" for one that says nothing or cannot be read, for others to judge."""
    if path.suffix.lower() != ".safetensors":
        return ""
    try:
        with safe_open(str(path), framework="pt") as weights:
            return str((weights.metadata() or {}).get("format", ""))
    except (SafetensorError, OSError):
        return ""


def is_format(path: Path, kind: str) -> bool:
    """Whether a file says that it is of the format ``kind``."""
    return format_of(path) == kind


def read_tensors(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
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


def write_tensors(tensors: Mapping[str, Tensor], spec: Any, path: Path, kind: str, *, half: bool) -> None:
    """Write a file that :func:`read_tensors` reads.

    Args:
        tensors: by name; those of whole numbers are left out.
        spec: a dataclass of plain values.
        half: in half precision, else as float32.
    """
    dtype = torch.float16 if half else torch.float32
    kept = {key: tensor for key, tensor in tensors.items() if tensor.is_floating_point()}
    plain = {key: tensor.detach().cpu().to(dtype).contiguous() for key, tensor in kept.items()}
    save_file(plain, str(path), metadata={"format": kind, "spec": json.dumps(asdict(spec))})
    path.chmod(0o644)  # safetensors writes files that only their owner can read


def read_network(path: Path, kind: str, make: Callable[[dict[str, Any]], N]) -> N:
    """Load a network as float32 on the CPU, ready for use.

    Args:
        make: builds it from the spec's fields.

    Raises:
        ModelError: the file is damaged, of another format, or its tensors do not fit its spec.
    """
    fields, tensors = read_tensors(path, kind)
    try:
        with torch.random.fork_rng(devices=[]):  # a network begins with random weights; callers have seeds of their own
            net = make(fields)
        wrong = net.load_state_dict(tensors, strict=False)
    except (RuntimeError, TypeError, KeyError, ValueError) as error:
        raise ModelError(f"the weights in {path} do not fit their spec {fields}; reinstall") from error
    if wrong.unexpected_keys or any(not key.endswith(COUNTER) for key in wrong.missing_keys):
        raise ModelError(f"the weights in {path} do not fit their spec {fields}; reinstall")
    return net.eval().requires_grad_(False)


@lru_cache(maxsize=16)
def _read_once(read: Callable[[Path], T], path: Path) -> T:
    return read(path)


def fresh(name: str, read: Callable[[Path], T]) -> T:
    """What ``read`` makes of a packaged file, to be moved to a device and dtype; the file is read once a process."""
    with torch.inference_mode(mode=False):  # kept for later callers, who may want gradients
        mine: T = copy.deepcopy(_read_once(read, packaged(name)))
    return mine
