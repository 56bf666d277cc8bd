from __future__ import annotations

import make
import pytest
import torch

from vdequant.probing.ordered import ordered_dither
from vdequant.probing.views import as_view
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.uniform import UniformQuantizer

PICTURE = torch.from_numpy(make.grained(0, 64)).permute(2, 0, 1)[None] / 255


def dithered(kind: str, levels: int) -> torch.Tensor:
    return DitherQuantizer(UniformQuantizer.of_levels(levels), kind).quantize(PICTURE)[0]


@pytest.mark.parametrize("levels", [2, 4])
@pytest.mark.parametrize("kind", ["bayer2", "bayer4", "bayer8", "checkerboard", "column"])
def test_the_pattern_is_named(kind: str, levels: int) -> None:
    assert ordered_dither([as_view(dithered(kind, levels))]) == kind


def test_the_pattern_may_begin_anywhere() -> None:
    assert ordered_dither([as_view(dithered("bayer4", 4)[:, 3:, 1:].contiguous())]) == "bayer4"


@pytest.mark.parametrize("kind", ["fs", "bluenoise"])
def test_other_dither_has_no_pattern(kind: str) -> None:
    assert ordered_dither([as_view(dithered(kind, 4))]) == ""


def test_plain_levels_and_flat_pictures_have_no_pattern() -> None:
    assert ordered_dither([as_view(UniformQuantizer.of_levels(4).quantize(PICTURE)[0])]) == ""
    assert ordered_dither([as_view(torch.zeros(3, 64, 64))]) == ""
    assert ordered_dither([]) == ""
