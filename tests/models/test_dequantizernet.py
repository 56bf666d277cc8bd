"""DequantizerNet: of the published form, as wide as its spec says, in the range of its tanh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from vdequant.errors import ModelError
from vdequant.models.dequantizernet import Discriminator, DiscriminatorSpec, Generator, GeneratorSpec
from vdequant.models.dequantizernet_weights import read_generator, write_generator

SPEC = GeneratorSpec(channels=4, blocks=2, ends=3)
BARE = replace(SPEC, norm="none")


def noisy(spec: GeneratorSpec) -> Generator:
    net = Generator(spec)
    for parameter in net.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.3)
    return net.eval().requires_grad_(False)


def pictures(count: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(count, 3, height, width) * 2 - 1


def test_the_published_size_is_that_of_the_paper() -> None:
    spec = GeneratorSpec()
    assert (spec.channels, spec.blocks, spec.upsampling) == (64, 5, 0)
    net = Generator(spec)
    assert sum(isinstance(module, nn.PReLU) for module in net.modules()) == 1 + 5
    assert sum(isinstance(module, nn.BatchNorm2d) for module in net.modules()) == 2 * 5 + 1


def test_the_published_form_answers_between_minus_one_and_one() -> None:
    net = noisy(SPEC)
    net.tail.weight.mul_(1000)
    answer = net(pictures(1, 8, 8))
    assert -1 <= answer.min() < -0.9 < 0.9 < answer.max() <= 1


@pytest.mark.parametrize("upsampling", [0, 1, 2])
def test_each_upsampling_block_doubles_height_and_width(upsampling: int) -> None:
    net = noisy(replace(SPEC, upsampling=upsampling))
    assert net(pictures(2, 6, 10)).shape == (2, 3, 6 * 2**upsampling, 10 * 2**upsampling)


@pytest.mark.parametrize("upsampling", [1, 2])
def test_a_shrinking_first_convolution_keeps_the_size(upsampling: int) -> None:
    spec = replace(SPEC, upsampling=upsampling, shrink=True)
    assert spec.step == 2**upsampling
    assert noisy(spec)(pictures(1, 8, 12)).shape == (1, 3, 8, 12)


@pytest.mark.parametrize(("upsampling", "shrink"), [(0, False), (1, True), (1, False)])
def test_an_untrained_long_skip_changes_nothing(upsampling: int, shrink: bool) -> None:
    x = torch.full((1, 3, 8, 8), 0.25)
    net = Generator(replace(SPEC, upsampling=upsampling, shrink=shrink, long_skip=True)).eval()
    assert torch.allclose(net(x), torch.full_like(net(x), 0.25))


@pytest.mark.parametrize(
    "spec",
    [BARE, replace(BARE, ends=9, blocks=1), replace(BARE, upsampling=1, shrink=True)],
    ids=["plain", "wide ends", "half size"],
)
def test_the_declared_radius_holds(spec: GeneratorSpec) -> None:
    net, x = noisy(spec), pictures(1, 96, 96)
    changed = x.clone()
    changed[..., 48, 48] *= -1
    moved = (net(x) - net(changed)).abs().amax(1)[0].nonzero()
    reach = int((moved - 48).abs().max())
    assert spec.radius - 3 * spec.step <= reach <= spec.radius


@pytest.mark.parametrize("transfer", ["prelu", "relu", "leaky-relu", "gelu"])
def test_transfer_functions_are_a_matter_of_the_spec(transfer: str) -> None:
    net = noisy(replace(BARE, transfer=transfer, output="identity"))
    assert net(pictures(1, 8, 8)).isfinite().all()
    assert any(isinstance(module, nn.PReLU) for module in net.modules()) == (transfer == "prelu")


def test_the_cost_is_what_its_convolutions_multiply() -> None:
    for spec in (SPEC, replace(SPEC, upsampling=1), replace(SPEC, upsampling=1, shrink=True)):
        count = 0

        def tally(module: nn.Module, _: object, answer: torch.Tensor) -> None:
            nonlocal count
            count += answer.numel() * module.weight[0].numel()

        net = noisy(spec)
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(tally)
        net(pictures(1, 16, 16))
        assert count / 256 == pytest.approx(spec.macs, abs=1)


def test_the_discriminator_gives_one_probability_a_picture() -> None:
    net = Discriminator(DiscriminatorSpec((4, 8)))
    verdicts = net(pictures(3, 20, 24))
    assert verdicts.shape == (3,)
    assert ((verdicts > 0) & (verdicts < 1)).all()


def test_the_discriminator_halves_its_pictures_at_each_level() -> None:
    net = Discriminator(DiscriminatorSpec((4, 8, 16)))
    assert net.pyramid(pictures(1, 32, 64)).shape == (1, 16, 4, 8)


@pytest.mark.parametrize("spec", [SPEC, replace(SPEC, channels=96, blocks=3)], ids=["small", "half precision"])
def test_weights_survive_export_and_loading(spec: GeneratorSpec, tmp_path: Path) -> None:
    net, x = noisy(spec), pictures(1, 9, 9)
    write_generator(net, tmp_path / "net.safetensors")
    loaded = read_generator(tmp_path / "net.safetensors")
    assert loaded.spec == spec
    torch.testing.assert_close(loaded(x), net(x), rtol=0, atol=0 if spec is SPEC else 0.02)


def test_weights_of_another_kind_are_named(tmp_path: Path) -> None:
    from vdequant.models.weights import packaged

    with pytest.raises(ModelError, match="expected weights of format vdequant-dequantizernet-1"):
        read_generator(packaged("cellnet-s-levels"))
    (tmp_path / "net.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="safetensors"):
        read_generator(tmp_path / "net.safetensors")
