from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import vdequant
from vdequant.errors import InputError
from vdequant.masking import read_mask


def white_left_half(path: Path, width: int, height: int) -> Path:
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    cv2.imwrite(str(path), mask)
    return path


def coarse_ramp(path: Path) -> np.ndarray:
    """A ramp of 8 levels, 48 x 32 pixels; written and returned, ``(32, 48, 3)``."""
    ramp = np.linspace(0, 1, 48, dtype=np.float32)[None, :, None].repeat(32, 0).repeat(3, 2)
    stored = ((np.floor(ramp * 7.999) + 0.5) / 8 * 255).round().astype(np.uint8)
    cv2.imwrite(str(path), stored)
    return stored


def test_the_lightest_channel_of_a_mask_counts(tmp_path: Path) -> None:
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[0, 0] = (0, 255, 0)
    cv2.imwrite(str(tmp_path / "mask.png"), picture)
    mask = read_mask(str(tmp_path / "mask.png"), 3, 2)
    assert mask.shape == (1, 1, 2, 3)
    assert mask.flatten().tolist() == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("scale", [1, 3])
def test_what_is_white_in_the_mask_stays_and_the_rest_is_restored(tmp_path: Path, scale: int) -> None:
    stored = coarse_ramp(tmp_path / "in.png").repeat(scale, 0).repeat(scale, 1)
    cv2.imwrite(str(tmp_path / "in.png"), stored)
    mask = white_left_half(tmp_path / "mask.png", 48 * scale, 32 * scale)
    settings = vdequant.Settings(restorer="deband", quantizer="m=8", mask=str(mask), device="cpu")
    vdequant.restore(str(tmp_path / "in.png"), str(tmp_path / "out.png"), settings)
    restored = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED).astype(np.float64) / 65535
    half = 24 * scale
    np.testing.assert_allclose(restored[:, :half], stored[:, :half] / 255, atol=1e-5)
    assert np.abs(restored[:, half:] - stored[:, half:] / 255).max() > 0.01


def test_a_mask_of_another_size_is_refused_in_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    coarse_ramp(tmp_path / "in.png")
    mask = white_left_half(tmp_path / "mask.png", 10, 10)
    with pytest.raises(InputError, match=r"expected a --mask of 48x32 pixels.*got 10x10"):
        vdequant.restore(str(tmp_path / "in.png"), str(tmp_path / "o.png"), vdequant.Settings(mask=str(mask)))
    assert not (tmp_path / "o.png").exists()


def test_a_missing_mask_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.png"):
        read_mask(str(tmp_path / "none.png"), 4, 4)


def test_masks_may_be_soft(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), np.full((4, 4), 51, np.uint8))
    assert torch.allclose(read_mask(str(tmp_path / "mask.png"), 4, 4), torch.tensor(0.2))
