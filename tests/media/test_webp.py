"""Animated WebP: pixels, durations, spans and damage."""

from __future__ import annotations

from pathlib import Path

import make
import numpy as np
import pytest
from PIL import Image

import vdequant
from vdequant.errors import InputError
from vdequant.frames import Frame
from vdequant.media.source import open_source
from vdequant.media.webp import WebpSource
from vdequant.settings import Settings

DURATIONS = (20, 40, 16, 100)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Four pictures of noise, lossless, shown for ``DURATIONS``."""
    pictures = [Image.fromarray(picture) for picture in noise()]
    pictures[0].save(
        tmp_path / "a.webp", save_all=True, append_images=pictures[1:], duration=list(DURATIONS), lossless=True
    )
    return tmp_path / "a.webp"


def noise() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (16, 24, 3)).astype(np.uint8) for _ in DURATIONS]


def read(path: Path, **settings: float) -> tuple[WebpSource, list[Frame]]:
    with open_source(str(path), Settings(**settings)) as source:  # type: ignore[arg-type]
        assert isinstance(source, WebpSource)
        return source, [item for item in source if isinstance(item, Frame)]


def test_pixels_and_durations_are_those_of_the_file(film: Path) -> None:
    source, frames = read(film)
    assert [(f.pts, f.duration) for f in frames] == [(0, 20), (20, 40), (60, 16), (76, 100)]
    assert source.info.frames == 4
    assert source.info.seconds == pytest.approx(0.176)
    assert source.warnings == []
    for frame, picture in zip(frames, noise(), strict=True):
        np.testing.assert_array_equal(np.stack([plane.numpy() for plane in frame.planes], -1), picture)


def test_a_span_starts_at_zero_and_ends_before_its_end(film: Path) -> None:
    _, frames = read(film, start=0.02, duration=0.05)
    assert [f.pts for f in frames] == [0, 40]
    np.testing.assert_array_equal(frames[0].planes[0].numpy(), noise()[1][..., 0])


def test_a_span_behind_the_end_is_refused(film: Path) -> None:
    with pytest.raises(InputError, match="ends before --start"):
        read(film, start=9)


def test_samples_are_spread_over_the_film(film: Path) -> None:
    with open_source(str(film), Settings()) as source:
        assert [frame.pts for frame in source.sample(2)] == [20, 76]


def test_transparency_is_reported(tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.full((16, 24, 4), value, np.uint8)) for value in (100, 200)]
    pictures[0].save(tmp_path / "a.webp", save_all=True, append_images=pictures[1:], duration=20, lossless=True)
    source, _ = read(tmp_path / "a.webp")
    assert len(source.warnings) == 1
    assert "transparency" in source.warnings[0]


def test_a_film_without_durations_still_opens(tmp_path: Path) -> None:
    make.animation(tmp_path / "a.webp", [0, 0])
    source, frames = read(tmp_path / "a.webp")
    assert [frame.pts for frame in frames] == [0, 0]
    assert source.info.rate == 60


def test_a_cut_off_film_is_refused_in_one_line(film: Path) -> None:
    film.write_bytes(film.read_bytes()[:1500])
    with pytest.raises(InputError, match="damaged") as caught:
        read(film)
    assert "\n" not in str(caught.value)


def test_it_is_restored_with_its_times(film: Path, tmp_path: Path) -> None:
    settings = Settings(restorer="identity", quantizer="none", lossless=True, bits=8, device="cpu")
    vdequant.restore(film, tmp_path / "out.mkv", settings)
    assert [round(1000 * at) for at in make.stamps(tmp_path / "out.mkv")] == [0, 20, 60, 76]
