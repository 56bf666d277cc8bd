"""What a prior learns from: pictures, the bound of a VAE as its loss, and how well held-back pictures come back."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vdequant.models.prior_vae import Vae
from vdequant.training.loop import TrainSettings
from vdequant.training.prior_pictures import PriorBatch, PriorPictures, PriorSampler

# Errors of neighboring samples are alike: so many of them count as one observation. Counting each one, as if they were
# independent, makes a VAE that rebuilds well from numbers that are nothing like N(0, I).
SAMPLES_A_FACT = 4.0
SMALLEST = 2e-4  # added to the squared error: flat patches would otherwise outweigh everything else


def parts_of(net: nn.Module, batch: PriorBatch) -> tuple[Tensor, Tensor]:
    """Mean squared error of each picture, and how many nats its input is away from N(0, I): ``(N,)`` each."""
    rebuilt, mean, spread = net(batch.shown, batch.noise)
    squared = (rebuilt - batch.truth).square().mean(dim=(1, 2, 3))
    nats = 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(dim=1)
    return squared, nats


def vae_loss(net: nn.Module, batch: PriorBatch) -> Tensor:
    """The negative bound on the likelihood, over the number of observations.

    The noise of each picture has the variance that suits it best, as in *map*, eq. 5, and as in the sigma-VAE of
    Rybkin et al. 2021; so nothing weighs the two parts but their nature.
    """
    squared, nats = parts_of(net, batch)
    count = batch.truth[0].numel() / SAMPLES_A_FACT
    return 0.5 * (squared + SMALLEST).log().mean() + nats.mean() / count


class PriorLesson:
    """See :class:`~vdequant.training.loop.Lesson`."""

    def __init__(self, pictures: PriorPictures, latent: int) -> None:
        self.pictures, self.latent = pictures, latent

    def draw(self, settings: TrainSettings, number: int) -> PriorBatch:
        """See :class:`~vdequant.training.loop.Lesson`."""
        return PriorSampler(self.pictures, self.latent, settings.seed).batch(settings.batch, number)

    @torch.no_grad()
    def score(self, net: Vae) -> dict[str, float]:
        """PSNR of held-back pictures from the mean of the encoder, the nats that it takes, and minus the loss."""
        if not self.pictures.held:
            return {}
        batch = PriorSampler(self.pictures, self.latent, 0).held_back()
        batch = batch.to(next(net.parameters()).device)
        with torch.autocast(batch.truth.device.type, dtype=torch.bfloat16):
            squared, nats = parts_of(net, batch)
            loss = vae_loss(net, batch)
        return {"psnr": float(-10 * squared.log10().mean()), "nats": float(nats.mean()), "mean": -float(loss)}


def verdict_loss(critic: nn.Module, generator: nn.Module, batch: PriorBatch) -> Tensor:
    """Cross entropy of a critic that tells pictures from what a finished generator makes of noise."""
    with torch.no_grad():
        made = generator(batch.noise).clamp(0, 1)
    real, fake = critic(batch.truth), critic(made)
    loss: Tensor = functional.softplus(-real).mean() + functional.softplus(fake).mean()
    return loss
