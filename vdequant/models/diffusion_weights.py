"""Diffusion models on disk: one safetensors file for the base, and one for each encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vdequant.models.diffusion import Base, DiffusionSpec, Encoder
from vdequant.models.weights import fresh, read_network, write_tensors

BASE_FORMAT, ENCODER_FORMAT = "vdequant-diffusion-base-1", "vdequant-diffusion-encoder-1"
BASE_NAME = "diffusion-base"
ENCODER_NAMES = {"L": "diffusion-l", "G": "diffusion-g", "T": "diffusion-t"}


def _spec(fields: dict[str, Any]) -> DiffusionSpec:
    return DiffusionSpec(**{**fields, "channels": tuple(fields["channels"])})


def write_diffusion(net: Base | Encoder, path: Path) -> None:
    """Save a base or an encoder in half precision."""
    kind = BASE_FORMAT if isinstance(net, Base) else ENCODER_FORMAT
    write_tensors(net.state_dict(), net.spec, path, kind, half=True)


def read_base(path: Path) -> Base:
    """Load a base as float32 on the CPU, frozen; :class:`ModelError` when it cannot be."""
    return read_network(path, BASE_FORMAT, lambda fields: Base(_spec(fields)))


def read_encoder(path: Path) -> Encoder:
    """Load an encoder as float32 on the CPU, frozen; :class:`ModelError` when it cannot be."""
    return read_network(path, ENCODER_FORMAT, lambda fields: Encoder(Base(_spec(fields))))


def packaged_base() -> Base:
    """The base that ships with the package."""
    return fresh(BASE_NAME, read_base)


def packaged_encoder(kind: str) -> Encoder:
    """The encoder for texture "L", "G" or "T" that ships with the package."""
    return fresh(ENCODER_NAMES[kind], read_encoder)
