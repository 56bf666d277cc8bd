"""Few levels and tones of one ramp: which cells are told so, and how a ramp is a gray picture in other colors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from vdequant.frame_work import Recipe, cells_of
from vdequant.frames import Layout
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.halftone import is_halftone
from vdequant.quantizers.mean_cells import MeanCells
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.ramp import Ramp
from vdequant.quantizers.threshold import GrayQuantizer, ThresholdQuantizer, gray
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.identity import Identity

GREENS = torch.tensor([[155, 188, 15], [15, 56, 15], [139, 172, 15], [48, 98, 48]]) / 255  # the Game Boy's, unsorted
CGA = torch.tensor([[0, 0, 0], [0, 170, 170], [170, 0, 170], [170, 170, 170]]) / 255
SPECTRUM = torch.tensor([[r, g, b] for r in (0, 0.84) for g in (0, 0.84) for b in (0, 0.84)])  # without its bright ones
SUNSET = torch.tensor(
    [[0.9, 0.4, 0.1], [0.8, 0.3, 0.2], [0.6, 0.2, 0.3], [0.4, 0.5, 0.3], [0.3, 0.1, 0.3], [0.9, 0.7, 0.3]]
)
GRAYS = torch.tensor([[0.0] * 3, [0.4] * 3, [1.0] * 3])
AMBER = torch.tensor([[40, 10, 0], [255, 176, 0]]) / 255


def shades(height: int = 24, width: int = 32) -> Tensor:
    """A gray slope, ``(1, 3, H, W)``."""
    return torch.linspace(0, 1, width).expand(1, 3, height, width).contiguous()


def found(quantizer: Quantizer) -> Recipe:
    """As planned for a picture that was found to be dithered."""
    return Recipe(Identity(), quantizer, Layout(32, 24, "rgb", 16), dithered=True)


@pytest.mark.parametrize(
    ("quantizer", "few"),
    [
        (ThresholdQuantizer(), True),
        (GrayQuantizer(4), True),
        (GrayQuantizer(16), False),
        (UniformQuantizer.of_levels(2), False),
        (UniformQuantizer.of_bits([1, 1, 1]), True),
        (UniformQuantizer.of_bits([2, 2, 2]), True),
        (UniformQuantizer.of_bits([1, 2, 2]), True),
        (UniformQuantizer.of_bits([3, 3, 2]), False),
        (PaletteQuantizer(GREENS), True),
        (PaletteQuantizer(GRAYS), True),
        (PaletteQuantizer(CGA), True),
        (PaletteQuantizer(SPECTRUM), True),
        (PaletteQuantizer(0.3 + SUNSET / 2), False),
        (PaletteQuantizer(torch.linspace(0, 1, 16)[:, None].expand(-1, 3)), False),
    ],
)
@pytest.mark.parametrize("kind", ["fs", "bayer4"])
def test_a_few_levels_and_tones_are_halftones(quantizer: Quantizer, few: bool, kind: str) -> None:
    dithered = DitherQuantizer(quantizer, kind)
    assert is_halftone(dithered.cells(dithered.quantize(shades()))) is few


def test_levels_in_the_middle_of_their_cells_are_halftones_only_of_gray_pictures() -> None:
    quantizer = UniformQuantizer.of_levels(4)
    y = quantizer.quantize(shades())
    assert not is_halftone(cells_of(found(quantizer), y))
    assert is_halftone(cells_of(replace(found(quantizer), gray=True), y))


@pytest.mark.parametrize("quantizer", [UniformQuantizer.of_levels(4), PaletteQuantizer(GREENS)])
def test_without_dither_nothing_is_a_halftone(quantizer: Quantizer) -> None:
    assert not is_halftone(quantizer.cells(quantizer.quantize(shades())))


@pytest.mark.parametrize(
    ("quantizer", "half_step"),
    [
        (UniformQuantizer.of_bits([1, 1, 1]), 0.5),
        (UniformQuantizer.of_bits([2, 2, 2]), 1 / 6),
        (PaletteQuantizer(GRAYS), 0.25),  # the same at each of them, however they are spaced
        (PaletteQuantizer(GREENS), 1 / 6),
        (PaletteQuantizer(AMBER), 0.5),
    ],
)
def test_of_what_was_found_dithered_half_the_mean_step_is_told(quantizer: Quantizer, half_step: float) -> None:
    y = quantizer.quantize(shades())
    cells = cells_of(found(quantizer), y)
    assert isinstance(cells, MeanCells)
    assert cells.half_step is not None
    torch.testing.assert_close(cells.half_step, torch.full_like(y, half_step))


def test_cells_of_black_and_white_hold_the_gray_picture_behind_the_dither() -> None:
    picture, quantizer = shades(), PaletteQuantizer(torch.tensor([[0.0] * 3, [1.0] * 3]))
    y = DitherQuantizer(quantizer, "fs").quantize(picture)
    assert bool(cells_of(found(quantizer), y).contains(picture).all())


def test_what_many_machines_show_is_a_ramp_and_what_cga_shows_is_none() -> None:
    ramp = Ramp.of(GREENS)
    assert ramp is not None
    assert torch.equal(ramp.tones, GREENS[[1, 3, 2, 0]])
    assert bool((ramp.grays.diff() > 0).all())
    assert (float(ramp.grays[0]), float(ramp.grays[-1])) == (0, 1)
    assert Ramp.of(CGA) is None
    assert Ramp.of(GREENS[:1]) is None
    assert Ramp.of(torch.tensor([[0.0, 0, 0], [0.299, 0.0, 0.0], [0.0, 0.1523, 0.0]])) is None  # of one luma


def test_tones_become_their_grays_and_grays_between_them_colors_between_them() -> None:
    ramp = Ramp.of(GREENS)
    assert ramp is not None
    y = GREENS.T[None, :, None, :]
    grays = ramp.to_grays(y)
    torch.testing.assert_close(grays[0, 0, 0], ramp.grays[[3, 0, 2, 1]])
    torch.testing.assert_close(ramp.to_tones(grays), y)
    middle = (ramp.grays[1] + ramp.grays[2]) / 2
    expected = (ramp.tones[1] + ramp.tones[2]) / 2
    torch.testing.assert_close(ramp.to_tones(middle.expand(1, 3, 1, 1))[0, :, 0, 0], expected)


def test_of_coarse_colors_the_reaches_are_told_as_of_any_palette() -> None:
    quantizer = PaletteQuantizer(SPECTRUM)
    y = quantizer.quantize(shades())
    cells = cells_of(found(quantizer), y)
    assert isinstance(cells, MeanCells)
    assert is_halftone(cells)
    assert (cells.half_step, cells.ramp) == (None, None)


def test_a_gray_quantizer_has_the_same_half_step_as_its_levels() -> None:
    quantizer = DitherQuantizer(GrayQuantizer(4), "fs")
    y = quantizer.quantize(shades())
    cells = quantizer.cells(y)
    assert isinstance(cells, MeanCells)
    assert cells.half_step is not None
    torch.testing.assert_close(cells.half_step, torch.full_like(y, 0.125))
    torch.testing.assert_close(gray(y), y[:, 0])
