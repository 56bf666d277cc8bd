from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from vdequant.quantizers.blends import Blend
from vdequant.quantizers.grid import Grid, blended_axis
from vdequant.quantizers.grid_blended import blended_grid


def art(height: int = 60, width: int = 80, seed: int = 0) -> torch.Tensor:
    """Blocks of shades with single pixels among them, as tiles of drawings have them."""
    random = torch.Generator().manual_seed(seed)
    blocks = torch.randint(0, 5, (-(-height // 4), -(-width // 4)), generator=random)
    shades = blocks.repeat_interleave(4, 0).repeat_interleave(4, 1)[:height, :width]
    dots = torch.rand(height, width, generator=random) < 0.1
    return 40 + 40 * torch.where(dots, (shades + 2) % 5, shades).float()


def noisy(luma: torch.Tensor, size: float = 1.5) -> torch.Tensor:
    return (luma + size * torch.randn(luma.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 255)


def scaled(kernel: str, across: float, down: float, native: torch.Tensor) -> torch.Tensor:
    height, width = native.shape
    rows = blended_axis(Blend(kernel, down), round(height * down))
    return Grid(blended_axis(Blend(kernel, across), round(width * across)), rows).widen(native)


@pytest.mark.parametrize("scale", [(4, 4), (4.5, 5.4), (5, 3.25), (7.5, 7.5)], ids=str)
@pytest.mark.parametrize("kernel", ["area", "bilinear", "bicubic", "lanczos"])
def test_scalers_are_found_behind_noise(kernel: str, scale: tuple[float, float]) -> None:
    native = [art(), art().flip(0)]
    grid = blended_grid([noisy(scaled(kernel, *scale, picture)) for picture in native])
    assert grid is not None
    assert grid.size == (80, 60)
    assert grid.columns.blend is not None
    assert grid.columns.blend.kernel in (kernel, "area")  # whole pixels of which are those of others, in the middle
    assert grid.columns.blend.scale == pytest.approx(scale[0])


def test_a_blended_picture_between_bars_is_found_with_their_edges() -> None:
    pictures = [
        functional.pad(noisy(scaled("bilinear", 4.5, 4.5, each)), (41, 40), value=16.0)
        for each in (art(), art().flip(0))
    ]
    grid = blended_grid(pictures)
    assert grid is not None
    assert (grid.size, grid.borders) == ((80, 60), (41, 0, 40, 0))


def test_a_part_of_a_scaled_picture_is_found_where_it_lies() -> None:
    whole = [noisy(scaled("bilinear", 5, 5, picture)) for picture in (art(), art().flip(0))]
    grid = blended_grid([luma[3:, 12:] for luma in whole])
    assert grid is not None
    assert grid.columns.blend is not None
    assert grid.columns.blend.first % 5 == pytest.approx(3, abs=0.15)


def test_what_no_scaler_made_has_no_such_grid() -> None:
    random = torch.Generator().manual_seed(2)
    soft = functional.avg_pool2d(255 * torch.rand(1, 1, 300, 400, generator=random), 9, 1, 4)[0, 0]
    waves = 128 + 60 * torch.sin(torch.arange(300)[:, None] / 31) * torch.cos(torch.arange(400) / 23)
    for luma in (soft, waves, noisy(waves), art(240, 320), noisy(art(240, 320)), torch.full((240, 320), 90.0)):
        assert blended_grid([luma, luma.flip(0)]) is None


def test_less_than_twice_and_a_half_is_not_believed() -> None:
    assert blended_grid([noisy(scaled("bilinear", 2, 2, art(120, 160)))]) is None


def test_a_narrow_picture_between_wide_bars_is_too_small_to_tell() -> None:
    pictures = [functional.pad(art(160, 16, seed), (72, 72), value=16.0) for seed in (0, 1)]
    assert blended_grid(pictures) is None


@pytest.mark.parametrize("before", [0, 1])
def test_columns_that_make_a_width_even_are_no_native_pixels(before: int) -> None:
    rows = 193  # 3.2167 a native pixel: with the pad, 81 columns of 3.198 would nearly fit
    pictures = [
        functional.pad(
            noisy(
                Grid(
                    blended_axis(Blend("bilinear", 257 / 80), 257), blended_axis(Blend("bilinear", rows / 60), rows)
                ).widen(each)
            ),
            (before, 1 - before, 0, 1),
            value=16.0,
        )
        for each in (art(), art().flip(0))
    ]
    grid = blended_grid([noisy(each, 3.0) for each in pictures])
    assert grid is not None
    assert (grid.size, grid.borders) == ((80, 60), (before, 0, 1 - before, 1))
