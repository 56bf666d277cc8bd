"""Letters over dither are found and kept; dither itself, areas of one color and lines that a restorer moves are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.mean_cells import dithered_cells
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.strokes import kept_strokes, strokes
from vdequant.quantizers.uniform import UniformQuantizer

KINDS = ["bayer2", "bayer4", "bayer8", "checkerboard", "knoll4", "fs"]
GRAYS = PaletteQuantizer(torch.tensor([0.0, 60, 130, 180, 255])[:, None].expand(-1, 3) / 255)
# Red, green and blue of white, of yellow and of black letters
INKS = {"white": (1.0, 1.0, 1.0), "yellow": (1.0, 1.0, 0.0), "black": (0.0, 0.0, 0.0)}
CELLS = dithered_cells(GRAYS.cells(torch.zeros(1, 3, 48, 120)))  # they say what kind of picture it is
RED = (224 / 255, 32 / 255, 32 / 255)


def ramp(low: float, high: float) -> torch.Tensor:
    """``(1, 3, 48, 120)``, darkest on the upper left."""
    down, across = torch.linspace(low, high, 48)[:, None], torch.linspace(low, high, 120)
    return ((down + across) / 2).expand(1, 3, -1, -1).contiguous()


def text() -> torch.Tensor:
    """``(1, 1, 48, 120)`` bool."""
    canvas, font = Image.new("1", (120, 48)), ImageFont.load_default_imagefont()
    for line in range(3):
        ImageDraw.Draw(canvas).text((6, 3 + 14 * line), "SCORE 0120 x3", fill=1, font=font)
    return torch.from_numpy(np.asarray(canvas).copy())[None, None]


def printed(y: torch.Tensor, ink: str) -> torch.Tensor:
    """``y`` with the text over it."""
    return torch.where(text(), torch.tensor(INKS[ink])[:, None, None], y)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("ink", "low", "high"), [("white", 0.1, 0.6), ("yellow", 0.1, 0.6), ("black", 0.4, 0.9)])
def test_letters_over_dither_are_found(kind: str, ink: str, low: float, high: float) -> None:
    found = strokes(printed(DitherQuantizer(GRAYS, kind).quantize(ramp(low, high)), ink))
    assert found[text()].float().mean() > 0.9
    assert found[~text()].float().mean() < 0.04


@pytest.mark.parametrize("kind", KINDS)
def test_red_letters_are_found_though_neither_darkest_nor_lightest(kind: str) -> None:
    sky = PaletteQuantizer(torch.tensor([[0.0, 0, 80], [40, 110, 200], [200, 230, 255]]) / 255)
    slope, offset = torch.tensor([[0.4, 0.7, 1.0], [0.0, 0.05, 0.2]])[..., None, None]
    shades = (slope * ramp(0.1, 1.0) + offset).clamp(0, 1)
    y = torch.where(text(), torch.tensor(RED)[:, None, None], DitherQuantizer(sky, kind).quantize(shades))
    found = strokes(y)
    assert found[text()].float().mean() > 0.9
    assert found[~text()].float().mean() < 0.04


def test_a_dot_is_found_among_letters_and_not_alone() -> None:
    y = DitherQuantizer(GRAYS, "bayer4").quantize(ramp(0.1, 0.6))
    alone, among = y.clone(), printed(y, "white")
    row, column = 8, 38  # between two letters
    for picture in (alone, among):
        picture[..., row, column] = 1.0
    neighbours = among[0, 0, row - 1 : row + 2, column - 1 : column + 2] == 1.0
    assert neighbours.sum() == 1
    assert strokes(among)[0, 0, row, column]
    assert not strokes(alone)[0, 0, row, column]


@pytest.mark.parametrize("kind", KINDS)
def test_dither_of_smooth_shades_has_no_strokes(kind: str) -> None:
    for inner in (GRAYS, UniformQuantizer.of_levels(4)):
        assert strokes(DitherQuantizer(inner, kind).quantize(ramp(0.0, 1.0))).float().mean() < 0.01


def test_areas_of_one_color_are_no_strokes() -> None:
    y = DitherQuantizer(GRAYS, "bayer4").quantize(ramp(0.1, 0.5))
    y[..., 10:20, 20:60] = 1.0
    assert not strokes(y)[..., 10:20, 20:60].any()


def test_only_what_the_restorer_nearly_left_alone_is_kept() -> None:
    y = printed(DitherQuantizer(GRAYS, "bayer4").quantize(ramp(0.1, 0.6)), "white")
    found = strokes(y)
    assert torch.equal(kept_strokes(y, y - 10 / 255, CELLS), found)
    assert not kept_strokes(y, y - 40 / 255, CELLS).any()


@pytest.mark.parametrize("kind", ["fs", "bayer4"])
@pytest.mark.parametrize(("bits", "nearly"), [(2, 16), (3, 7), (5, 1.6)])
def test_the_finer_the_levels_the_less_a_stroke_may_have_been_changed(bits: int, nearly: float, kind: str) -> None:
    quantizer = DitherQuantizer(UniformQuantizer.of_bits((bits,) * 3), kind)
    y = printed(quantizer.quantize(ramp(0.1, 0.6)), "white")
    assert kept_strokes(y, y - 0.9 * nearly / 255, quantizer.cells(y)).any()
    assert not kept_strokes(y, y - 1.2 * nearly / 255, quantizer.cells(y)).any()


def test_a_few_pixels_that_were_changed_more_are_kept_among_strokes_that_were_not() -> None:
    y = printed(DitherQuantizer(GRAYS, "bayer4").quantize(ramp(0.1, 0.6)), "white")
    found = strokes(y)
    restored = y - 5 / 255
    restored[..., ::4, ::2] = y[..., ::4, ::2] - 60 / 255
    assert torch.equal(kept_strokes(y, restored, CELLS), found)
    restored[..., ::4, ::2] = y[..., ::4, ::2] - 120 / 255
    far = torch.zeros_like(found)
    far[..., ::4, ::2] = True
    assert torch.equal(kept_strokes(y, restored, CELLS), found & ~far)


def test_each_picture_of_a_batch_is_looked_at_by_itself() -> None:
    plain = DitherQuantizer(GRAYS, "bayer4").quantize(ramp(0.1, 0.6))
    both = torch.cat([plain, printed(plain, "white")])
    assert torch.equal(strokes(both), torch.cat([strokes(both[:1]), strokes(both[1:])]))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 9), (9, 2), (3, 3)])
def test_small_pictures_are_taken(height: int, width: int) -> None:
    assert strokes(torch.rand(2, 3, height, width)).shape == (2, 1, height, width)
