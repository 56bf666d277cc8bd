"""``--base`` and ``--encoder``: large models from the user's own cache, which nothing is ever downloaded to."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_bases import KINDS, save_base, save_cached, save_encoder

from vdequant.errors import UsageError
from vdequant.settings import Settings

DRAWN = ("--restorer", "diffusion", "--quantizer", "palette:4", "--steps", "2", "--device", "cpu", "--workers", "1")
UNET = Path("unet", "diffusion_pytorch_model.safetensors")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of one's own, and no network."""

    def refused(*_: object) -> None:
        raise AssertionError("expected no connection")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(socket.socket, "connect", refused)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """32x32 in four colors."""
    y, x = np.mgrid[:32, :32]
    colors = np.array([(20, 30, 60), (90, 110, 80), (200, 180, 90), (250, 250, 240)], np.uint8)
    Image.fromarray(colors[(x + y) // 16]).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_restored_with_a_base_by_its_name(kind: str, photo: Path, tmp_path: Path, run: Any) -> None:
    save_cached(tmp_path / "hub", "someone/tiny", kind)
    encoder = save_encoder(tmp_path / "encoder.safetensors", "someone/tiny")
    outs = [tmp_path / f"out{number}.png" for number in range(3)]
    for out, seed in zip(outs, ("1", "1", "2"), strict=True):
        words = ("--base", "someone/tiny", "--encoder", encoder, "--seed", seed, "--json")
        assert json.loads(run(photo, "-o", out, *DRAWN, *words).out)["certificate"] == 1.0
    assert pixels(outs[0]).shape == (32, 32, 3)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert outs[0].read_bytes() != outs[2].read_bytes()


def test_an_encoder_of_a_folder_needs_no_name(photo: Path, tmp_path: Path, run: Any) -> None:
    encoder = save_encoder(tmp_path / "encoder.safetensors", str(save_base(tmp_path / "base", "latents")))
    assert run(photo, "-o", tmp_path / "out.png", *DRAWN, "--encoder", encoder).code == 0
    assert (tmp_path / "out.png").exists()


def test_colors_are_transferred_with_a_base(photo: Path, tmp_path: Path, run: Any) -> None:
    encoder = save_encoder(tmp_path / "encoder.safetensors", str(save_base(tmp_path / "base", "pixels")), "T")
    out, wish = tmp_path / "out.png", ("--from", "#102030,#f0e0d0,#805020,#208050", "--colors", "4")
    words = ("palette", photo, *wish, "-o", out, "--restorer", "diffusion", "--steps", "2", "--encoder", encoder)
    ran = run(*words, "--texture", "G")
    assert (ran.code, ran.err.count("\n"), out.exists()) == (1, 1, False)
    assert "expected an encoder for texture G" in ran.err
    ran = run(*words, "--texture", "T")
    assert ran.code == 0, ran.err
    assert pixels(out).shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--base", "someone/other"), "expected --encoder FILE"),
        (("--base", "someone/other", "--encoder", "{good}"), "expected the base someone/other"),
        (("--base", "no name", "--encoder", "{good}"), "expected a base like"),
        (("--base", "{base}", "--encoder", "{cut}"), "another or a damaged file"),
        (("--base", "{broken}", "--encoder", "{good}"), "expected the weights of a base"),
        (("--base", "{base}", "--encoder", "nowhere.safetensors"), "does not exist"),
    ],
)
def test_what_is_wrong_is_one_line(words: tuple[str, ...], said: str, photo: Path, tmp_path: Path, run: Any) -> None:
    base, broken = save_base(tmp_path / "base", "pixels"), save_base(tmp_path / "broken", "pixels")
    (broken / UNET).write_bytes((broken / UNET).read_bytes()[:5000])
    good, cut = save_encoder(tmp_path / "good.safetensors", str(base)), tmp_path / "cut.safetensors"
    cut.write_bytes(good.read_bytes()[:-9])
    given = [word.format(base=base, broken=broken, good=good, cut=cut) for word in words]
    ran = run(photo, "-o", tmp_path / "out.png", "-q", *DRAWN, *given)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


def test_a_base_is_for_diffusion_alone() -> None:
    for given in ({"base": "someone/tiny"}, {"encoder": "file.safetensors"}):
        with pytest.raises(UsageError, match="--base and --encoder expect --restorer diffusion, got auto"):
            Settings(**given)
    assert Settings(restorer="diffusion", base="someone/tiny").base == "someone/tiny"
