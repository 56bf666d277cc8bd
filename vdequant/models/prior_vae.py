"""The networks of a spec, whichever kind of generator it describes, and encoder and generator trained together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vdequant.models.prior import FIRST, SMALL, Critic, Encoder, Generator, PriorSpec
from vdequant.models.prior_local import LocalEncoder, LocalGenerator, LocalSpec

AnySpec = PriorSpec | LocalSpec
AnyGenerator = Generator | LocalGenerator
AnyEncoder = Encoder | LocalEncoder


def generator_of(spec: AnySpec) -> AnyGenerator:
    """An untrained generator."""
    return LocalGenerator(spec) if isinstance(spec, LocalSpec) else Generator(spec)


def encoder_of(spec: AnySpec) -> AnyEncoder:
    """An untrained encoder for it."""
    return LocalEncoder(spec) if isinstance(spec, LocalSpec) else Encoder(spec)


def critic_of(spec: AnySpec) -> Critic:
    """An untrained critic of its pictures; that of a local generator is a small one, of whole pictures too."""
    if isinstance(spec, PriorSpec):
        return Critic(spec)
    layers = (spec.side // FIRST).bit_length()
    return Critic(PriorSpec(spec.latent, SMALL.channels[-layers:]))


class Vae(nn.Module):
    """Encoder and generator, trained together."""

    def __init__(self, spec: AnySpec) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = encoder_of(spec)
        self.generator = generator_of(spec)

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rebuild pictures.

        Args:
            x: ``(N, 3, side, side)``.
            noise: ``(N, latent)``, standard normal.

        Returns:
            The pictures again, mean and logarithm of the variance of their inputs.
        """
        mean, spread = self.encoder(x)
        return self.generator(mean + noise * torch.exp(spread / 2)), mean, spread
