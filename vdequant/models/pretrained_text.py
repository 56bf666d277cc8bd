"""What a base hears when nothing is said: the empty string, as its own text encoder understands it.

It is asked for once, when an encoder is trained, and is then part of that encoder's file: whoever uses it needs neither
transformers nor the text encoder, which for DeepFloyd IF is ten times as large as the base.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vdequant.errors import ModelError
from vdequant.models.pretrained_bases import PretrainedBase
from vdequant.models.pretrained_files import find_base, index_of

FILE = "empty_text.safetensors"
KEY = "empty_text"
WORDS = 77  # that the text is filled up to, in the pipelines of both kinds
ENCODERS = ("CLIPTextModel", "T5EncoderModel")


def text_width(base: PretrainedBase) -> int:
    """Numbers for each word that the base is to be given."""
    config = base.unet.config
    return int(config.encoder_hid_dim or config.cross_attention_dim)


def write_text(text: Tensor, path: Path) -> None:
    """Save the empty string of a base, ``(1, words, width)``, for other trainings and other machines."""
    save_file({KEY: text.contiguous()}, str(path))
    path.chmod(0o644)


def _read(path: Path) -> Tensor:
    try:
        return load_file(str(path))[KEY].float()
    except (SafetensorError, OSError, KeyError) as error:
        raise ModelError(
            f"expected {KEY} in {path}, cannot read it ({type(error).__name__}); remove the file"
        ) from error


def _asked(name: str, beside: Path) -> Tensor:
    """What the base's text encoder answers."""
    folder = find_base(name)
    kind = index_of(folder).get("text_encoder", "none")
    if kind not in ENCODERS or not (folder / "text_encoder").is_dir():
        raise ModelError(
            f"expected the text encoder of {name} ({' or '.join(ENCODERS)}) beside it, got {kind}; "
            f"hf download {name}, or put {FILE} into {beside}"
        )
    try:
        transformers: Any = import_module("transformers")
    except ImportError as error:
        raise ModelError(
            f"expected transformers to read the text encoder of {name}, found none: pip install '.[bases]' "
            f"in a checkout, or put {FILE} into {beside}"
        ) from error
    try:
        return _answer(transformers, kind, folder)
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"expected the text encoder of {name} in {folder}, cannot load it: {why}") from error


@torch.no_grad()
def _answer(transformers: Any, kind: str, folder: Path) -> Tensor:
    t5 = kind == "T5EncoderModel"
    encoder = getattr(transformers, kind).from_pretrained(
        str(folder / "text_encoder"),
        local_files_only=True,
        dtype=torch.bfloat16 if t5 else torch.float32,  # it has 5 billion parameters, and in float16 it overflows
    )
    if t5:  # its empty string is the end alone, which needs no tokenizer
        words = torch.full((1, WORDS), encoder.config.pad_token_id)
        words[0, 0] = encoder.config.eos_token_id
        mask: Tensor | None = (torch.arange(WORDS) == 0)[None].long()
    else:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder / "tokenizer"), local_files_only=True)
        told = tokenizer("", padding="max_length", max_length=WORDS, truncation=True, return_tensors="pt")
        words = told.input_ids
        mask = told.attention_mask if getattr(encoder.config, "use_attention_mask", False) else None
    found: Tensor = encoder(words, attention_mask=mask)[0]
    return found.float()


def empty_text(base: PretrainedBase, beside: Path) -> Tensor:
    """The empty string for a base, ``(1, words, width)`` float32.

    Args:
        base: asks its own text encoder.
        beside: folder whose ``empty_text.safetensors`` is taken instead, if there is one.

    Raises:
        ModelError: there is neither; or transformers is missing; or it does not fit the base.
    """
    path = beside / FILE
    text = _read(path) if path.is_file() else _asked(base.name, beside)
    if text.ndim != 3 or len(text) != 1 or text.shape[2] != text_width(base):
        raise ModelError(
            f"expected text of 1 x words x {text_width(base)} for {base.name}, got {tuple(text.shape)}; remove {path}"
        )
    return text
