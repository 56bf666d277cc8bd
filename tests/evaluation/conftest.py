"""Clean pictures on disk, the engine that measures with one CPU thread, and tiny diffusion models."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from make import grained
from PIL import Image

from vdequant.evaluation.diffusion_answers import Models
from vdequant.evaluation.diffusion_scenes import Scene, find_scenes
from vdequant.models.denoiser import Embedded
from vdequant.models.diffusion import TINY, Base, Encoder
from vdequant.schedule.device import Engine


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of two clean pictures, one of them WebP."""
    folder = tmp_path / "clean"
    folder.mkdir()
    Image.fromarray(grained(1)).save(folder / "a.png")
    Image.fromarray(grained(2, 40)).save(folder / "b.webp", lossless=True)
    return folder


@pytest.fixture
def engine() -> Engine:
    """One thread, float32."""
    return Engine(torch.device("cpu"), torch.float32, 1)


@pytest.fixture(scope="session")
def tiny_diffusion() -> Callable[[str], Embedded]:
    """Makes a diffusion model of few channels and random weights for a texture."""
    torch.manual_seed(1)
    base = Base(TINY).requires_grad_(False)

    def make(kind: str) -> Embedded:
        torch.manual_seed(ord(kind))
        encoder = Encoder(base)
        for parameter in encoder.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        return Embedded(kind, copy.deepcopy(base), encoder.requires_grad_(False))

    return make


@pytest.fixture
def models(engine: Engine, tiny_diffusion: Callable[[str], Embedded]) -> Models:
    """Three of them."""
    return Models(engine, tiny_diffusion)


@pytest.fixture
def scene(pictures: Path) -> Scene:
    """A picture of 48x48 pixels, and one of 40x40 beside it."""
    return find_scenes([pictures])[0]
