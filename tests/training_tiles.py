"""Tiles to train on, and the folders that they lie in; and a training that is killed again and again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vdequant.training.data import SIDE

HELD = "picture39"  # a name whose checksum puts it on the validation side


def smooth_tile(seed: int, knots: int = 6) -> np.ndarray:
    """A smooth random picture ``(256, 256, 3)`` uint8; the more ``knots``, the more happens in it."""
    small = np.random.default_rng(seed).integers(0, 256, (knots, knots, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def fill(folder: Path, count: int, knots: int = 6) -> Path:
    """Write ``count`` tiles to learn from, and one to be scored on, into ``folder``, and return it."""
    for name, seed in [*((f"picture{i}", i) for i in range(count)), (HELD, 9)]:
        Image.fromarray(smooth_tile(seed, knots)).save(folder / f"{name}_0.webp", lossless=True)
    return folder


def kill_and_resume(start: Callable[[], subprocess.Popen[bytes]], waits: Sequence[float], limit: float) -> int:
    """Start a training and kill it after each of ``waits`` seconds; then let it end, and return its exit code."""
    for wait in waits:
        run = start()
        try:
            run.wait(wait)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
    return start().wait(limit)
