"""Generators: the layers are those of the paper, and a file gives back what was written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vdequant.errors import ModelError
from vdequant.models.prior import PUBLISHED, SMALL, Critic, Encoder, Funnel, Generator, PriorSpec
from vdequant.models.prior_vae import Vae
from vdequant.models.prior_weights import Prior, is_prior, read_prior, write_prior

TINY = PriorSpec(6, (8, 4, 4))


def kernels(net: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(m.kernel_size) for m in net.modules() if isinstance(m, nn.Conv2d)]


def test_the_published_generator_has_the_layers_of_the_paper() -> None:
    with torch.device("meta"):
        net = Generator(PUBLISHED)
    assert (PUBLISHED.latent, PUBLISHED.side, len(net.layers)) == (512, 64, 5)
    assert net.first.out_features == 512 * 4 * 4  # the 4x4 kernel over one pixel
    assert [len(convs) for convs in net.layers] == [1, 2, 2, 2, 2]
    assert kernels(net) == [(3, 3)] * 9 + [(1, 1)]


def test_the_published_critic_has_the_layers_of_the_paper() -> None:
    with torch.device("meta"):
        net = Critic(PUBLISHED)
    assert kernels(net) == [(1, 1)] + [(3, 3)] * 11
    assert net.body.last.in_features == 512 * 4 * 4
    assert (net.verdict.in_features, net.verdict.out_features) == (512, 1)


@pytest.mark.parametrize("spec", [TINY, SMALL])
def test_sizes_fit_together(spec: PriorSpec) -> None:
    z = torch.randn(2, spec.latent)
    made = Generator(spec)(z)
    assert made.shape == (2, 3, spec.side, spec.side)
    assert Critic(spec)(made).shape == (2,)
    mean, spread = Encoder(spec)(made)
    assert mean.shape == spread.shape == z.shape
    rebuilt, *_ = Vae(spec)(made, z)
    assert rebuilt.shape == made.shape


def test_a_generators_cost_is_counted() -> None:
    counted = [0]

    def count(module: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        each = module.weight[0].numel() if isinstance(module, nn.Conv2d | nn.Linear) else 0
        counted[0] += each * made.numel()

    net = Generator(TINY)
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    net(torch.randn(1, 6))
    assert counted[0] == TINY.macs


def test_an_untrained_generator_is_near_gray() -> None:
    assert Generator(SMALL)(torch.randn(4, SMALL.latent)).std() < 0.3


def test_the_funnel_sees_every_pixel() -> None:
    picture = torch.rand(1, 3, 16, 16, requires_grad=True)
    Funnel(TINY, 3)(picture).sum().backward()
    assert picture.grad is not None
    assert (picture.grad != 0).any(1).all()


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    prior = Prior(Generator(TINY), Encoder(TINY), Critic(TINY))
    write_prior(prior, path)
    again = read_prior(path)
    assert is_prior(path)
    assert again.spec == TINY
    z = torch.randn(3, 6)
    torch.testing.assert_close(again.generator(z), prior.generator(z), atol=1e-2, rtol=1e-2)
    assert again.critic is not None
    assert not any(p.requires_grad for part in again.parts().values() for p in part.parameters())


def test_parts_that_are_missing_stay_missing(tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    write_prior(Prior(Generator(TINY)), path)
    again = read_prior(path)
    assert again.encoder is None
    assert again.critic is None


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, str(path), metadata={"format": "something", "spec": "{}"})
    assert not is_prior(path)
    assert not is_prior(tmp_path / "none.safetensors")
    assert not is_prior(tmp_path / "net.pth")
    with pytest.raises(ModelError, match="expected weights of format vdequant-prior-1"):
        read_prior(path)


def test_tensors_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    spec = '{"latent": 6, "channels": [8, 4, 4]}'
    save_file(
        {"generator.first.weight": torch.zeros(1)}, str(path), metadata={"format": "vdequant-prior-1", "spec": spec}
    )
    with pytest.raises(ModelError, match="do not fit"):
        read_prior(path)


def test_reading_draws_no_random_numbers_of_the_caller(tmp_path: Path) -> None:
    write_prior(Prior(Generator(TINY), Encoder(TINY), Critic(TINY)), tmp_path / "p.safetensors")
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    read_prior(tmp_path / "p.safetensors")
    assert torch.equal(torch.rand(1), expected)
