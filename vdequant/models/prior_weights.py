"""Priors on disk: one safetensors file with the generator, and the encoder and critic where there are some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vdequant.errors import ModelError
from vdequant.models.prior import Critic, PriorSpec
from vdequant.models.prior_local import LocalSpec
from vdequant.models.prior_vae import AnyEncoder, AnyGenerator, AnySpec, critic_of, encoder_of, generator_of
from vdequant.models.weights import fresh, is_format, read_tensors, write_tensors

FORMAT = "vdequant-prior-1"


@dataclass
class Prior:
    """A generator and what was trained with it.

    Attributes:
        generator: of pictures of ``spec.side`` pixels.
        encoder: guesses a picture's input; None where the generator was trained without one.
        critic: tells real pictures from made ones; only the comparison with Yeh et al. asks it.
    """

    generator: AnyGenerator
    encoder: AnyEncoder | None = None
    critic: Critic | None = None

    @property
    def spec(self) -> AnySpec:
        """Its size."""
        return self.generator.spec

    def parts(self) -> dict[str, nn.Module]:
        """The networks that there are, by name."""
        named = {"generator": self.generator, "encoder": self.encoder, "critic": self.critic}
        return {name: part for name, part in named.items() if part is not None}

    def to(self, device: torch.device, dtype: torch.dtype) -> Prior:
        """Move all networks, and return the prior itself."""
        for part in self.parts().values():
            part.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self


def write_prior(prior: Prior, path: Path) -> None:
    """Save as half precision, which loses nothing that a search could notice."""
    tensors = {
        f"{name}.{key}": tensor for name, part in prior.parts().items() for key, tensor in part.state_dict().items()
    }
    write_tensors(tensors, prior.spec, path, FORMAT, half=True)


def read_prior(path: Path) -> Prior:
    """Load what :func:`write_prior` wrote, as float32 on the CPU, ready for use.

    Raises:
        ModelError: the file is damaged, of another format, or its tensors do not fit its spec.
    """
    fields, tensors = read_tensors(path, FORMAT)
    spec = _spec(fields)
    makers: dict[str, Callable[[AnySpec], nn.Module]] = {
        "generator": generator_of,
        "encoder": encoder_of,
        "critic": critic_of,
    }
    found: dict[str, nn.Module] = {}
    try:
        for name, make in makers.items():
            state = {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
            if state or name == "generator":
                with torch.random.fork_rng(devices=[]):  # it begins with random weights; callers have their own seeds
                    found[name] = make(spec)
                found[name].load_state_dict(state)
                found[name].eval().requires_grad_(False)
    except RuntimeError as error:
        raise ModelError(f"the weights in {path} do not fit their spec {fields}") from error
    return Prior(**found)  # type: ignore[arg-type]


def _spec(fields: dict[str, Any]) -> AnySpec:
    channels = tuple(fields["channels"])
    if "grid" in fields:
        return LocalSpec(fields["grid"], fields["depth"], channels, fields["blocks"])
    return PriorSpec(fields["latent"], channels)


def is_prior(path: Path) -> bool:
    """Whether a file holds a prior; False for one that cannot be read, about which others know more to say."""
    return is_format(path, FORMAT)


def packaged_prior(name: str) -> Prior:
    """A prior that ships with the package, as networks of its own."""
    return fresh(name, read_prior)
