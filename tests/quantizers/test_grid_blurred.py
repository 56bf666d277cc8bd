from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.grid import Grid
from vdequant.quantizers.grid_blurred import blurred_grid


def art(height: int = 32, width: int = 40, seed: int = 0) -> torch.Tensor:
    """Random shades; 16 is black."""
    return 16 + 44 * torch.randint(1, 6, (height, width), generator=torch.Generator().manual_seed(seed)).float()


def noisy(luma: torch.Tensor, size: float = 4.0) -> torch.Tensor:
    return (luma + size * torch.randn(luma.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 255)


def nearest(native: torch.Tensor, height: int, width: int) -> torch.Tensor:
    rows = ((torch.arange(height) + 0.5) * native.shape[-2] / height).floor().long()
    columns = ((torch.arange(width) + 0.5) * native.shape[-1] / width).floor().long()
    return native[rows][:, columns]


def boxed(luma: torch.Tensor, sides: tuple[int, int, int, int]) -> torch.Tensor:
    """In a black border of nearly one value, with the picture's ringing in its first pixels."""
    left, top, right, bottom = sides
    picture = torch.nn.functional.pad(luma, (left, right, top, bottom), value=16.0)
    beside = picture[:, left : left + 1] > 150
    picture[:, max(0, left - 2) : left] += 5 * beside
    return picture


@pytest.mark.parametrize("scale", [(2, 2), (4, 2), (3, 3), (1, 2)], ids=str)
def test_whole_enlargements_are_found_behind_noise(scale: tuple[int, int]) -> None:
    big = art().repeat_interleave(scale[1], 0).repeat_interleave(scale[0], 1)
    grid = blurred_grid([noisy(big), noisy(big.flip(0))])
    assert grid == Grid.of_scale(scale, big.shape[1], big.shape[0])


def test_flat_pictures_noise_and_art_at_its_own_size_are_not_enlarged() -> None:
    assert blurred_grid([torch.full((48, 48), 90.0)]) is None
    assert blurred_grid([255 * torch.rand(48, 48)]) is None
    assert blurred_grid([noisy(art(64, 80))]) is None


def test_one_strong_edge_is_no_grid() -> None:
    picture = torch.full((90, 180), 90.0)
    picture[:, 70:] = 200.0
    assert blurred_grid([noisy(picture, 0.5)]) is None


@pytest.mark.parametrize("size", [(144, 180), (216, 270), (154, 187)], ids=["4.5", "6.75", "4.8 and 4.7"])
def test_enlargements_that_are_not_whole_are_found_behind_noise(size: tuple[int, int]) -> None:
    native = art()
    pictures = [noisy(nearest(picture, *size)) for picture in (native, native.flip(0))]
    grid = blurred_grid(pictures)
    assert grid is not None
    assert torch.equal(grid.widen(native), nearest(native, *size))


@pytest.mark.parametrize("size", [(128, 160), (144, 180)], ids=["4", "4.5"])
def test_black_bars_around_an_enlarged_picture_are_cropped_at_its_edge(size: tuple[int, int]) -> None:
    native = art()
    pictures = [boxed(noisy(nearest(one, *size)), (30, 11, 30, 11)) for one in (native, native.flip(0))]
    grid = blurred_grid(pictures)
    assert grid is not None
    assert (grid.borders, grid.size) == ((30, 11, 30, 11), (40, 32))


def test_one_side_enlarged_by_a_fraction_is_not_believed() -> None:
    native = art(64, 40)
    assert blurred_grid([noisy(nearest(native, 64, 180))]) is None


@pytest.mark.parametrize("sides", [(120, 80), (40, 40), (30, 100)], ids=str)
def test_a_photograph_on_a_plain_ground_is_not_enlarged(sides: tuple[int, int]) -> None:
    """Its edges lie on many grids; what is inside decides."""
    generator = torch.Generator().manual_seed(3)
    photo = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 168, 248, generator=generator) * 255, 9, 1)[0, 0]
    luma = torch.full((320, 480), 20.0)
    left, top = sides
    luma[top : top + photo.shape[0], left : left + photo.shape[1]] = photo
    assert blurred_grid([noisy(luma, 1.0)]) is None


def test_art_of_few_edges_is_still_found() -> None:
    native = torch.full((60, 80), 30.0)
    native[10:50:4, 20:60] = 200
    native[20:40, 8:72:5] = 120
    big = native.repeat_interleave(3, 0).repeat_interleave(3, 1)
    assert blurred_grid([noisy(big, 2.0)]) == Grid.of_scale((3, 3), 240, 180)


def test_a_column_that_makes_a_width_even_is_no_native_pixel() -> None:
    pictures = [boxed(noisy(nearest(picture, 144, 187), 1.0), (0, 0, 1, 0)) for picture in (art(), art(seed=1))]
    grid = blurred_grid(pictures)
    assert grid is not None
    assert (grid.size, grid.borders) == ((40, 32), (0, 0, 1, 0))
