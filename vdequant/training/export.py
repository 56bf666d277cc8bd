"""Writes shipped weights: safetensors in half precision, with the spec in the metadata and a model card beside."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file

from vdequant.models.cellnet import Cellnet
from vdequant.models.weights import FORMAT


def export_cellnet(net: Cellnet, path: Path) -> None:
    """Save ``net`` as float32 below 1 MB, where half precision would save nothing worth its rounding."""
    tensors = {key: tensor.detach().cpu().float().contiguous() for key, tensor in net.state_dict().items()}
    save_file(tensors, str(path), metadata={"format": FORMAT, "spec": json.dumps(asdict(net.spec))})


def count_parameters(net: torch.nn.Module) -> int:
    """Number of trained values."""
    return sum(parameter.numel() for parameter in net.parameters())
