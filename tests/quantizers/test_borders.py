from __future__ import annotations

import torch

from vdequant.quantizers.borders import Borders, find_borders, find_pads, within_colors


def framed(left: int, top: int, right: int, bottom: int, color: float = 16.0) -> torch.Tensor:
    picture = torch.full((60, 80), color)
    picture[top : 60 - bottom, left : 80 - right] = 60 + 100 * torch.rand(60 - top - bottom, 80 - left - right)
    return picture


def test_bars_on_all_sides_are_measured() -> None:
    borders = find_borders([framed(8, 6, 10, 4), framed(8, 6, 10, 4)])
    assert borders == Borders(8, 6, 10, 4)
    assert borders.crop(torch.zeros(3, 60, 80)).shape == (3, 50, 62)


def test_a_bar_that_a_codec_has_made_noisy_is_still_one() -> None:
    assert find_borders([framed(8, 0, 8, 0) + torch.rand(60, 80)]) == Borders(8, 0, 8, 0)


def test_what_changes_color_or_is_a_row_thin_is_no_border() -> None:
    assert not find_borders([framed(8, 8, 8, 8, 16), framed(8, 8, 8, 8, 90)])
    assert not find_borders([framed(0, 1, 0, 2)])


def test_a_flat_picture_is_no_border() -> None:
    assert not find_borders([torch.full((60, 80), 50.0)])


def test_columns_that_make_a_side_even_are_told_from_a_picture_of_its_own() -> None:
    noise = torch.randn(2, 60, 80, generator=torch.Generator().manual_seed(0)) * 3
    assert find_pads([framed(0, 0, 1, 2) + noise[0], framed(0, 0, 1, 2) + noise[1]]) == Borders(0, 0, 1, 2)
    assert find_pads([framed(1, 3, 0, 0, 90) + noise[0]]) == Borders()  # a picture's own may have any color
    assert not find_pads([framed(0, 0, 0, 0)])


def test_a_sky_as_light_as_the_desktop_is_told_from_it_by_color() -> None:
    luma, blue = framed(8, 20, 8, 8, 84), torch.full((60, 80), 150.0)
    blue[6:52, 8:72] = 120  # the sky's, of which luma says nothing
    assert within_colors(Borders(8, 20, 8, 8), [[blue, blue]]) == Borders(8, 6, 8, 8)
    assert find_borders([luma, luma]).top == 20
