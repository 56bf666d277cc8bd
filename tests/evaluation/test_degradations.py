"""The protocols, each against an independent statement of it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from make import grained, rgb8
from PIL import Image

from vdequant.errors import UsageError
from vdequant.evaluation.degradations import parse_degradation, to_codes, to_tensor

WORDS = [
    "m=2",
    "m=16",
    "m=13",
    "m=4+bayer4",
    "5-5-5",
    "chroma:420",
    "gray:otsu",
    "3-3-2",
    "palette:4",
    "palette:16+fs",
    "jpeg:10",
    "x264:30",
]
ALL_CODES = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)


@pytest.mark.parametrize("text", WORDS)
def test_every_word_keeps_the_shape_and_loses_something(text: str) -> None:
    truth = np.stack([grained(1), grained(2)])
    stored = parse_degradation(text).apply(truth)
    assert stored.pictures.shape == truth.shape
    assert stored.pictures.dtype == np.uint8
    assert not np.array_equal(stored.pictures, truth)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6])
def test_levels_are_the_floor_with_the_middle_of_the_step(bits: int) -> None:
    step = 1 << (8 - bits)
    stored = parse_degradation(f"m={1 << bits}").apply(ALL_CODES)
    assert np.array_equal(stored.pictures, ALL_CODES // step * step + step // 2)


@pytest.mark.parametrize("text", ["m=2", "m=4", "m=8", "m=16", "m=32", "m=64", "5-5-5", "5-6-5/floor", "4-4-4/shift"])
def test_the_truth_lies_in_the_cells_of_the_stored_codes(text: str) -> None:
    stored = parse_degradation(text).apply(ALL_CODES)
    assert bool(stored.cells().contains(to_tensor(ALL_CODES)).all())
    assert bool(stored.cells().contains(stored.tensor()).all())


def test_a_palette_is_pillows_median_cut_of_the_whole_picture() -> None:
    picture = grained(3)
    expected = Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=16, dither=0).convert("RGB")
    stored = parse_degradation("palette:16").apply(picture[None])
    assert np.array_equal(stored.pictures[0], np.asarray(expected))
    assert not stored.dithered
    assert not stored.cells().dithered


def test_floyd_steinberg_takes_the_colors_of_the_plain_cut() -> None:
    picture = grained(3)
    plain = Image.fromarray(picture).quantize(16, method=0)
    expected = Image.fromarray(picture).quantize(palette=plain, dither=3).convert("RGB")
    stored = parse_degradation("palette:16+fs").apply(picture[None])
    assert np.array_equal(stored.pictures[0], np.asarray(expected))
    assert stored.cells().dithered


def test_a_clip_has_one_palette() -> None:
    truth = np.stack([grained(seed) for seed in range(4)])
    for text in ("palette:8", "palette:8+fs"):
        stored = parse_degradation(text).apply(truth)
        assert len(np.unique(stored.pictures.reshape(-1, 3), axis=0)) <= 8


def test_a_palette_file_gives_its_colors(tmp_path: Path) -> None:
    (tmp_path / "two.hex").write_text("000000\nffffff\n")
    stored = parse_degradation(f"palette:{tmp_path / 'two.hex'}").apply(grained(1)[None])
    assert set(np.unique(stored.pictures)) == {0, 255}


def test_jpeg_keeps_its_file_beside_what_libjpeg_shows() -> None:
    stored = parse_degradation("jpeg:10").apply(grained(1)[None])
    shown = np.asarray(Image.open(io.BytesIO(stored.files[0])))
    assert np.array_equal(stored.pictures[0], shown)


def test_codes_and_tensors_are_a_round_trip() -> None:
    assert np.array_equal(to_codes(to_tensor(rgb8()[None])), rgb8()[None])
    assert to_tensor(rgb8()[None]).dtype == torch.float32


@pytest.mark.parametrize("text", ["m=1", "m=257", "palette:1", "palette:257", "auto", "jpeg:0", "sepia", ""])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_degradation(text)
