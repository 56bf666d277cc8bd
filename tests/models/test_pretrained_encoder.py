"""Encoders for bases of others: silent at first, like diffusers' own where that can be made, and kept in one file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import save_file
from tiny_bases import KINDS, WIDTH, WORDS, save_base, save_encoder, stable, stage_two
from torch import Tensor

from vdequant.errors import ModelError
from vdequant.models.conditioning import PLANES
from vdequant.models.pretrained import answer
from vdequant.models.pretrained_bases import PixelBase, PretrainedBase
from vdequant.models.pretrained_encoder import (
    PretrainedEncoder,
    read_pretrained_encoder,
    spec_of,
    write_pretrained_encoder,
)
from vdequant.models.pretrained_files import read_base

STEP = torch.tensor([500, 20])
COSINE = {"num_train_timesteps": 1000, "beta_schedule": "squaredcos_cap_v2", "prediction_type": "epsilon"}
# What huggingface.co says of DeepFloyd/IF-II-L-v1.0, unet/config.json; 1.2 billion parameters.
STAGE_TWO_L = {
    "block_out_channels": [160, 320, 640, 960, 1280],
    "layers_per_block": [2, 2, 3, 5, 5],
    "down_block_types": ["ResnetDownsampleBlock2D"] * 3 + ["SimpleCrossAttnDownBlock2D"] * 2,
    "up_block_types": ["SimpleCrossAttnUpBlock2D"] * 2 + ["ResnetUpsampleBlock2D"] * 3,
    "cross_attention_dim": 1280,
    "encoder_hid_dim": 4096,
    "attention_head_dim": 64,
    "addition_embed_type_num_heads": 64,
    "norm_num_groups": 32,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a base of each kind."""
    path = tmp_path_factory.mktemp("bases")
    for kind in KINDS:
        save_base(path / kind, kind)
    return path


def base_of(folder: Path, kind: str) -> PretrainedBase:
    return read_base(str(folder / kind))


def inputs(base: PretrainedBase) -> tuple[Tensor, Tensor]:
    """Noisy, and planes."""
    return torch.randn(2, base.channels, 16 // base.factor, 16 // base.factor), torch.rand(2, PLANES, 16, 16)


@pytest.mark.parametrize("kind", KINDS)
def test_an_untrained_encoder_leaves_the_base_as_it_is(folder: Path, kind: str) -> None:
    base, text = base_of(folder, kind), torch.randn(1, WORDS, WIDTH)
    noisy, planes = inputs(base)
    found = answer(base, PretrainedEncoder(base, "L", text), noisy, STEP, planes, None)
    seen, label = base.shown(noisy, planes, None)
    alone = base.unet(seen, STEP, text.expand(2, -1, -1), class_labels=label).sample[:, : base.channels]
    torch.testing.assert_close(found, alone)


def test_it_answers_as_the_controlnet_of_diffusers() -> None:
    net = stable(block_out_channels=(8, 16), layers_per_block=2)
    base = PretrainedBase("tiny", net, {})
    base.factor, base.channels, base.halvings = 2, 4, 1
    mine = PretrainedEncoder(base, "L", torch.randn(1, WORDS, WIDTH))
    for parameter in mine.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    other = ControlNetModel.from_unet(
        net, conditioning_channels=PLANES, conditioning_embedding_out_channels=(16, 32), load_weights_from_unet=False
    )
    named = {"told": "controlnet_cond_embedding", "zeros": "controlnet_down_blocks", "middle": "controlnet_mid_block"}
    state = {}
    for key, tensor in mine.state_dict().items():
        first, _, rest = key.partition(".")
        state[f"{named[first]}.{rest}" if first in named else rest] = tensor
    other.load_state_dict({key: tensor for key, tensor in state.items() if key})
    seen, planes = torch.randn(2, 4, 8, 8), torch.rand(2, PLANES, 16, 16)
    words, (maps, middle) = mine(seen, STEP, None, planes)
    down, mid = other(seen, STEP, words, planes * 2 - 1, return_dict=False)
    assert len(maps) == len(down)
    for one, another in zip([*maps, middle], [*down, mid], strict=True):
        torch.testing.assert_close(one, another)


def test_the_controlnet_of_diffusers_cannot_be_made_of_stage_two() -> None:
    with pytest.raises((TypeError, ValueError)):
        ControlNetModel.from_unet(stage_two(), conditioning_channels=PLANES)


def test_it_fits_the_published_base() -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel(**{**stage_two().config, **STAGE_TWO_L})
    assert 1.18e9 < sum(p.numel() for p in unet.parameters()) < 1.2e9
    base = PixelBase("if", unet, COSINE, COSINE)
    with torch.device("meta"):
        encoder = PretrainedEncoder(base, "T", torch.zeros(1, 77, 4096))
        noisy, planes = torch.zeros(1, 3, 32, 32), torch.zeros(1, PLANES, 32, 32)
        found = answer(base, encoder, noisy, STEP[:1].to("meta"), planes, torch.zeros(1, 3, 32, 32))
    assert base.multiple == 16
    assert found.shape == noisy.shape


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_and_the_base_does_not(folder: Path, kind: str) -> None:
    base = base_of(folder, kind)
    encoder = PretrainedEncoder(base, "L", torch.randn(1, WORDS, WIDTH))
    noisy, planes = inputs(base)
    answer(base, encoder, noisy, STEP, planes, None).square().mean().backward()
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    assert encoder.zeros[0].weight.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in base.parameters())
    copied = sum(p.numel() for p in encoder.way.parameters())
    assert copied < sum(p.numel() for p in base.unet.parameters())
    assert len(encoder.way.up_blocks) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_gives_back_what_was_written(folder: Path, kind: str, tmp_path: Path) -> None:
    path = save_encoder(tmp_path / "one.safetensors", str(folder / kind), "G")
    base = base_of(folder, kind)
    net = read_pretrained_encoder(path, base)
    write_pretrained_encoder(net, tmp_path / "two.safetensors")
    again = read_pretrained_encoder(tmp_path / "two.safetensors", base)
    assert spec_of(path) == net.spec == again.spec
    assert (net.spec.base, net.spec.texture, net.spec.text) == (str(folder / kind), "G", (WORDS, WIDTH))
    noisy, planes = inputs(base)
    torch.testing.assert_close(
        answer(base, net, noisy, STEP, planes, None), answer(base, again, noisy, STEP, planes, None)
    )
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_an_encoder_of_another_base_is_refused(folder: Path, tmp_path: Path) -> None:
    path = save_encoder(tmp_path / "one.safetensors", str(folder / "pixels"))
    with pytest.raises(
        ModelError, match=r"expected an encoder for .*latents in .*, got one for .*pixels, which does not"
    ):
        read_pretrained_encoder(path, base_of(folder, "latents"))


def test_files_that_hold_no_encoder_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="which does not exist"):
        spec_of(tmp_path / "none.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, str(other), metadata={"format": "something", "spec": "{}"})
    with pytest.raises(ModelError, match="got another or a damaged file"):
        spec_of(other)
    save_file({"x": torch.zeros(1)}, str(other), metadata={"format": "vdequant-pretrained-encoder-1", "spec": "{}"})
    with pytest.raises(ModelError, match="expected base, texture and text"):
        spec_of(other)
    whole = save_encoder(tmp_path / "whole.safetensors", str(folder / "latents")).read_bytes()
    other.write_bytes(whole[:-100])
    with pytest.raises(ModelError, match="got another or a damaged file"):
        spec_of(other)
