"""Clean pictures on disk, and the engine that measures with one CPU thread."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from make import grained
from PIL import Image

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
