"""The encoder beside a base that others trained: a ControlNet (Zhang et al. 2023) that is told the seven planes.

    seven planes ─► convolutions ─► + ─► copy of the base's way down ─► convolutions that are zero at first ─► maps
    what the base sees ─────────────┘

diffusers' own ControlNetModel cannot be made of DeepFloyd IF stage II, whose blocks it does not know. This one takes
the blocks of the base as they are.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding, zero_module
from safetensors import safe_open
from torch import Tensor, nn

from vdequant.errors import ModelError
from vdequant.models.conditioning import PLANES
from vdequant.models.pretrained_bases import Maps, PretrainedBase
from vdequant.models.weights import is_format, read_tensors, write_tensors

FORMAT = "vdequant-pretrained-encoder-1"
WIDTHS = (16, 32, 96, 256)  # of the convolutions over the planes, from fine to coarse, as published


@dataclass(frozen=True)
class PretrainedEncoderSpec:
    """What a file of an encoder says of itself.

    Attributes:
        base: name of the base that it was trained for.
        texture: "L", "G" or "T".
        text: words and width of the text that it was trained with.
    """

    base: str
    texture: str
    text: tuple[int, int]


def _way_down(base: PretrainedBase) -> Any:
    """A copy of the U-Net without its way up, which is not even copied for a moment: it is the larger half."""
    unet = base.unet
    left_out: dict[int, nn.Module] = {id(unet.up_blocks): nn.ModuleList()}
    left_out |= {id(part): nn.Identity() for part in (unet.conv_norm_out, unet.conv_out) if part is not None}
    copied = copy.deepcopy(unet, left_out)
    return copied.float().train().requires_grad_(True)


def _widths(way: Any) -> list[int]:
    """Channels of every map that the way down makes."""
    found = [way.conv_in.out_channels]
    for block in way.down_blocks:
        found += [layer.out_channels for layer in (*block.resnets, *(block.downsamplers or ()))]
    return found


class PretrainedEncoder(nn.Module):
    """Says with feature maps what seven planes say.

    Args:
        base: it begins as a copy of its way down, and answers zero.
        texture: "L", "G" or "T", what it is trained with.
        text: ``(1, words, width)``, what the base's text encoder makes of the empty string.
    """

    way: Any  # a U-Net of diffusers without its way up
    text: Tensor

    def __init__(self, base: PretrainedBase, texture: str, text: Tensor) -> None:
        super().__init__()
        self.spec = PretrainedEncoderSpec(base.name, texture, (text.shape[1], text.shape[2]))
        self.way = _way_down(base)
        widths = _widths(self.way)
        told = (widths[0],) if not base.halvings else (*WIDTHS, *WIDTHS[-1:] * base.halvings)[: base.halvings + 1]
        self.told = ControlNetConditioningEmbedding(widths[0], PLANES, told)
        self.zeros = nn.ModuleList(zero_module(nn.Conv2d(width, width, 1)) for width in widths)
        middle = self.way.config.block_out_channels[-1]
        self.middle = zero_module(nn.Conv2d(middle, middle, 1))
        self.register_buffer("text", text.float())

    def _time(self, seen: Tensor, step: Tensor, text: Tensor, label: Tensor | None) -> Tensor:
        """What the blocks are told of the step, the label and the text as a whole."""
        way, parts = self.way, []
        parts.append(way.time_embedding(way.get_time_embed(seen, step)))
        parts.append(way.get_class_embed(seen, label))
        parts.append(way.get_aug_embed(parts[0], text, {}))
        total = sum(part for part in parts if part is not None)
        return total if way.time_embed_act is None else way.time_embed_act(total)  # type: ignore[no-any-return]

    def forward(self, seen: Tensor, step: Tensor, label: Tensor | None, planes: Tensor) -> tuple[Tensor, Maps]:
        """The text that the base is to be given, and what is to be added to its maps.

        Args:
            seen, step, label: as for the base.
            planes: ``(N, 7, H, W)``, see :mod:`vdequant.models.conditioning`.
        """
        words = self.text.to(seen.dtype).expand(len(seen), -1, -1)
        time = self._time(seen, step, words, label)
        text = self.way.process_encoder_hidden_states(words, {})
        x = self.way.conv_in(seen) + self.told((planes * 2 - 1).to(seen.dtype))
        maps = [x]
        for block in self.way.down_blocks:
            x, made = block(x, time, **_attending(block, text))
            maps += made
        x = self.way.mid_block(x, time, **_attending(self.way.mid_block, text))
        return words, ([zero(one) for zero, one in zip(self.zeros, maps, strict=True)], self.middle(x))


def _attending(block: nn.Module, text: Tensor) -> dict[str, Tensor]:
    """The argument of blocks that attend to text."""
    return {"encoder_hidden_states": text} if getattr(block, "has_cross_attention", False) else {}


def write_pretrained_encoder(net: PretrainedEncoder, path: Path) -> None:
    """Save an encoder in half precision."""
    write_tensors(net.state_dict(), net.spec, path, FORMAT, half=True)


def spec_of(path: Path) -> PretrainedEncoderSpec:
    """What a file says of itself; :class:`ModelError` when it holds no encoder."""
    if not path.is_file():
        raise ModelError(f"expected an encoder in {path}, which does not exist; check --encoder")
    if not is_format(path, FORMAT):
        raise ModelError(f"expected an encoder for a base in {path}, got another or a damaged file; check --encoder")
    with safe_open(str(path), framework="pt") as weights:
        fields = json.loads(weights.metadata()["spec"])
    try:
        return PretrainedEncoderSpec(fields["base"], fields["texture"], tuple(fields["text"]))
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"expected base, texture and text in the spec of {path}, got {fields}; train it anew"
        ) from error


def read_pretrained_encoder(path: Path, base: PretrainedBase) -> PretrainedEncoder:
    """Load an encoder as float32 on the CPU, frozen.

    Raises:
        ModelError: the file is missing, damaged, or of a base of another shape.
    """
    spec = spec_of(path)
    net = PretrainedEncoder(base, spec.texture, torch.zeros(1, *spec.text))
    try:
        net.load_state_dict(read_tensors(path, FORMAT)[1])
    except RuntimeError as error:
        raise ModelError(
            f"expected an encoder for {base.name} in {path}, got one for {spec.base}, which does not fit it; "
            "check --base and --encoder"
        ) from error
    return net.eval().requires_grad_(False)
