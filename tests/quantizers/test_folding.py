from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vdequant.color import from_rgb
from vdequant.frames import Layout, Matrix, Siting
from vdequant.quantizers.blends import Blend
from vdequant.quantizers.folding import codes_to_rgb, fold_codes, lies_on_grid, rgb_to_codes
from vdequant.quantizers.grid import Grid, blended_axis


def yuv(height: int, width: int, bits: int = 8) -> Layout:
    return Layout(width, height, "yuv", bits, (1, 1), Matrix.SMPTE170M, False)


def enlarge(picture: torch.Tensor, scale: tuple[int, int]) -> torch.Tensor:
    return picture.repeat_interleave(scale[1], -2).repeat_interleave(scale[0], -1)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("scale", [(2, 2), (3, 3), (4, 4), (5, 5), (4, 2), (3, 2)], ids=str)
def test_every_native_pixel_of_a_4_2_0_picture_gets_its_own_luma(scale: tuple[int, int], bits: int) -> None:
    native = torch.rand(3, 12, 16)
    layout = yuv(12 * scale[1], 16 * scale[0], bits)
    codes = fold_codes(
        from_rgb(enlarge(native, scale), layout), layout, Grid.of_scale(scale, layout.width, layout.height)
    )
    luma = rgb_to_codes(native.permute(1, 2, 0), layout)[..., 0]
    assert codes.shape == (3, 12, 16)
    assert (codes[0] - luma).abs().max() <= 0.51


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_chroma_comes_from_a_sample_that_saw_no_neighbor(scale: int) -> None:
    native = torch.rand(3, 12, 16)
    layout = yuv(12 * scale, 16 * scale)
    # chroma as a plain mean of 2x2 pixels, which is what most encoders are given
    full = rgb_to_codes(enlarge(native, (scale, scale)).permute(1, 2, 0), layout).permute(2, 0, 1)
    small = torch.nn.functional.avg_pool2d(full[1:, None], 2)[:, 0].round().to(torch.uint8)
    planes = (full[0].round().to(torch.uint8), small[0], small[1])
    codes = fold_codes(planes, layout, Grid.of_scale((scale, scale), 16 * scale, 12 * scale))
    truth = rgb_to_codes(native.permute(1, 2, 0), layout).permute(2, 0, 1)
    assert (codes - truth).abs().max() <= 0.51


def test_ringing_around_the_middle_of_a_native_pixel_is_removed() -> None:
    luma = torch.full((9, 9), 100, dtype=torch.uint8)
    luma[::3], luma[:, 2::3] = 120, 80
    codes = fold_codes((luma,), Layout(9, 9, "gray"), Grid.of_scale((3, 3), 9, 9))
    assert torch.equal(codes, torch.full((3, 3, 3), 100.0))


def test_codes_become_rgb_and_come_back() -> None:
    rgb = torch.rand(5, 3, dtype=torch.float64)
    for layout in (yuv(4, 4), Layout(4, 4)):
        assert torch.allclose(codes_to_rgb(rgb_to_codes(rgb, layout), layout), rgb)
    layout = yuv(4, 4)
    assert not torch.allclose(codes_to_rgb(rgb_to_codes(rgb, layout), layout, Matrix.BT709), rgb, atol=0.01)


def test_a_picture_off_the_grid_is_told_from_one_on_it() -> None:
    layout = Layout(48, 48, "gray")
    native = torch.randint(0, 255, (1, 16, 16)).float()
    big = (enlarge(native, (3, 3)) + 3 * torch.randn(1, 48, 48)).clamp(0, 255).round().to(torch.uint8)
    grid = Grid.of_scale((3, 3), 48, 48)
    assert lies_on_grid(big, fold_codes((big,), layout, grid)[..., 0, :, :], layout, grid)
    moved = big.roll(1, -1)
    assert not lies_on_grid(moved, fold_codes((moved,), layout, grid)[..., 0, :, :], layout, grid)


def blended(native: torch.Tensor) -> tuple[torch.Tensor, Grid]:
    """Scaled 4.5 times by a bilinear scaler, and its grid."""
    axes = [blended_axis(Blend("bilinear", 4.5), round(side * 4.5)) for side in native.shape[-2:]]
    grid = Grid(axes[1], axes[0])
    return grid.widen(native), grid


def test_native_pixels_that_a_scaler_blended_come_back_from_4_2_0() -> None:
    native = torch.rand(3, 12, 16)
    wide, grid = blended(native)
    layout = replace(yuv(54, 72), siting=Siting.CENTER)
    codes = fold_codes(from_rgb(wide, layout), layout, grid)
    truth = rgb_to_codes(native.permute(1, 2, 0), layout).permute(2, 0, 1)
    assert (codes - truth)[0].abs().max() <= 2  # half a code of each stored sample, a little enlarged
    assert (codes - truth).abs().max() <= 6


def test_a_subtitle_over_a_blended_picture_is_told() -> None:
    layout = Layout(144, 108, "gray")
    wide, grid = blended(60 + 90 * torch.rand(1, 24, 32))
    wide = (wide + 2 * torch.randn(wide.shape)).clamp(0, 255)
    stored = wide.round().to(torch.uint8)
    assert lies_on_grid(stored, fold_codes((stored,), layout, grid)[..., 0, :, :], layout, grid)
    stored[:, 80:90, 40:60:3] = 255
    assert not lies_on_grid(stored, fold_codes((stored,), layout, grid)[..., 0, :, :], layout, grid)
