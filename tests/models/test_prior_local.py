"""Local generators: numbers have places, sizes fit, files of both kinds are read, costs are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from vdequant.models.prior import SMALL, Encoder, Generator, PriorSpec
from vdequant.models.prior_local import LOCAL, LocalEncoder, LocalGenerator, LocalSpec
from vdequant.models.prior_vae import AnySpec, Vae, critic_of
from vdequant.models.prior_weights import Prior, packaged_prior, read_prior, write_prior

TINY = LocalSpec(4, 2, (8, 6), 1)  # pictures of 16x16 from 32 numbers


@pytest.mark.parametrize("spec", [TINY, LOCAL])
def test_sizes_fit_together(spec: LocalSpec) -> None:
    z = torch.randn(2, spec.latent)
    made = LocalGenerator(spec)(z)
    assert made.shape == (2, 3, spec.side, spec.side)
    mean, spread = LocalEncoder(spec)(made)
    assert mean.shape == spread.shape == z.shape
    assert critic_of(spec)(made).shape == (2,)
    assert Vae(spec)(made, z)[0].shape == made.shape


def test_the_shipped_size_makes_the_pictures_of_the_paper() -> None:
    assert (LOCAL.side, LOCAL.latent) == (64, 2048)


def test_a_number_describes_its_surroundings_alone() -> None:
    spec = LocalSpec(16, 1, (4,), 1)
    net = LocalGenerator(spec)
    z = torch.zeros(1, spec.latent)
    moved = z.clone()
    moved[0, 0] = 3.0  # top left
    changed = (net(moved) - net(z)).abs().amax(1)[0] > 0
    assert bool(changed[:4, :4].any())
    assert not bool(changed[12:].any())
    assert not bool(changed[:, 12:].any())


def test_a_local_generators_cost_is_counted() -> None:
    counted = [0]

    def count(module: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        counted[0] += module.weight[0].numel() * made.numel()

    net = LocalGenerator(TINY)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    net(torch.randn(1, TINY.latent))
    assert counted[0] == TINY.macs


def test_an_untrained_local_generator_is_near_gray() -> None:
    assert LocalGenerator(TINY)(torch.randn(4, TINY.latent)).std() < 0.3


@pytest.mark.parametrize("spec", [TINY, PriorSpec(6, (8, 4, 4))])
def test_files_of_both_kinds_give_back_what_was_written(spec: AnySpec, tmp_path: Path) -> None:
    path, vae = tmp_path / "prior.safetensors", Vae(spec)
    write_prior(Prior(vae.generator, vae.encoder, critic_of(spec)), path)
    again = read_prior(path)
    assert again.spec == spec
    assert again.critic is not None
    z = torch.randn(2, spec.latent)
    torch.testing.assert_close(again.generator(z), vae.generator(z), atol=1e-2, rtol=1e-2)


def test_a_spec_decides_the_kind_of_its_networks() -> None:
    assert isinstance(Vae(SMALL).generator, Generator)
    assert isinstance(Vae(SMALL).encoder, Encoder)
    assert isinstance(Vae(TINY).generator, LocalGenerator)


def test_the_shipped_prior_rebuilds_a_smooth_picture() -> None:
    prior = packaged_prior("map-prior")
    assert prior.encoder is not None
    down, across = torch.arange(64)[:, None] / 20, torch.arange(64) / 27
    waves = torch.stack([torch.sin(down * (i + 1) / 2 + across * (2 - i)) * 0.3 + 0.5 for i in range(3)])[None]
    rebuilt = prior.generator(prior.encoder(waves)[0])
    assert float((rebuilt - waves).square().mean()) < 10**-2.8  # 28 dB
