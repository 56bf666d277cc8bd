from __future__ import annotations

import torch

from vdequant.quantizers.base import room_of
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.mean_cells import MeanCells, dithered_cells, evened
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.windows import local_mean

LEVELS = UniformQuantizer.of_levels(4)


def smooth(size: int = 40) -> torch.Tensor:
    x = torch.linspace(0, 1, size).expand(size, size)
    return torch.stack([x, x.T, (x + x.T) / 2])[None]


def dithered(x: torch.Tensor) -> torch.Tensor:
    return DitherQuantizer(LEVELS, "fs").quantize(x)


def test_evened_reaches_are_the_means_of_those_around_each_pixel() -> None:
    colors = torch.tensor([[0.1, 0.1, 0.1], [0.2, 0.1, 0.1], [0.9, 0.8, 0.7]])
    quantizer = PaletteQuantizer(colors)
    y = quantizer.quantize(torch.rand(1, 3, 20, 23))
    cells = dithered_cells(quantizer.cells(y))
    low, high, room = evened(y, cells.low, cells.high, room_of(cells))
    for reach, told in ((y - cells.low, y - low), (cells.high - y, high - y), (room_of(cells), room)):
        torch.testing.assert_close(told[..., 10, 11], reach[..., 7:14, 8:15].mean((-2, -1)))
    assert (low <= y).all()
    assert (high >= y).all()


def test_dithered_levels_are_told_the_same_reach_everywhere_and_bound_by_their_own_cells() -> None:
    """Black beside white is a shade like any other, though their cells end at black and white."""
    quantizer = UniformQuantizer.of_bits((1, 2, 3))
    plain = quantizer.cells(quantizer.quantize(torch.rand(1, 3, 20, 23)))
    cells = dithered_cells(plain)
    assert isinstance(cells, MeanCells)
    assert cells.half_step is not None
    for channel, step in enumerate((1, 1 / 3, 1 / 7)):
        torch.testing.assert_close(cells.half_step[:, channel], torch.full((1, 20, 23), step / 2))
    assert torch.equal(cells.low, plain.low)
    assert torch.equal(cells.high, plain.high)


def test_levels_at_the_lower_end_of_their_cells_are_told_their_cells() -> None:
    quantizer = UniformQuantizer.of_bits((5, 6, 5), expansion="shift")
    cells = dithered_cells(quantizer.cells(quantizer.quantize(torch.rand(1, 3, 20, 23))))
    assert isinstance(cells, MeanCells)
    assert cells.half_step is None


def test_a_dithered_palette_has_no_step() -> None:
    quantizer = PaletteQuantizer(torch.rand(5, 3))
    cells = dithered_cells(quantizer.cells(torch.rand(1, 3, 9, 9)))
    assert isinstance(cells, MeanCells)
    assert cells.half_step is None


def test_the_truth_is_inside_where_single_pixels_would_not_be() -> None:
    x = smooth()
    y = dithered(x)
    assert not LEVELS.cells(y).contains(x).all()
    assert dithered_cells(LEVELS.cells(y)).contains(x).all()


def test_a_shift_of_the_means_is_noticed_and_undone_in_place() -> None:
    x = smooth()
    cells = dithered_cells(LEVELS.cells(dithered(x)))
    wrong = x.clone()
    wrong[..., 10:20, 10:20] += 0.3
    projected = cells.project(wrong.clamp(0, 1))
    assert not cells.contains(wrong).all()
    assert cells.contains(projected).all()
    assert torch.equal(projected[..., 30:, 30:], wrong[..., 30:, 30:])
    assert (projected - x).square().mean() < 0.7 * (wrong - x).square().mean()
    # shifted smoothly: the neighbors' differences are those of the guess, not those of the dither
    assert projected.diff(dim=-1).abs().mean() < 0.3 * cells.stored.diff(dim=-1).abs().mean()


def test_a_picture_inside_is_returned_as_it_is() -> None:
    x = smooth()
    cells = dithered_cells(LEVELS.cells(dithered(x)))
    assert cells.project(x) is x


def test_black_may_be_darker_than_the_lowest_level() -> None:
    x = torch.zeros(1, 3, 9, 9)
    assert dithered_cells(LEVELS.cells(dithered(x))).contains(x).all()


