"""Planes to RGB and back: exact where the numbers allow it, the standard's white and black, chroma where it belongs."""

from __future__ import annotations

import pytest
import torch

from vdequant.color import default_matrix, from_rgb, region_to_rgb, to_rgb, yuv_to_rgb_matrix
from vdequant.frames import Layout, Matrix, Siting

MATRICES = [Matrix.BT709, Matrix.SMPTE170M, Matrix.BT470BG, Matrix.BT2020_NCL, Matrix.SMPTE240M, Matrix.FCC]


def codes(count: int, height: int = 24, width: int = 32) -> torch.Tensor:
    return torch.randint(0, count, (3, height, width)).float() / (count - 1)


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [True, False])
def test_8_bit_rgb_survives_10_bit_yuv_444_exactly(matrix: Matrix, full: bool) -> None:
    layout = Layout(32, 24, "yuv", 10, (0, 0), matrix, full)
    picture = codes(256)
    back = to_rgb(from_rgb(picture, layout), layout)
    assert torch.equal((back * 255).round(), picture * 255)


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
def test_rgb_codes_survive_every_depth_exactly(bits: int) -> None:
    layout = Layout(32, 24, "rgb", bits)
    planes = from_rgb(codes(1 << bits), layout)
    again = from_rgb(to_rgb(planes, layout), layout)
    assert all(torch.equal(a, b) for a, b in zip(planes, again, strict=True))
    assert planes[0].dtype == (torch.uint8 if bits == 8 else torch.uint16)


def test_white_and_black_have_the_codes_of_the_standard() -> None:
    layout = Layout(2, 2, "yuv", 10, (1, 1), Matrix.BT709, full_range=False)
    white = from_rgb(torch.ones(3, 2, 2), layout)
    black = from_rgb(torch.zeros(3, 2, 2), layout)
    assert [int(plane[0, 0]) for plane in white] == [940, 512, 512]
    assert [int(plane[0, 0]) for plane in black] == [64, 512, 512]


def test_pure_red_matches_the_published_709_coefficients() -> None:
    layout = Layout(1, 1, "yuv", 8, (0, 0), Matrix.BT709, full_range=False)
    red = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    assert [int(plane) for plane in from_rgb(red, layout)] == [63, 102, 240]


def test_the_two_directions_are_inverse_matrices() -> None:
    for matrix in MATRICES:
        to, _ = yuv_to_rgb_matrix(matrix, False, 8)
        assert torch.allclose(to @ torch.linalg.inv(to), torch.eye(3, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("siting", [Siting.LEFT, Siting.CENTER, Siting.TOPLEFT])
def test_a_linear_ramp_of_chroma_survives_420_at_its_siting(siting: Siting) -> None:
    ramp = torch.linspace(0.3, 0.7, 32).expand(3, 24, 32).clone()
    ramp[1] = 0.5
    layout = Layout(32, 24, "yuv", 16, (1, 1), Matrix.BT709, False, siting)
    back = to_rgb(from_rgb(ramp, layout), layout)
    assert (back - ramp)[..., 4:-4].abs().max() < 1e-3


def test_wrong_siting_shifts_chroma_visibly() -> None:
    ramp = torch.zeros(3, 24, 32) + 0.5
    ramp[0] = torch.linspace(0, 1, 32)
    left = Layout(32, 24, "yuv", 16, (1, 1), Matrix.BT709, False, Siting.LEFT)
    center = Layout(32, 24, "yuv", 16, (1, 1), Matrix.BT709, False, Siting.CENTER)
    assert (to_rgb(from_rgb(ramp, left), center) - ramp)[..., 4:-4].abs().max() > 5e-3


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 3), (31, 17)])
def test_odd_sizes_keep_their_size_in_420(width: int, height: int) -> None:
    layout = Layout(width, height, "yuv", 8, (1, 1), Matrix.SMPTE170M, False)
    planes = from_rgb(torch.full((3, height, width), 0.25), layout)
    assert tuple(planes[1].shape) == layout.plane_shape(1)
    assert (to_rgb(planes, layout) - 0.25).abs().max() < 0.01


def test_dither_keeps_the_mean_that_rounding_loses() -> None:
    layout = Layout(64, 64, "rgb", 8)
    flat = torch.full((3, 64, 64), 100.3 / 255)
    rounded = from_rgb(flat, layout)[0].float().mean()
    dithered = from_rgb(flat, layout, dither=True)[0].float()
    assert float(rounded) == 100
    assert abs(float(dithered.mean()) - 100.3) < 0.01
    assert set(dithered.unique().tolist()) == {100.0, 101.0}


def test_dither_leaves_exact_codes_flat() -> None:
    layout = Layout(32, 24, "rgb", 8)
    picture = codes(256)
    plain, dithered = from_rgb(picture, layout), from_rgb(picture, layout, dither=True)
    assert all(torch.equal(a, b) for a, b in zip(plain, dithered, strict=True))


def test_limited_gray_is_stretched_and_full_gray_is_not() -> None:
    plane = torch.full((2, 2), 235, dtype=torch.uint8)
    limited = to_rgb((plane,), Layout(2, 2, "gray", 8, full_range=False))
    full = to_rgb((plane,), Layout(2, 2, "gray", 8))
    assert float(limited.max()) == pytest.approx(1.0)
    assert float(full.max()) == pytest.approx(235 / 255)


def test_batches_equal_single_pictures() -> None:
    layout = Layout(16, 12, "yuv", 8, (1, 1), Matrix.BT709, False)
    pictures = torch.rand(3, 3, 12, 16)
    together = from_rgb(pictures, layout)
    one = from_rgb(pictures[1], layout)
    assert all(torch.equal(a[1], b) for a, b in zip(together, one, strict=True))
    assert torch.equal(to_rgb(together, layout)[1], to_rgb(one, layout))


def test_untagged_pictures_are_601_up_to_576_lines() -> None:
    assert default_matrix(576) is Matrix.SMPTE170M
    assert default_matrix(720) is Matrix.BT709


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        from_rgb(torch.rand(3, 4, 4), Layout(8, 4))


@pytest.mark.parametrize("siting", list(Siting))
@pytest.mark.parametrize("chroma", [(0, 0), (1, 0), (1, 1)], ids=["444", "422", "420"])
def test_a_region_has_the_values_of_the_whole(chroma: tuple[int, int], siting: Siting) -> None:
    layout = Layout(23, 17, "yuv", 8, chroma, Matrix.BT709, False, siting)
    planes = tuple(torch.randint(16, 236, (2, *layout.plane_shape(i)), dtype=torch.uint8) for i in range(3))
    whole = to_rgb(planes, layout)
    for left, top, right, bottom in ((0, 0, 23, 5), (3, 5, 10, 17), (20, 1, 23, 16), (7, 3, 8, 4)):
        part = region_to_rgb(planes, layout, (left, top, right, bottom))
        torch.testing.assert_close(part, whole[..., top:bottom, left:right], rtol=0, atol=1e-6)
