from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from vdequant.quantizers.grid import Grid
from vdequant.quantizers.grid_exact import exact_grid, find_runs


def art(height: int = 32, width: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.randint(5, (3, height, width), generator=torch.Generator().manual_seed(seed)) / 5


def nearest(native: torch.Tensor, height: int, width: int, phase: float = 0.5) -> torch.Tensor:
    """Nearest-neighbor scaling with samples at ``phase`` of a pixel."""
    rows = ((torch.arange(height) + phase) * native.shape[-2] / height).floor().long()
    columns = ((torch.arange(width) + phase) * native.shape[-1] / width).floor().long()
    return native[..., rows, :][..., columns]


def scale_of(*pictures: torch.Tensor) -> tuple[Fraction, Fraction]:
    grid = exact_grid(pictures)
    return (Fraction(1), Fraction(1)) if grid is None else grid.scale


@pytest.mark.parametrize("scale", [(1, 1), (2, 2), (4, 2), (2, 1), (1, 3), (5, 4)])
def test_whole_enlargements_are_found_and_undone(scale: tuple[int, int]) -> None:
    native = art()
    picture = native.repeat_interleave(scale[1], -2).repeat_interleave(scale[0], -1)
    grid = exact_grid([picture])
    assert scale_of(picture) == scale
    assert torch.equal(picture if grid is None else grid.fold(picture), native)


@pytest.mark.parametrize("phase", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("size", [(144, 180), (216, 270), (180, 225), (154, 187)], ids=["4.5", "6.75", "5.625", "odd"])
def test_enlargements_that_are_not_whole_are_undone_whatever_their_phase(size: tuple[int, int], phase: float) -> None:
    native = art()
    picture = nearest(native, *size, phase)
    grid = exact_grid([picture])
    assert grid is not None
    assert torch.equal(grid.fold(picture), native)
    assert torch.equal(grid.widen(native), picture)


def test_one_odd_column_in_one_picture_breaks_the_grid() -> None:
    picture = art().repeat_interleave(2, -2).repeat_interleave(2, -1)
    odd = picture.clone()
    odd[0, 5, 7] = 0.123
    assert exact_grid([picture, odd]) is None


def test_a_letter_boxed_flat_picture_does_not_look_enlarged() -> None:
    picture = torch.zeros(3, 64, 64)
    picture[:, 16:48] = 0.5
    picture[:, 24:32, 32:40] = 1.0
    grid = exact_grid([picture])
    assert grid is None or grid.scale == (1, 1)


def test_black_bars_are_left_out_of_the_picture() -> None:
    native = art(24, 32) * 0.8 + 0.2
    picture = torch.nn.functional.pad(native.repeat_interleave(2, -2).repeat_interleave(2, -1), (9, 9, 8, 8))
    grid = exact_grid([picture])
    assert grid is not None
    assert (grid.borders, grid.scale) == ((9, 8, 9, 8), (2, 2))
    assert torch.equal(grid.fold(picture), native)


def test_bars_of_a_picture_that_was_not_enlarged_are_left_out_too() -> None:
    grid = exact_grid([torch.nn.functional.pad(art() * 0.8 + 0.2, (0, 0, 6, 6))])
    assert grid is not None
    assert (grid.borders, grid.size) == ((0, 6, 0, 6), (40, 32))


def test_a_flat_sky_is_part_of_the_picture() -> None:
    picture = torch.nn.functional.pad(art(), (0, 0, 8, 0), value=0.6)
    assert exact_grid([picture]) is None
    bigger = exact_grid([picture.repeat_interleave(2, -2).repeat_interleave(2, -1)])
    assert bigger is not None
    assert bigger.even == (2, 2)


def test_a_window_on_a_gray_desktop_is_found_at_any_place() -> None:
    native = art()
    picture = torch.nn.functional.pad(nearest(native, 144, 180), (37, 11, 5, 24), value=0.5)
    grid = exact_grid([picture])
    assert grid is not None
    assert grid.borders == (37, 5, 11, 24)
    assert torch.equal(grid.fold(picture), native)


def test_a_picture_with_some_equal_columns_was_not_enlarged() -> None:
    picture = art(60, 80)
    picture[..., 11::9] = picture[..., 10:-1:9]
    assert exact_grid([picture]) is None


def test_pictures_of_different_sizes_have_no_common_grid() -> None:
    assert exact_grid([art(), art(20, 20)]) is None


def test_a_picture_without_changes_has_no_runs() -> None:
    assert find_runs(torch.zeros(63, dtype=torch.bool).numpy()) is None
    assert exact_grid([torch.zeros(3, 64, 64)]) is None


def test_the_smallest_number_of_native_pixels_that_fits_is_taken() -> None:
    assert exact_grid([art().repeat_interleave(8, -2).repeat_interleave(8, -1)]) == Grid.of_scale((8, 8), 320, 256)
