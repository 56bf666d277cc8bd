"""Clips and a way to run the program, for the tests of the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from PIL import Image

from vdequant.cli.main import main

WIDTH, HEIGHT = 48, 32


class Ran(NamedTuple):
    """What a run gave."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def picture(moment: int) -> np.ndarray:
    """A moving gradient in 32 levels a channel, ``(HEIGHT, WIDTH, 3)`` uint8."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rgb = np.stack([(x * 3 + moment) % 256, y * 5, (x + y + moment * 2) % 256], -1) / 255
    level = np.round(rgb * 31).astype(np.uint8)
    return level << 3 | level >> 2


def write_clip(path: Path, frames: int = 8) -> Path:
    """A lossless clip at 60 frames a second with a quarter of a second of sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=60)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        sound = container.add_stream("flac", rate=48000, layout="mono")
        for moment in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(moment), format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = moment, Fraction(1, 60)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        beep = av.AudioFrame.from_ndarray(np.zeros((1, 12000), np.int16), format="s16", layout="mono")
        beep.sample_rate, beep.pts = 48000, 0
        for part in (
            *(resampler := av.AudioResampler("s16", "mono", 48000, 4096)).resample(beep),
            *resampler.resample(None),
        ):
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip of 8 frames, 5 bits a channel."""
    return write_clip(tmp_path / "clip.mkv")


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """A clip that takes longer to restore than to interrupt, and is too short for segments to be kept."""
    return write_clip(tmp_path / "long.mkv", frames=1790)


@pytest.fixture
def still(tmp_path: Path) -> Path:
    """One picture."""
    Image.fromarray(picture(0)).save(tmp_path / "still.png")
    return tmp_path / "still.png"


@pytest.fixture
def frames_folder(tmp_path: Path) -> Path:
    """Three numbered pictures, the last with more digits."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for moment in (1, 2, 10):
        Image.fromarray(picture(moment)).save(folder / f"f{moment}.png")
    return folder


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the program in this process; captures what libraries print by themselves, too."""

    def call(*words: object) -> Ran:
        capfd.readouterr()
        code = main([str(word) for word in words])
        return Ran(code, *capfd.readouterr())

    return call


@pytest.fixture
def run_process() -> Run:
    """Run the program in a process of its own."""

    def call(*words: object) -> Ran:
        command = [sys.executable, "-m", "vdequant", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    return call
