"""Videos of palettes that come beside the first packet alone: wherever reading begins, colors are those stored."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vdequant.frames import Frame
from vdequant.media.ffmpeg_cli import find_ffmpeg
from vdequant.media.source import open_source
from vdequant.settings import Settings

COUNT = 12  # pictures, 20 ms each
KINDS = ["rawvideo:avi", "rawvideo:mov", "smc:mov", "msrle:avi", "zmbv:avi", "png:avi"]


def _index(number: int) -> np.ndarray:
    return (np.arange(16 * 24).reshape(16, 24) // 3 + number) % 4 + 1


def _colors() -> np.ndarray:
    return np.array([[0, 0, 0], [250, 1, 2], [3, 254, 5], [6, 7, 253], [200, 201, 90]], np.uint8)


def _write(path: Path, codec: str) -> None:
    """Pictures of four colors, of which none is black."""
    colors = _colors().astype(np.uint32)
    with av.open(str(path), "w") as out:
        film = out.add_stream(codec, rate=50)
        film.width, film.height, film.pix_fmt = 24, 16, "pal8"
        for number in range(COUNT):
            frame = av.VideoFrame(24, 16, "pal8")
            words = np.frombuffer(frame.planes[1], np.uint32)
            words[:] = 0xFF000000
            words[:5] |= (colors[:, 0] << 16) | (colors[:, 1] << 8) | colors[:, 2]
            np.frombuffer(frame.planes[0], np.uint8).reshape(16, -1)[:, :24] = _index(number)
            frame.pts, frame.time_base = number, Fraction(1, 50)
            out.mux(film.encode(frame))
        out.mux(film.encode(None))


def _shown(frame: Frame) -> np.ndarray:
    return np.stack([plane.numpy() for plane in frame.planes], -1)


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    codec, suffix = request.param.split(":")
    _write(tmp_path / f"in.{suffix}", codec)
    return tmp_path / f"in.{suffix}"


def test_pictures_after_start_have_their_colors(path: Path) -> None:
    with open_source(str(path), Settings(start=0.1)) as source:
        shown = [_shown(item) for item in source if isinstance(item, Frame)]
    assert len(shown) == COUNT - 5
    assert all(np.array_equal(pixels, _colors()[_index(number + 5)]) for number, pixels in enumerate(shown))


def test_samples_have_their_colors(path: Path) -> None:
    with open_source(str(path), Settings()) as source:
        sampled = source.sample(4)
    numbers = [round(frame.pts * frame.time_base * 50) for frame in sampled]
    assert len(set(numbers)) == 4
    assert all(np.array_equal(_shown(f), _colors()[_index(n)]) for f, n in zip(sampled, numbers, strict=True))


def test_a_palette_that_changes_holds_until_the_next_change(tmp_path: Path) -> None:
    """AVI says changes in chunks of their own, which a jump would leave out."""
    words = [find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", "color=red:s=24x16:r=50:d=0.12"]
    words += ["-f", "lavfi", "-i", "color=lime:s=24x16:r=50:d=0.12", "-lavfi", "concat,split[a][b];[a]palettegen="]
    words[-1] += "stats_mode=single:max_colors=4:reserve_transparent=0[p];[b][p]paletteuse=new=1"
    subprocess.run([*words, "-c:v", "rawvideo", "-pix_fmt", "pal8", tmp_path / "in.avi"], check=True)
    with open_source(str(tmp_path / "in.avi"), Settings(start=0.2)) as source:
        shown = [_shown(item) for item in source if isinstance(item, Frame)]
    assert shown
    assert all((pixels[..., 1] > 250).all() and (pixels[..., 0] < 5).all() for pixels in shown)
