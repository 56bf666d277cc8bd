"""The U-Net and the PatchGAN of pix2pix: published sizes, what a pixel can see, weights that come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vdequant.errors import ModelError
from vdequant.models.patchgan import PatchGan, PatchSpec
from vdequant.models.pix2pix import PUBLISHED, Norm, Unet, UnetSpec
from vdequant.models.pix2pix_weights import read_unet, write_unet

TINY = UnetSpec(channels=2, width=4, downs=3, dropout=0.0)


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3)) * 2 - 1


def settled(spec: UnetSpec) -> Unet:
    """A network with running statistics and a last layer that are not those of the start."""
    net = Unet(spec)
    torch.nn.init.normal_(net.ups[-1][1].weight, 0, 0.2)  # type: ignore[index]
    for _ in range(3):
        net(noise(2, spec.channels, 2 * spec.multiple, 2 * spec.multiple))
    return net.eval().requires_grad_(False)


def test_the_published_generator_has_the_published_size() -> None:
    with torch.device("meta"):
        count = sum(p.numel() for p in Unet(replace(PUBLISHED, channels=3)).parameters())
    assert count == 54_413_955  # what pytorch-CycleGAN-and-pix2pix reports for unet_256: 54.414 M


def test_the_published_discriminator_looks_at_70_pixels_and_has_the_published_size() -> None:
    with torch.device("meta"):
        count = sum(p.numel() for p in PatchGan(PatchSpec(3)).parameters())
    assert count == 2_768_705
    assert PatchSpec(2).patch == 70


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("residual", [0.0, 0.1])
def test_the_answer_has_the_shape_of_the_input_and_stays_in_range(norm: Norm, residual: float) -> None:
    net = settled(replace(TINY, norm=norm, residual=residual))
    x = noise(2, 2, 16, 40)
    answer = net(x)
    assert (answer.shape, answer.dtype) == (x.shape, torch.float32)
    assert answer.abs().max() <= 1


def test_a_residual_network_begins_by_changing_nothing() -> None:
    x = noise(1, 2, 16, 16)
    torch.testing.assert_close(Unet(replace(TINY, residual=0.1))(x), x, rtol=0, atol=0)


def test_a_correction_is_no_larger_than_the_spec_says() -> None:
    x = noise(1, 2, 16, 16)
    assert (settled(replace(TINY, residual=0.05))(x) - x).abs().max() <= 0.05 + 1e-6


def test_an_answer_does_not_depend_on_its_neighbors_in_the_batch() -> None:
    net, x = settled(TINY), noise(3, 2, 16, 16)
    torch.testing.assert_close(net(x)[2:], net(x[2:]), rtol=0, atol=1e-6)


def test_dropout_is_for_training_only() -> None:
    net = settled(UnetSpec(channels=2, width=2, downs=7, norm="none"))
    x = noise(1, 2, 128, 128)
    assert sum(isinstance(layer, torch.nn.Dropout) for layer in net.modules()) == 1
    assert torch.equal(net(x), net(x))
    assert not torch.equal(net.train()(x), net(x))


def test_nothing_is_seen_beyond_the_radius_and_something_at_it() -> None:
    net, radius = settled(TINY), TINY.radius
    x = noise(1, 2, 16, 160)
    other = x.clone()
    other[..., :8] = -x[..., :8]
    changed = (net(x) - net(other)).abs().amax((0, 1, 2)) > 0
    assert not changed[8 + radius :].any()
    assert changed[8 : 8 + radius].sum() > radius // 2


def test_a_picture_shifted_by_the_multiple_gives_the_shifted_answer() -> None:
    net, x = settled(TINY), noise(1, 2, 16, 128)
    shift, edge = TINY.multiple, TINY.radius + TINY.multiple
    shifted = net(x[..., shift:])
    torch.testing.assert_close(shifted[..., edge:-edge], net(x)[..., shift:][..., edge:-edge], rtol=0, atol=1e-6)


def test_the_discriminator_judges_patches_of_pairs() -> None:
    judge = PatchGan(PatchSpec(2, width=4))
    logits = judge(noise(2, 2, 64, 64), noise(2, 2, 64, 64))
    assert logits.shape == (2, 1, 6, 6)
    assert logits.dtype == torch.float32


def test_weights_come_back_with_their_spec(tmp_path: Path) -> None:
    net = settled(replace(TINY, residual=0.1))
    write_unet(net, tmp_path / "w.safetensors")
    again = read_unet(tmp_path / "w.safetensors")
    x = noise(1, 2, 16, 16)
    assert again.spec == net.spec
    torch.testing.assert_close(again(x), net(x), rtol=0, atol=2e-3)  # half precision


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot read them"):
        read_unet(tmp_path / "w.safetensors")
    net = settled(TINY)
    net.spec = replace(TINY, width=6)  # not what the tensors are
    write_unet(net, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="do not fit their spec"):
        read_unet(tmp_path / "w.safetensors")
