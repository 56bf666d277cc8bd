from __future__ import annotations

import pytest
import torch

from vdequant.edits.palette_transfer import Requantizer
from vdequant.palette_error import MEASURED, palette_error


def test_a_picture_of_the_colors_that_were_asked_for_has_no_error() -> None:
    few = torch.randint(0, 2, (1, 3, 16, 16)).float()
    error, similar = palette_error(few, few, 8)
    assert error is None
    assert similar == pytest.approx(1)


def test_other_colors_show_and_small_pictures_have_no_ssim() -> None:
    stored = Requantizer(8).quantize(torch.rand(1, 3, 8, 8))
    error, similar = palette_error((stored + 0.1).clamp(0, 1), stored, 8)
    assert error == pytest.approx(20, abs=4)
    assert similar is None


def test_of_large_pictures_the_middle_counts() -> None:
    few = torch.randint(0, 2, (1, 3, 16, MEASURED + 40)).float()
    other = few.clone()
    other[..., :20] = 1 - other[..., :20]
    assert palette_error(other, few, 8)[0] is None
