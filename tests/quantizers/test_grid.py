from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from vdequant.quantizers.grid import blurred_scale, fractional_scale, native_scale, steps, to_native


def art(height: int = 32, width: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.randint(5, (3, height, width), generator=torch.Generator().manual_seed(seed)) / 5


@pytest.mark.parametrize("scale", [(1, 1), (2, 2), (4, 2), (2, 1), (1, 3), (5, 4)])
def test_whole_enlargements_are_found_and_undone(scale: tuple[int, int]) -> None:
    native = art()
    picture = native.repeat_interleave(scale[1], -2).repeat_interleave(scale[0], -1)
    assert native_scale([picture]) == scale
    assert torch.equal(to_native(picture, scale), native)


def test_one_odd_column_in_one_picture_breaks_the_grid() -> None:
    picture = art().repeat_interleave(2, -2).repeat_interleave(2, -1)
    odd = picture.clone()
    odd[0, 5, 7] = 0.123
    assert native_scale([picture, odd]) == (1, 1)


def test_a_letter_boxed_flat_picture_does_not_look_enlarged() -> None:
    picture = torch.zeros(3, 64, 64)
    picture[:, 16:48] = 0.5
    picture[:, 24:32, 32:40] = 1.0
    assert native_scale([picture]) == (1, 1)


def test_letter_boxed_art_is_still_found() -> None:
    picture = torch.nn.functional.pad(art(24, 32).repeat_interleave(2, -2).repeat_interleave(2, -1), (8, 8, 8, 8))
    assert native_scale([picture]) == (2, 2)


def test_non_integer_enlargement_is_left_alone() -> None:
    places = torch.arange(72) * 10 // 18  # 1.8 times
    assert native_scale([art()[..., places.clamp(max=39)]])[0] == 1


def test_pictures_of_different_sizes_have_no_common_grid() -> None:
    assert native_scale([art(), art(20, 20)]) == (1, 1)


def noisy(luma: torch.Tensor, size: float = 4.0) -> torch.Tensor:
    return (luma + size * torch.randn(luma.shape)).clamp(0, 255)


@pytest.mark.parametrize("scale", [(1, 1), (2, 2), (4, 2), (3, 3), (1, 2)], ids=str)
def test_whole_enlargements_are_found_behind_noise(scale: tuple[int, int]) -> None:
    native = art()[0] * 255
    big = native.repeat_interleave(scale[1], 0).repeat_interleave(scale[0], 1)
    assert blurred_scale([noisy(big), noisy(big.flip(0))]) == scale


def test_flat_pictures_and_noise_alone_are_not_enlarged() -> None:
    assert blurred_scale([torch.full((48, 48), 90.0)]) == (1, 1)
    assert blurred_scale([255 * torch.rand(48, 48)]) == (1, 1)


@pytest.mark.parametrize("scale", [Fraction(9, 2), Fraction(5, 2), Fraction(7, 3)], ids=str)
def test_an_enlargement_that_is_not_whole_is_reported_and_not_folded(scale: Fraction) -> None:
    places = (torch.arange(int(40 * scale)) / float(scale)).floor().long()
    big = (art(64, 40)[0] * 255)[:, places]
    across, down = steps([noisy(big, 2.0)])
    assert fractional_scale(across) == scale
    assert fractional_scale(down) is None
    assert blurred_scale([noisy(big, 2.0)]) == (1, 1)


def test_a_whole_enlargement_is_no_fraction() -> None:
    across, _ = steps([(art()[0] * 255).repeat_interleave(3, 1)])
    assert fractional_scale(across) is None
