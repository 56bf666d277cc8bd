from __future__ import annotations

import make
import numpy as np
import pytest
import torch
from gifs import as_gif

from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.ordered import is_shaded, ordered_dither
from vdequant.quantizers.uniform import UniformQuantizer

PICTURE = torch.from_numpy(make.grained(0, 64)).permute(2, 0, 1)[None] / 255


def dithered(kind: str, levels: int) -> torch.Tensor:
    return DitherQuantizer(UniformQuantizer.of_levels(levels), kind).quantize(PICTURE)[0]


def luma_of(picture: torch.Tensor) -> np.ndarray:
    return (picture.mean(0) * 255).numpy()


@pytest.mark.parametrize("levels", [2, 4])
@pytest.mark.parametrize("kind", ["bayer2", "bayer4", "bayer8", "checkerboard", "column", "playstation"])
def test_the_pattern_is_named(kind: str, levels: int) -> None:
    assert ordered_dither([luma_of(dithered(kind, levels))]) == kind


def test_the_pattern_may_begin_anywhere() -> None:
    assert ordered_dither([luma_of(dithered("bayer4", 4)[:, 3:, 1:].contiguous())]) == "bayer4"


@pytest.mark.parametrize("kind", ["fs", "bluenoise"])
def test_other_dither_has_no_pattern(kind: str) -> None:
    assert ordered_dither([luma_of(dithered(kind, 4))]) == ""


def test_plain_levels_and_flat_pictures_have_no_pattern() -> None:
    assert ordered_dither([luma_of(UniformQuantizer.of_levels(4).quantize(PICTURE)[0])]) == ""
    assert ordered_dither([luma_of(torch.zeros(3, 64, 64))]) == ""
    assert ordered_dither([]) == ""


def test_patterns_of_machines_are_shades_and_checkers_are_not() -> None:
    assert is_shaded([dithered("bayer4", 4)])
    assert is_shaded([dithered("playstation", 4)])
    assert not is_shaded([dithered("checkerboard", 4)])
    assert not is_shaded([])


def mid_gray_at_one_bit(kind: str) -> torch.Tensor:
    """Shades near the middle in black and white, most of which a checkerboard shows: ``(3, 96, 96)``."""
    truth = torch.linspace(0.34, 0.66, 96).expand(1, 3, 96, -1).contiguous()
    return DitherQuantizer(UniformQuantizer([[0, 1]] * 3), kind).quantize(truth)[0]


@pytest.mark.parametrize("kind", ["bayer2", "bayer4", "bayer8"])
def test_shades_of_two_colors_are_told_from_the_checkerboard_that_most_of_them_are(kind: str) -> None:
    assert is_shaded([mid_gray_at_one_bit(kind)])
    assert ordered_dither([luma_of(mid_gray_at_one_bit("checkerboard"))]) == "checkerboard"


@pytest.mark.parametrize("colors", [16, 64, 256])
@pytest.mark.parametrize("scale", [0, 1, 2])
def test_the_pattern_of_gifs_that_ffmpeg_made_is_found_at_any_number_of_colors(colors: int, scale: int) -> None:
    assert is_shaded([as_gif(PICTURE[0], colors, f"bayer:bayer_scale={scale}")])


@pytest.mark.parametrize("colors", [16, 64, 256])
def test_the_same_gifs_without_a_pattern_have_none(colors: int) -> None:
    assert not is_shaded([as_gif(PICTURE[0], colors, "none")])
    assert not is_shaded([as_gif(PICTURE[0], colors, "sierra2_4a")])
