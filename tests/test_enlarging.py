"""Scalers: fine colors stay fine, and outputs that are too small for one are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vdequant.enlarging import Xbr, make_scaler
from vdequant.errors import ModelError, UsageError
from vdequant.frame_work import Recipe, restore_planes
from vdequant.frames import Layout
from vdequant.media.pixel_art import XbrFilter
from vdequant.quantizers.grid import Axis, Grid
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.identity import Identity

CPU = torch.device("cpu")


def shaded_diagonal(side: int = 24) -> torch.Tensor:
    """Two areas with shades finer than 8 bits on a staircase, ``(1, 3, side, side)``."""
    below = (torch.arange(side)[:, None] > torch.arange(side)).float()
    shade = torch.linspace(0, 3 / 255, side).expand(side, side)
    return torch.stack([0.7 * below + shade, 0.1 + shade, 0.6 - 0.5 * below])[None].contiguous()


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_xbr_follows_the_filter_and_keeps_shades_finer_than_8_bits(factor: int) -> None:
    x = shaded_diagonal()
    enlarged = Xbr(factor).enlarge(x)
    filtered = XbrFilter(factor)((x[0] * 255).round().to(torch.uint8)).float()
    assert (enlarged[0] * 255 - filtered).abs().max() < 2.5
    repeated = x.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
    same = (filtered == (repeated[0] * 255).round()).all(0)
    assert torch.equal(enlarged[0][:, same], repeated[0][:, same])
    mixed = enlarged[0][:, ~same]
    assert mixed[1].unique().numel() > filtered[1][~same].unique().numel()


def test_mixtures_are_made_at_full_precision() -> None:
    x = shaded_diagonal()
    fine = Xbr(2).enlarge(x)[0]
    # the blue channel has two exact values, so every pixel must be a mixture of them in eighths
    shares = (fine[2] - 0.1) / 0.5 * 8
    assert ((shares - shares.round()).abs() < 1e-3).float().mean() > 0.95


def test_pictures_of_a_batch_are_enlarged_alike() -> None:
    x = shaded_diagonal()
    pair = Xbr(3).enlarge(torch.cat([x, x.flip(-1)]))
    assert torch.equal(pair[:1], Xbr(3).enlarge(x))


@pytest.mark.parametrize(
    ("scale", "grid", "factor"),
    [
        (2, None, 2),
        (6, None, 3),
        (8, None, 4),
        (5, None, 4),
        (1, Grid.of_scale((4, 4), 64, 64), 4),
        (1, Grid.of_scale((4, 2), 64, 64), 2),
        (1, Grid(Axis(0, (4, 5) * 8), Axis(3, (4, 5) * 8)), 4),
    ],
)
def test_the_largest_factor_that_divides_the_enlargement_is_taken(scale: int, grid: Grid | None, factor: int) -> None:
    scaler = make_scaler("xbr", scale, grid, CPU)
    assert scaler is not None
    assert scaler.factor == factor
    assert str(factor) in scaler.describe()


def test_nearest_needs_no_scaler() -> None:
    assert make_scaler("nearest", 4, None, CPU) is None


def test_what_a_scaler_cannot_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected --scale 2 or more"):
        make_scaler("xbr", 1, None, CPU)
    with pytest.raises(UsageError, match="nearest, xbr"):
        make_scaler("magic", 2, None, CPU)
    with pytest.raises(ModelError):
        make_scaler(str(tmp_path / "gone.pth"), 2, None, CPU)


def test_an_enlarged_source_is_smoothed_at_its_own_size_and_borders_stay() -> None:
    quantizer = UniformQuantizer.of_levels(4)
    below = (torch.arange(20)[:, None] > torch.arange(20)).to(torch.uint8) * 170
    big = torch.nn.functional.pad(below.repeat_interleave(4, -1).repeat_interleave(4, -2), (6, 6, 0, 0), value=85)[None]
    source = Layout(92, 80, "rgb", 8)
    grid = Grid(Axis(6, (4,) * 20, 6), Axis(0, (4,) * 20))
    recipe = Recipe(Identity(), quantizer, Layout(92, 80, "rgb", 10), grid=grid, scaler=Xbr(4))
    smooth = restore_planes(recipe, (big, big, big), source, certify=False).planes[0][0].int()
    assert (smooth[:, :6] == 341).all()
    assert (smooth[:, -6:] == 341).all()
    inner = smooth[:, 6:-6]
    assert inner.unique().numel() > 3
    assert not torch.equal(inner, inner[::4, ::4].repeat_interleave(4, 0).repeat_interleave(4, 1))
    # a frame that is not made of native pixels has no room for it
    big[0, 3, 40] = 255
    plain = restore_planes(recipe, (big, big, big), source, certify=False).planes[0][0].float()
    assert torch.equal((plain / 1023 * 255).round(), big[0].float())
