"""Bases that others trained, on disk: found by name in the user's Hugging Face cache, or in a folder of that format.

Nothing is ever downloaded here: what is missing is said, with the command that gets it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.utils import is_accelerate_available
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from safetensors import SafetensorError

from vdequant.errors import ModelError
from vdequant.models.pretrained_bases import LatentBase, PixelBase, PretrainedBase

INDEX = "model_index.json"
WEIGHTS = "diffusion_pytorch_model"
SCHEDULE = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type")
DEFAULTS = {"num_train_timesteps": 1000, "prediction_type": "epsilon"}  # of the schedulers of diffusers
PREDICTED = ("epsilon", "v_prediction", "sample")


def find_base(name: str) -> Path:
    """The folder of a base.

    Args:
        name: "organization/model", which was downloaded before; or a folder.

    Raises:
        ModelError: there is none.
    """
    folder = Path(name)
    if (folder / INDEX).is_file():
        return folder
    if folder.is_dir():
        raise ModelError(f"expected a model of diffusers in the folder {name}, found no {INDEX}")
    try:
        found = try_to_load_from_cache(name, INDEX)
    except HFValidationError as error:
        raise ModelError(
            f"expected a base like stabilityai/stable-diffusion-2-1-base or a folder, got {name}"
        ) from error
    if not isinstance(found, str):
        raise ModelError(
            f"expected the base {name} in the Hugging Face cache, found none; check the name, "
            f"or get it once: hf download {name}"
        )
    return Path(found).parent


def _facts(path: Path) -> dict[str, Any]:
    """What a JSON file says."""
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return read
    except (OSError, ValueError) as error:
        why = "none" if isinstance(error, FileNotFoundError) else "a file that cannot be read"
        raise ModelError(f"expected the facts of a base in {path}, found {why}; download the base again") from error


def index_of(folder: Path) -> dict[str, str]:
    """The class of each part of a base."""
    return {part: made[1] for part, made in _facts(folder / INDEX).items() if isinstance(made, list) and made[1]}


def _variant(folder: Path) -> str | None:
    """Which of the files of weights there is: many caches hold those in half precision alone."""
    whole = any(folder.glob(f"{WEIGHTS}.safetensors*"))
    return "fp16" if not whole and any(folder.glob(f"{WEIGHTS}*.fp16*.safetensors")) else None


def _part(folder: Path, part: str, kind: Any) -> Any:
    """A network of a base as float32 on the CPU."""
    where = folder / part
    try:
        net, report = kind.from_pretrained(
            str(where),
            local_files_only=True,
            use_safetensors=True,  # pickles could run code
            variant=_variant(where),
            low_cpu_mem_usage=is_accelerate_available(),
            output_loading_info=True,
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"expected the weights of a base in {where}, cannot read them ({type(error).__name__}); download it again"
        ) from error
    if report["missing_keys"]:
        count = len(report["missing_keys"])
        raise ModelError(f"expected the weights of a base in {where}, {count} tensors are missing; download it again")
    return net


def schedule_of(folder: Path) -> dict[str, Any]:
    """The noise of a base, of the folder of its scheduler: what all schedulers of diffusers understand of it."""
    facts = _facts(folder / "scheduler_config.json")
    schedule = {**DEFAULTS, **{key: facts[key] for key in SCHEDULE if key in facts}}
    if facts.get("rescale_betas_zero_snr"):
        schedule["rescale_betas_zero_snr"] = True
    if schedule["prediction_type"] not in PREDICTED:
        raise ModelError(
            f"expected a base that predicts {', '.join(PREDICTED)}, got {schedule['prediction_type']} in {folder}"
        )
    return schedule


def _check_text(name: str, config: Any) -> None:
    """Whether empty text is all that the U-Net is to be told; XL models want the picture's size and more."""
    wanted = config.addition_embed_type, config.encoder_hid_dim_type
    if wanted[0] not in (None, "text") or wanted[1] not in (None, "text_proj") or config.class_embeddings_concat:
        raise _other(name, f"a U-Net that is told {wanted[0] or wanted[1] or 'classes'}")


def _other(name: str, got: str) -> ModelError:
    return ModelError(f"expected DeepFloyd IF stage II or a Stable Diffusion 1 or 2 for --base, got {name}, {got}")


def read_base(name: str) -> PretrainedBase:
    """Load a base as float32 on the CPU, frozen.

    Args:
        name: see :func:`find_base`.

    Raises:
        ModelError: it is missing, damaged, or of a kind that is not known here.
    """
    return _read(name).eval().requires_grad_(False)


def _read(name: str) -> PretrainedBase:
    folder = find_base(name)
    index = index_of(folder)
    if index.get("unet") != "UNet2DConditionModel" or index.get("vae", "AutoencoderKL") != "AutoencoderKL":
        raise _other(name, f"made of {', '.join(sorted(index)) or 'nothing'}")
    unet = _part(folder, "unet", UNet2DConditionModel)
    config, schedule = unet.config, schedule_of(folder / "scheduler")
    _check_text(name, config)
    shape = f"a U-Net of {config.in_channels} to {config.out_channels} channels"
    if "vae" in index:
        autoencoder = _part(folder, "vae", AutoencoderKL)
        latent = autoencoder.config.latent_channels
        if (config.in_channels, config.out_channels) != (latent, latent) or unet.class_embedding is not None:
            raise _other(name, f"{shape} on latents of {latent}")
        return LatentBase(name, unet, schedule, autoencoder)
    if config.in_channels != 6 or config.out_channels not in (3, 6) or config.class_embed_type != "timestep":
        raise _other(name, shape)
    return PixelBase(name, unet, schedule, schedule_of(folder / "image_noising_scheduler"))
