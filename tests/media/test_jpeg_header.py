"""A JPEG's header tells the steps in reading order, the chroma, and what its cells could not be used for."""

from __future__ import annotations

import io
from typing import Any

import cv2
import make
import numpy as np
import pytest
from PIL import Image

from vdequant.media.jpeg_header import read_coding, zigzag
from vdequant.quantizers.jpeg_codec import tables_of


def saved(mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(make.grained(0)).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("quality", [1, 30, 95])
def test_opencvs_tables_are_those_of_its_quality_in_reading_order(quality: int) -> None:
    coding = read_coding(cv2.imencode(".jpg", make.grained(0), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    assert coding is not None
    luma, chroma = tables_of(quality)
    assert coding.luma == tuple(int(step) for step in luma.flatten())
    assert coding.chroma == tuple(int(step) for step in chroma.flatten())
    assert (coding.subsampling, coding.trouble, coding.width, coding.height) == ("420", "", 48, 48)


def test_zigzag_begins_as_the_standard_draws_it() -> None:
    assert zigzag()[:10] == (0, 1, 8, 16, 9, 2, 3, 10, 17, 24)
    assert sorted(zigzag()) == list(range(64))


def test_tables_that_are_not_symmetric_are_not_transposed() -> None:
    steps = list(range(1, 65))
    coding = read_coding(saved(qtables=[steps, steps[::-1]], subsampling=0))
    assert coding is not None
    assert (coding.luma, coding.chroma, coding.subsampling) == (tuple(steps), tuple(steps[::-1]), "444")


@pytest.mark.parametrize(("subsampling", "name"), [(0, "444"), (1, "422"), (2, "420")])
@pytest.mark.parametrize("progressive", [False, True])
def test_subsampling_is_told_of_plain_and_progressive_files(subsampling: int, name: str, progressive: bool) -> None:
    coding = read_coding(saved(subsampling=subsampling, progressive=progressive))
    assert coding is not None
    assert (coding.subsampling, coding.trouble, coding.gray) == (name, "", False)


def test_gray_has_one_table() -> None:
    coding = read_coding(saved("L", quality=20))
    assert coding is not None
    assert coding.gray
    assert coding.chroma == coding.luma


def test_print_rgb_and_other_subsamplings_are_trouble() -> None:
    tall = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x121111]
    others = cv2.imencode(".jpg", make.grained(0), tall)[1].tobytes()
    found = [read_coding(data) for data in (saved("CMYK"), saved(keep_rgb=True), others)]
    words = ["4 colors", "RGB without", "neither 4:4:4"]
    assert all(coding is not None and word in coding.trouble for coding, word in zip(found, words, strict=True))


def test_what_is_no_jpeg_or_is_cut_off_has_no_coding() -> None:
    data = saved()
    assert read_coding(b"") is None
    assert read_coding(b"\x89PNG\r\n") is None
    for size in (2, 20, 60, 150):
        assert read_coding(data[:size]) is None
    assert read_coding(b"\xff\xd8" + np.random.default_rng(0).bytes(300)) is None
