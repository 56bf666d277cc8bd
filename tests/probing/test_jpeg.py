from __future__ import annotations

from pathlib import Path

import cv2
import make
import numpy as np
import pytest
import torch
from PIL import Image

from vdequant.media.jpeg_header import read_coding
from vdequant.probing.jpeg import Jpeg, blind, of_coding


def rough(side: int = 160) -> np.ndarray:
    """A picture with structure at all scales, as photographs have it."""
    random = np.random.default_rng(4)
    noise = sum(cv2.resize(random.normal(0, 30, (n, n)), (side, side)) for n in (5, 10, 20, 40, 80))
    return np.repeat((128 + noise)[:, :, None], 3, 2).clip(0, 255).astype(np.uint8)


def of_header(path: Path) -> Jpeg:
    """What the header of a JPEG file says."""
    coding = read_coding(path.read_bytes())
    assert coding is not None
    return of_coding(coding)


@pytest.mark.parametrize("quality", [10, 50, 75, 95])
def test_the_quality_of_a_file_is_read_from_its_tables(tmp_path: Path, quality: int) -> None:
    Image.fromarray(make.grained(0)).save(tmp_path / "a.jpg", quality=quality, subsampling=2)
    found = of_header(tmp_path / "a.jpg")
    assert (found.quality, found.sampling, found.blind) == (quality, "4:2:0", False)


@pytest.mark.parametrize("quality", [10, 25, 40])
def test_grid_and_quality_of_a_decoded_and_cropped_picture_are_found(quality: int) -> None:
    decoded = cv2.imdecode(cv2.imencode(".jpg", rough(), [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)
    found = blind([torch.from_numpy(decoded[3:, 5:].copy())])
    assert found is not None
    assert found.blind
    assert found.offset == (3, 5)
    assert abs(found.quality - quality) <= 2


def test_a_picture_that_was_never_a_jpeg_shows_no_grid() -> None:
    assert blind([torch.from_numpy(rough()[:, :, 0])]) is None


def test_tables_of_another_make_are_said_to_be_about_a_quality(tmp_path: Path) -> None:
    Image.fromarray(make.grained(0)).save(tmp_path / "a.jpg", qtables="web_low", subsampling=0)
    found = of_header(tmp_path / "a.jpg")
    assert not found.standard
    assert (20 <= found.quality <= 60, found.sampling) == (True, "4:4:4")
