"""Bases of others are found by name in the cache or in a folder, and what is wrong with them is said in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from tiny_bases import save_base, save_cached, stable

from vdequant.errors import ModelError
from vdequant.models.pretrained_bases import LatentBase, PixelBase
from vdequant.models.pretrained_files import find_base, index_of, read_base, schedule_of

NAME = "someone/tiny"
UNET = Path("unet", "diffusion_pytorch_model.safetensors")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hugging Face cache of one's own; HF_HOME is read but once, when the package is imported."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base of each kind, which is not to be changed."""
    folder = tmp_path_factory.mktemp("saved")
    for kind in ("pixels", "latents"):
        save_base(folder / kind, kind)
    return folder


@pytest.fixture
def mine(saved: Path, tmp_path: Path) -> Path:
    """A base in latents that may be damaged."""
    return Path(shutil.copytree(saved / "latents", tmp_path / "mine"))


def test_a_name_is_looked_up_in_the_cache(cache: Path) -> None:
    folder = save_cached(cache, NAME, "pixels")
    assert find_base(NAME) == folder
    assert isinstance(read_base(NAME), PixelBase)


def test_a_folder_is_taken_as_it_is(saved: Path) -> None:
    base = read_base(str(saved / "latents"))
    assert isinstance(base, LatentBase)
    assert (base.factor, base.channels, base.multiple, base.name) == (2, 4, 4, str(saved / "latents"))
    assert not any(parameter.requires_grad for parameter in base.parameters())
    assert not base.training


def test_the_weights_are_those_of_the_file(mine: Path) -> None:
    net = stable()
    net.save_pretrained(str(mine / "unet"))
    assert torch.equal(read_base(str(mine)).unet.conv_in.weight, net.conv_in.weight)


def test_weights_in_half_precision_alone_are_enough(mine: Path) -> None:
    (mine / UNET).unlink()
    stable().half().save_pretrained(str(mine / "unet"), variant="fp16")
    assert read_base(str(mine)).unet.dtype == torch.float32


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing"])
def test_what_is_not_in_the_cache_is_said_with_the_remedy(name: str) -> None:
    with pytest.raises(ModelError, match=f"expected the base {name} .* hf download {name}"):
        read_base(name)


def test_what_is_no_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected a base like .*, got a b"):
        find_base("a b//c")
    with pytest.raises(ModelError, match=r"found no model_index\.json"):
        find_base(str(tmp_path))


def test_damaged_weights_are_one_line(mine: Path) -> None:
    whole = (mine / UNET).read_bytes()
    (mine / UNET).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"cannot read them \(.*\); download it again") as caught:
        read_base(str(mine))
    assert "\n" not in str(caught.value)


def test_missing_files_are_one_line(mine: Path) -> None:
    shutil.rmtree(mine / "vae")
    with pytest.raises(ModelError, match=r"expected the weights of a base in .*vae"):
        read_base(str(mine))


def test_missing_tensors_are_counted(mine: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(str(mine / UNET))
    del tensors["conv_in.weight"], tensors["conv_in.bias"]
    save_file(tensors, str(mine / UNET), metadata={"format": "pt"})
    with pytest.raises(ModelError, match="2 tensors are missing"):
        read_base(str(mine))


def test_pickles_are_not_read(mine: Path) -> None:
    (mine / UNET).unlink()
    stable().save_pretrained(str(mine / "unet"), safe_serialization=False)
    with pytest.raises(ModelError, match="cannot read them"):
        read_base(str(mine))


def test_a_damaged_index_is_one_line(mine: Path) -> None:
    (mine / "model_index.json").write_text('{"unet": ')
    with pytest.raises(ModelError, match="found a file that cannot be read"):
        read_base(str(mine))


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"in_channels": 9}, "a U-Net of 9 to 4 channels on latents of 4"),
        ({"addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 8},
         "a U-Net that is told text_time"),
        ({"num_class_embeds": 3}, "a U-Net of 4 to 4 channels on latents of 4"),
    ],
    ids=["inpainting", "xl", "classes"],
)  # fmt: skip
def test_other_u_nets_are_refused(mine: Path, changes: dict[str, int], got: str) -> None:
    stable(**changes).save_pretrained(str(mine / "unet"))
    with pytest.raises(ModelError, match=f"expected DeepFloyd IF stage II or a Stable Diffusion 1 or 2 .*{got}"):
        read_base(str(mine))


def test_pixel_bases_that_do_not_enlarge_are_refused(mine: Path) -> None:
    index = json.loads((mine / "model_index.json").read_text())
    (mine / "model_index.json").write_text(json.dumps({"unet": index["unet"]}))
    with pytest.raises(ModelError, match="a U-Net of 4 to 4 channels"):
        read_base(str(mine))


def test_transformers_that_draw_are_refused(mine: Path) -> None:
    (mine / "model_index.json").write_text('{"transformer": ["diffusers", "SD3Transformer2DModel"], "vae": ["d", "A"]}')
    with pytest.raises(ModelError, match="made of transformer, vae"):
        read_base(str(mine))


def test_the_index_names_the_parts_that_are_there(mine: Path) -> None:
    assert index_of(mine) == {"unet": "UNet2DConditionModel", "scheduler": "PNDMScheduler", "vae": "AutoencoderKL"}


def test_a_schedule_is_what_every_scheduler_understands(tmp_path: Path) -> None:
    facts = {"beta_schedule": "scaled_linear", "beta_end": 0.01, "skip_prk_steps": True, "rescale_betas_zero_snr": True}
    (tmp_path / "scheduler_config.json").write_text(json.dumps({**facts, "prediction_type": "v_prediction"}))
    assert schedule_of(tmp_path) == {
        "num_train_timesteps": 1000,
        "beta_schedule": "scaled_linear",
        "beta_end": 0.01,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
    }


def test_a_base_that_predicts_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scheduler_config.json").write_text('{"prediction_type": "flow_prediction"}')
    with pytest.raises(ModelError, match=r"expected a base that predicts epsilon, .* got flow_prediction"):
        schedule_of(tmp_path)
