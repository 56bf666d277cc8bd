"""Chooses the diffusion model that was asked for: the one that ships, or an encoder for a base of the user's own."""

from __future__ import annotations

from pathlib import Path

from vdequant.errors import ModelError
from vdequant.models.denoiser import Denoiser, Embedded

TRAIN = "python scripts/train_diffusion.py {texture} --base {base} --tiles FOLDER... --steps N --output DIR"


def denoiser_for(texture: str = "", base: str = "", encoder: str = "") -> Denoiser:
    """A model on the CPU.

    Args:
        texture: "L", "G" or "T", which the encoder has to know; "" for any, where no texture is told.
        base: a name in the Hugging Face cache, or a folder; "" for the one that ships, or that of ``encoder``.
        encoder: file of an encoder that was trained for the base; "" for those that ship.

    Raises:
        ModelError: there is no such base, no encoder for it, one for another texture, or a file is damaged.
    """
    if not base and not encoder:
        return Embedded(texture or "L")
    if not encoder:
        how = TRAIN.format(texture=texture or "L", base=base)
        raise ModelError(f"expected --encoder FILE, one that was trained for {base}, got none; to train one: {how}")
    from vdequant.models.pretrained import load_pretrained

    found = load_pretrained(Path(encoder), base)
    if texture and found.texture != texture:
        how = TRAIN.format(texture=texture, base=base or found.base.name)
        raise ModelError(
            f"expected an encoder for texture {texture} in {encoder}, got one for {found.texture}; to train one: {how}"
        )
    return found
