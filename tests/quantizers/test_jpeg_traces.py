"""A decoded JPEG is known by its samples alone: tables, chroma and place of the blocks; other pictures are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from make import grained

from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.quantizers.jpeg_codec import Subsampling
from vdequant.quantizers.jpeg_traces import find_grid, find_jpeg, with_traces

FACTORS = {"444": 0x111111, "422": 0x211111, "420": 0x221111}


def photograph(side: int = 96) -> np.ndarray:
    """Colored structure at all scales, ``(side, side, 3)`` codes that are not cut."""
    random = np.random.default_rng(4)
    layers = [cv2.resize(random.normal(0, 22, (n, n, 3)), (side, side)) for n in (4, 8, 16, 32)]
    return (128 + sum(layers)).clip(1, 254).astype(np.uint8)


def decoded(quality: int, subsampling: str = "420", side: int = 96) -> torch.Tensor:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, FACTORS[subsampling]]
    shown = cv2.imdecode(cv2.imencode(".jpg", photograph(side), options)[1], cv2.IMREAD_COLOR)
    return torch.from_numpy(shown[..., ::-1].copy()).permute(2, 0, 1) / 255


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
@pytest.mark.parametrize("quality", [15, 75, 88])
def test_quality_and_chroma_of_a_decoded_picture_are_found(quality: int, subsampling: Subsampling) -> None:
    found = find_jpeg(decoded(quality, subsampling))
    assert found is not None
    assert (found.quality, found.subsampling, found.offset) == (quality, subsampling, (0, 0))
    assert not found.placing


@pytest.mark.parametrize("quality", [20, 80])
def test_a_cropped_picture_is_laid_onto_its_blocks(quality: int) -> None:
    picture = decoded(quality, side=160)[:, 11:, 5:]
    found = find_jpeg(picture)
    assert found is not None
    assert (found.quality, found.offset, found.placing.left, found.placing.top) == (quality, (11, 5), 5, 11)
    cells = JpegQuantizer(quality).cells(found.placing.onto_blocks(picture[None]))
    whole = JpegQuantizer(quality).cells(decoded(quality, side=160)[None])
    for cropped, true in zip(cells.coefficients.planes, whole.coefficients.planes, strict=True):
        assert torch.equal(cropped[:, 2:-2, 2:-2], true[:, 2:-2, 2:-2])


def test_pictures_that_were_never_a_jpeg_or_were_changed_since_are_not_taken_for_one() -> None:
    truth = torch.from_numpy(photograph()).permute(2, 0, 1) / 255
    assert find_jpeg(truth) is None
    assert find_jpeg((decoded(50) * 0.9 * 255).round() / 255) is None
    assert find_jpeg(torch.full((3, 64, 64), 0.5)) is None
    assert find_jpeg(truth[:, :16, :16]) is None


def test_a_grid_shows_in_coarse_pictures_only() -> None:
    lumas = [decoded(quality)[:, 3:, 6:].mean(0) * 255 for quality in (10, 97)]
    assert find_grid(lumas[:1]) == (2, 5)
    assert find_grid(lumas[1:]) is None


def test_the_finding_about_a_decoded_jpeg_gets_its_cells() -> None:
    picture = decoded(40)[:, :, 3:]
    finding = with_traces(estimate([picture], lossy_codec=False, stored_bits=8), picture)
    assert finding.kind == "jpeg"
    assert "quality 40, chroma 4:2:0 was decoded to, blocks from 13,0" in finding.description
    assert isinstance(finding.quantizer, JpegQuantizer)
    truth = torch.from_numpy(grained(1)).permute(2, 0, 1) / 255
    assert with_traces(estimate([truth], lossy_codec=False, stored_bits=8), truth).kind == "fine"