def test_pictures_without_any_room_become_the_stored_ones() -> None:
    y = torch.rand(1, 3, 12, 12)
    cells = MeanCells(y, y, y)
    projected = cells.project(torch.rand(1, 3, 12, 12))
    assert cells.contains(projected).all()
    torch.testing.assert_close(local_mean(projected), local_mean(y), rtol=0, atol=2e-5)


def test_a_few_places_that_cannot_be_moved_in_do_not_make_the_whole_picture_the_stored_one() -> None:
    """Noise as large as a cell leaves such places in most pictures, and one was enough."""
    levels = UniformQuantizer.of_bits((5, 5, 5))
    for seed in (0, 4):
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.rand(1, 3, 8, 8, generator=generator)
        x = 0.1 + 0.8 * torch.nn.functional.interpolate(coarse, (64, 64), mode="bilinear")
        noisy = x + torch.randn(x.shape, generator=generator) * 8.2 / 255
        cells = dithered_cells(levels.cells(levels.quantize(noisy.clamp(0, 1))))
        found = cells.project(x)
        assert cells.contains(found).all()
        assert (found == cells.stored).float().mean() < 0.3


def test_cells_that_are_for_means_already_stay_what_they_are() -> None:
    y = LEVELS.quantize(torch.rand(1, 3, 8, 8))
    cells = dithered_cells(LEVELS.cells(y))
    assert dithered_cells(cells) is cells
    assert cells.dithered
    assert cells.spread > 1


def test_palettes_get_them_too() -> None:
    palette = PaletteQuantizer(torch.rand(8, 3))
    y = palette.quantize(torch.rand(1, 3, 8, 8))
    cells = dithered_cells(palette.cells(y))
    assert isinstance(cells, MeanCells)
    assert torch.equal(cells.low, palette.cells(y).low)


def test_a_picture_yields_to_another_only_around_the_means_that_it_takes_outside() -> None:
    stored = torch.full((1, 3, 24, 40), 0.5)
    cells = MeanCells(stored, stored - 0.06, stored + 0.06)  # means may move by half of that
    inside, moved = stored + 0.01, stored + 0.02
    moved[..., 20] += 0.2
    assert not cells.contains(moved).all()
    done = cells.yielding(moved, inside)
    assert cells.contains(done).all()
    assert torch.equal(done[..., :10], moved[..., :10])
    assert torch.equal(done[..., 20], inside[..., 20])


def test_a_picture_does_not_yield_to_one_that_is_as_far_outside() -> None:
    stored = torch.full((1, 3, 9, 9), 0.5)
    cells = MeanCells(stored, stored - 0.06, stored + 0.06)
    assert torch.equal(cells.yielding(stored + 0.2, stored - 0.2), stored + 0.2)


def test_held_pixels_stay_while_those_around_them_move_until_the_means_are_inside() -> None:
    stored = torch.full((1, 3, 24, 24), 0.5)
    held = torch.zeros(1, 1, 24, 24, dtype=torch.bool)
    held[..., 10:14, 10:14] = True
    stored = torch.where(held, 1.0, stored)
    cells = MeanCells(stored, stored - 0.06, stored + 0.06)
    restored = stored + 0.01
    restored[..., 8:16, 8:16] += 0.06  # the ground around the letter takes what the letter itself lost
    restored = torch.where(held, 0.9, restored)
    x = torch.where(held, stored, restored)
    assert cells.contains(restored).all()
    assert not cells.contains(x).all()
    done = cells.holding(x, held, restored)
    assert cells.contains(done).all()
    assert torch.equal(done[..., 10:14, 10:14], stored[..., 10:14, 10:14])
    assert torch.equal(done[..., :3, :3], x[..., :3, :3])


def test_held_pixels_yield_where_those_around_them_cannot_make_up_for_them() -> None:
    stored = torch.full((1, 3, 24, 24), 0.1)
    held = torch.zeros(1, 1, 24, 24, dtype=torch.bool)
    held[..., 8:16, 8:16] = True
    cells = MeanCells(stored, stored - 0.05, stored + 0.05)
    done = cells.holding(torch.where(held, 1.0, stored), held, stored)
    assert cells.contains(done).all()
    assert (done[..., 11, 11] == 0.1).all()
