"""What holds behind a video codec: luma of each pixel, color of squares, and nothing about where in them it lies."""

from __future__ import annotations

import pytest
import torch

from vdequant.color import from_rgb, to_rgb
from vdequant.errors import UsageError
from vdequant.frames import Layout, Matrix
from vdequant.quantizers.spec import parse_quantizer, resolve
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.video import FROM_LUMA, VideoQuantizer

GRAY = torch.full((1, 3, 8, 8), 0.5)


def changed(luma: float, blue: float, red: float, where: tuple[int, ...] = (0,)) -> torch.Tensor:
    """Gray, with some pixels of the first row moved in luma and the two differences of color."""
    x = GRAY.clone()
    for column in where:
        x[0, :, 0, column] += FROM_LUMA @ torch.tensor([luma, blue, red])
    return x


def test_a_pixels_color_may_change_by_more_than_its_luma() -> None:
    cells = VideoQuantizer(4 / 255).cells(GRAY)
    assert bool(cells.contains(changed(0, 0.2, -0.1)).all())
    assert not bool(cells.contains(changed(0.02, 0, 0))[0, :, 0, 0].any())


def test_the_mean_color_of_a_square_is_kept() -> None:
    cells = VideoQuantizer(4 / 255).cells(GRAY)
    inside = cells.contains(changed(0, 0.25, 0, (0, 1, 2, 3)))
    assert not bool(inside[..., :4, :4].any())
    assert bool(inside[..., 4:, :].all())
    assert bool(inside[..., :, 4:].all())


def test_projecting_takes_back_the_square_and_leaves_the_others() -> None:
    cells = VideoQuantizer(4 / 255).cells(GRAY)
    x = changed(0.05, 0.2, 0, (0, 1, 2, 3))
    x[..., 6, 6] += 0.01
    restored = cells.project(x)
    assert bool(cells.contains(restored).all())
    assert torch.equal(restored[..., 4:, :], x[..., 4:, :])
    assert float((restored - GRAY)[..., 0, :4].abs().max()) > 0.05


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (17, 13)])
def test_pictures_of_any_colors_and_size_are_moved_into_the_cells(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    stored, x = (torch.rand(2, 3, *size, generator=generator).round(decimals=1) for _ in range(2))
    cells = VideoQuantizer(2 / 255).cells(stored)
    assert bool(cells.contains(cells.project(x)).all())


def test_colors_that_a_clip_in_420_lost_are_inside() -> None:
    """Bars of two colors of nearly one luma: what was drawn is in the cells of what 4:2:0 leaves, but in no box."""
    drawn = torch.zeros(1, 3, 32, 32) + torch.tensor([0.8, 0.25, 0.2]).view(1, 3, 1, 1)
    drawn[..., 9:21] = torch.tensor([0.1, 0.5, 0.6]).view(1, 3, 1, 1)
    layout = Layout(32, 32, "yuv", 8, (1, 1), Matrix.SMPTE170M, full_range=False)
    stored = to_rgb(from_rgb(drawn, layout), layout)
    video, box = (kind(8 / 255).cells(stored).contains(drawn) for kind in (VideoQuantizer, ToleranceQuantizer))
    assert float(video.float().mean()) > 0.99
    assert float(box.float().mean()) < 0.95


def test_a_tolerance_is_above_zero() -> None:
    with pytest.raises(UsageError, match="above 0"):
        VideoQuantizer(0.0)


def test_it_is_asked_for_by_a_codec_with_halved_color() -> None:
    made = resolve(parse_quantizer("lossy:4/420"), [])
    assert isinstance(made, VideoQuantizer)
    assert made.tolerance == pytest.approx(4 / 255)
    assert isinstance(resolve(parse_quantizer("lossy:4"), []), ToleranceQuantizer)
    with pytest.raises(UsageError, match="chroma"):
        parse_quantizer("lossy:4/444")
