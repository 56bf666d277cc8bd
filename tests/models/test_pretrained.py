"""Bases of others as denoisers: what they are shown, what they answer, and which of them is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_bases import KINDS, save_base, save_encoder

from vdequant.errors import ModelError
from vdequant.models.conditioning import COLORS, PLANES
from vdequant.models.denoisers import denoiser_for
from vdequant.models.pretrained import Pretrained, load_pretrained
from vdequant.models.pretrained_bases import AFAR_NOISE, LatentBase, PixelBase
from vdequant.restorers.denoising import draw
from vdequant.restorers.diffusion import Diffusion
from vdequant.restorers.sampling import Sampling


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a base of each kind, each with an encoder."""
    path = tmp_path_factory.mktemp("bases")
    for kind in KINDS:
        save_base(path / kind, kind)
        save_encoder(path / f"{kind}.safetensors", str(path / kind), "T")
    return path


def model(folder: Path, kind: str) -> Pretrained:
    return load_pretrained(folder / f"{kind}.safetensors")


def test_stage_two_is_shown_the_picture_from_afar_under_noise(folder: Path) -> None:
    base = model(folder, "pixels").base
    assert isinstance(base, PixelBase)
    planes = torch.full((1, PLANES, 64, 64), 0.75)
    noisy = torch.randn(1, 3, 64, 64)
    seen, label = base.shown(noisy, planes, torch.zeros(1, 3, 64, 64))
    assert torch.equal(seen[:, :3], noisy)
    torch.testing.assert_close(seen[:, 3:], torch.full((1, 3, 64, 64), 0.5 * base.kept[0]))
    assert label is not None
    assert label.tolist() == [AFAR_NOISE]
    own, _ = base.shown(noisy, planes, None)
    assert abs(float(own[:, 3:].std()) - base.kept[1]) < 0.02


def test_fine_detail_is_gone_from_afar(folder: Path) -> None:
    base = model(folder, "pixels").base
    board = ((torch.arange(32)[:, None] + torch.arange(32)) % 2).float().expand(1, PLANES, 32, 32)
    seen, _ = base.shown(torch.zeros(1, 3, 32, 32), board, torch.zeros(1, 3, 32, 32))
    torch.testing.assert_close(seen[:, 3:], torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize("kind", KINDS)
def test_answers_do_not_depend_on_batch_neighbors(folder: Path, kind: str) -> None:
    net = model(folder, kind)
    noisy, planes = torch.randn(2, net.channels, 16, 16), torch.rand(2, PLANES, 16 * net.factor, 16 * net.factor)
    step = torch.tensor([300, 300])
    together = net.predict(noisy, step, planes)
    assert together.shape == noisy.shape
    torch.testing.assert_close(together[1:], net.predict(noisy[1:], step[1:], planes[1:]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_planes_matter(folder: Path, kind: str) -> None:
    net = model(folder, kind)
    noisy, planes = torch.randn(1, net.channels, 8, 8), torch.rand(1, PLANES, 8 * net.factor, 8 * net.factor)
    other = planes.clone()
    other[:, COLORS.stop :] = 0
    step = torch.tensor([300])
    assert (net.predict(noisy, step, planes) - net.predict(noisy, step, other)).abs().max() > 1e-4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_pictures_larger_than_a_tile_are_drawn_and_seeds_differ(folder: Path, kind: str, sampler: str) -> None:
    net, planes = model(folder, kind), torch.rand(1, PLANES, 32, 48)
    drawn = [draw(net, planes, Sampling(sampler, 2, seed=seed, tile=32, overlap=8)) for seed in (1, 1, 2)]
    assert drawn[0].shape == (1, 3, 32, 48)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_autoencoder_stays_in_float32(folder: Path) -> None:
    net = model(folder, "latents").to(torch.device("cpu"), torch.bfloat16)
    assert isinstance(net.base, LatentBase)
    assert (net.base.unet.dtype, net.base.autoencoder.dtype) == (torch.bfloat16, torch.float32)
    found = draw(net, torch.rand(1, PLANES, 16, 16), Sampling("ddim", 2))
    assert found.dtype == torch.float32
    assert found.isfinite().all()


def test_latents_are_as_varied_as_noise_is(folder: Path) -> None:
    base = model(folder, "latents").base
    assert isinstance(base, LatentBase)
    base.autoencoder.register_to_config(scaling_factor=0.5, shift_factor=3.0)
    pictures = torch.rand(1, 3, 16, 16)
    clean = base.encode(pictures)
    plain = base.autoencoder.encode(pictures).latent_dist.mode()
    torch.testing.assert_close(clean, (plain - 3.0) * 0.5)
    torch.testing.assert_close(base.decode(clean), base.autoencoder.decode(plain).sample)


def test_a_restorer_has_the_needs_of_its_base(folder: Path) -> None:
    assert Diffusion(model(folder, "latents")).needs.multiple_of == 4


def test_an_encoder_knows_its_base(folder: Path) -> None:
    found = denoiser_for("T", encoder=str(folder / "pixels.safetensors"))
    assert isinstance(found, Pretrained)
    assert found.base.name == str(folder / "pixels")
    assert denoiser_for("", str(folder / "pixels"), str(folder / "pixels.safetensors")).texture == "T"


def test_a_base_without_an_encoder_says_how_to_train_one(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"expected --encoder FILE.*train_diffusion.py L --base someone/tiny"):
        denoiser_for(base="someone/tiny")


def test_an_encoder_for_another_texture_is_refused(folder: Path) -> None:
    with pytest.raises(
        ModelError, match=r"expected an encoder for texture G in .*, got one for T; to train one: .* G "
    ):
        denoiser_for("G", encoder=str(folder / "pixels.safetensors"))
