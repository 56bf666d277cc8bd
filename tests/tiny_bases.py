"""Bases of a few thousand random numbers in the format of those that others trained, and encoders for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, PNDMScheduler, UNet2DConditionModel
from torch import nn

from vdequant.models.pretrained_encoder import PretrainedEncoder, write_pretrained_encoder
from vdequant.models.pretrained_files import read_base

WORDS, WIDTH = 5, 12  # of the text
KINDS = ("pixels", "latents")


def stage_two(**changes: Any) -> UNet2DConditionModel:
    """The U-Net of DeepFloyd IF stage II, smaller: its config has these very options."""
    return UNet2DConditionModel(
        **{
            "in_channels": 6,
            "out_channels": 6,
            "layers_per_block": [1, 1, 2],
            "block_out_channels": [8, 8, 32],
            "down_block_types": ["ResnetDownsampleBlock2D"] * 2 + ["SimpleCrossAttnDownBlock2D"],
            "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
            "up_block_types": ["SimpleCrossAttnUpBlock2D"] + ["ResnetUpsampleBlock2D"] * 2,
            "cross_attention_dim": 32,
            "cross_attention_norm": "group_norm",
            "encoder_hid_dim": WIDTH,
            "encoder_hid_dim_type": "text_proj",
            "attention_head_dim": 8,
            "addition_embed_type": "text",
            "addition_embed_type_num_heads": 2,
            "class_embed_type": "timestep",
            "resnet_time_scale_shift": "scale_shift",
            "resnet_skip_time_act": True,
            "resnet_out_scale_factor": 1.4142271248762552,
            "mid_block_scale_factor": 1.4142271248762552,
            "act_fn": "gelu",
            "norm_num_groups": 4,
            **changes,
        }
    )


def stable(**changes: Any) -> UNet2DConditionModel:
    """The U-Net of Stable Diffusion, smaller."""
    return UNet2DConditionModel(
        **{
            "in_channels": 4,
            "out_channels": 4,
            "layers_per_block": 1,
            "block_out_channels": (8, 16),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "cross_attention_dim": WIDTH,
            "attention_head_dim": 4,
            "norm_num_groups": 4,
            **changes,
        }
    )


def autoencoder() -> AutoencoderKL:
    """From pixels to latents of half their size."""
    return AutoencoderKL(
        block_out_channels=(4, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    )


def _save(folder: Path, parts: dict[str, Any]) -> Path:
    for name, part in parts.items():
        part.save_pretrained(str(folder / name))
    index = {name: ["diffusers", type(part).__name__] for name, part in parts.items()}
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "Pipeline", "safety_checker": None, **index}))
    return folder


def save_base(folder: Path, kind: str, unet: UNet2DConditionModel | None = None) -> Path:
    """Write a base of KINDS into a folder, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    cosine = DDPMScheduler(beta_schedule="squaredcos_cap_v2", variance_type="learned_range", thresholding=True)
    if kind == "pixels":
        return _save(folder, {"unet": unet or stage_two(), "scheduler": cosine, "image_noising_scheduler": cosine})
    linear = PNDMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, skip_prk_steps=True)
    return _save(folder, {"unet": unet or stable(), "scheduler": linear, "vae": autoencoder()})


def save_cached(cache: Path, name: str, kind: str) -> Path:
    """Write a base into a Hugging Face cache, as downloads leave it; returns its folder."""
    model = cache / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("0123abc")
    return save_base(model / "snapshots" / "0123abc", kind)


def save_encoder(path: Path, base: str, texture: str = "L", *, heard: bool = True) -> Path:
    """Write an encoder for a base, which says something when it is ``heard``."""
    net = PretrainedEncoder(read_base(base), texture, torch.randn(1, WORDS, WIDTH))
    for layer in (*net.zeros, net.middle, net.told.conv_out) if heard else ():
        nn.init.normal_(layer.weight, std=0.1)
    write_pretrained_encoder(net, path)
    return path
