from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.blends import KERNELS, Blend, blend_weights, folding
from vdequant.quantizers.grid import Axis, Grid, blended_axis, even_axis

SIZES = {"whole": (60, 5.0), "fraction": (54, 4.5), "less than a pixel over": (56, 4.6), "large": (90, 7.5)}


def smooth_and_sharp(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("kernel", KERNELS)
def test_shares_of_native_pixels_sum_to_one(kernel: str) -> None:
    weights = blend_weights(Blend(kernel, 4.3, -1.2), 50, 13)
    assert torch.allclose(weights.sum(1), torch.ones(50, dtype=torch.float64))


def test_a_bilinear_blend_is_that_of_every_bilinear_scaler() -> None:
    native = smooth_and_sharp(1, 1, 12, 16)
    grid = Grid(blended_axis(Blend("bilinear", 4.5), 72), blended_axis(Blend("bilinear", 5.0), 60))
    wanted = torch.nn.functional.interpolate(native, (60, 72), mode="bilinear")
    assert torch.allclose(grid.widen(native), wanted, atol=1e-5)


def test_the_area_of_whole_pixels_is_their_repetition() -> None:
    native = smooth_and_sharp(3, 12, 16)
    grid = Grid(blended_axis(Blend("area", 4.0), 64), blended_axis(Blend("area", 3.0), 36))
    assert torch.allclose(grid.widen(native), native.repeat_interleave(3, -2).repeat_interleave(4, -1))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_native_pixels_come_back_from_their_blends(kernel: str, size: str) -> None:
    stored, scale = SIZES[size]
    axis = blended_axis(Blend(kernel, scale, 0.0), stored, before=7, after=4)
    grid = Grid(axis, axis)
    native = smooth_and_sharp(2, 3, axis.count, axis.count)
    around = torch.zeros(2, 3, *grid.stored_size)
    wide = grid.expand(native, border=lambda box: around[..., box[1] : box[3], box[0] : box[2]])
    assert wide.shape[-1] == grid.stored_size[0] == stored + 11
    assert (grid.unblend(wide) - native).abs().max() < 0.01
    assert (grid.fold(wide) - native).abs().max() < 0.01


def test_chroma_of_half_the_size_is_folded_as_means_of_two_from_the_picture_alone() -> None:
    axis = blended_axis(Blend("bilinear", 4.5), 54, before=7, after=5)  # the picture begins at an odd place
    grid, native = Grid(axis, axis), smooth_and_sharp(1, 12, 12)
    around = torch.full((1, *grid.stored_size), 9.0)
    wide = grid.expand(native, border=lambda box: around[..., box[1] : box[3], box[0] : box[2]])
    chroma = torch.nn.functional.avg_pool2d(wide, 2)
    assert (grid.unblend(chroma, (1, 1)) - native).abs().max() < 0.02


def test_further_enlargement_is_that_of_the_scaler() -> None:
    native = smooth_and_sharp(1, 1, 12, 16)
    grid = Grid(blended_axis(Blend("bilinear", 4.0), 64), blended_axis(Blend("bilinear", 4.0), 48))
    wanted = torch.nn.functional.interpolate(native, (96, 128), mode="bilinear")
    assert torch.allclose(grid.widen(native, 2), wanted, atol=1e-5)
    doubled = native.repeat_interleave(2, -1).repeat_interleave(2, -2)
    wanted = torch.nn.functional.interpolate(doubled, (48, 64), mode="bilinear")
    assert torch.allclose(grid.widen(doubled, factor=2), wanted, atol=1e-5)


def test_weights_have_no_numbers_that_slow_processors_down() -> None:
    _, weights = folding(Blend("bilinear", 7.5), 1200, 160, 0, 0, torch.device("cpu"))
    assert weights[weights != 0].abs().min() >= 1e-7


def test_one_blended_axis_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="both axes blended or none"):
        Grid(blended_axis(Blend("bilinear", 4.0), 64), even_axis(64, 4))
    with pytest.raises(ValueError, match="expected a blended grid"):
        Grid(Axis(0, (4,) * 4), Axis(0, (4,) * 4)).unblend(torch.zeros(16, 16))
