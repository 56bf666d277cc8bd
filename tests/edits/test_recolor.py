from __future__ import annotations

import pytest
import torch

from vdequant.color import luma_of
from vdequant.edits import RECOLOR_FAST
from vdequant.edits.recolor import filled, mean_color, recolor
from vdequant.errors import UsageError

BLUE = torch.tensor([0.1, 0.2, 0.8]).view(1, 3, 1, 1)


def half(height: int = 16, width: int = 24) -> torch.Tensor:
    weight = torch.zeros(1, 1, height, width)
    weight[..., : width // 2] = 1
    return weight


@pytest.mark.parametrize("texture", RECOLOR_FAST)
def test_outside_the_mask_nothing_changes(texture: str) -> None:
    x, weight = torch.rand(1, 3, 16, 24), half()
    painted = recolor(x, weight, BLUE, texture=texture)
    assert torch.equal(painted[..., 12:], x[..., 12:])
    assert not torch.equal(painted[..., :12], x[..., :12])
    assert painted.amin() >= 0
    assert painted.amax() <= 1


def test_flat_parts_get_exactly_the_color() -> None:
    x = torch.tensor([0.8, 0.3, 0.2]).view(1, 3, 1, 1).expand(1, 3, 16, 24).contiguous()
    assert torch.allclose(recolor(x, half(), BLUE)[..., :12], BLUE.expand(1, 3, 16, 12), atol=1e-5)
    assert torch.allclose(filled(x, half(), BLUE)[..., :12], BLUE.expand(1, 3, 16, 12), atol=1e-5)


def test_the_mean_luma_is_that_of_the_color_and_small_variations_stay() -> None:
    x = (0.5 + 0.05 * torch.randn(1, 1, 16, 24)).clamp(0.3, 0.7).expand(1, 3, 16, 24).contiguous()
    color = torch.tensor([0.6, 0.4, 0.5]).view(1, 3, 1, 1)
    before, after = luma_of(x)[..., :12], luma_of(recolor(x, half(), color))[..., :12]
    assert float(after.mean()) == pytest.approx(float(luma_of(color)), abs=0.01)
    assert torch.allclose(after - after.mean(), before - before.mean(), atol=0.02)


@pytest.mark.parametrize("color", [0.02, 0.98])
def test_order_of_dark_and_light_survives_extreme_colors(color: float) -> None:
    ramp = torch.linspace(0.05, 0.95, 24).expand(1, 3, 16, 24).contiguous()
    painted = recolor(ramp, torch.ones(1, 1, 16, 24), torch.full((1, 3, 1, 1), color))
    assert (luma_of(painted)[0, 0, 0].diff() > 0).all()


def test_a_highlight_on_colorful_paint_stays_less_colorful() -> None:
    x = torch.tensor([0.8, 0.1, 0.1]).view(1, 3, 1, 1).expand(1, 3, 16, 24).clone()
    x[..., 4, 4] = 0.95
    painted = recolor(x, half(), BLUE)
    chroma = (painted - luma_of(painted)).norm(dim=1)
    assert chroma[0, 4, 4] < 0.5 * chroma[0, 8, 8]


def test_the_mean_color_leaves_the_luma() -> None:
    x = 0.2 + 0.6 * torch.rand(1, 3, 16, 24)
    painted = recolor(x, half(), mean_color(x, half()))
    assert torch.allclose(luma_of(painted), luma_of(x), atol=1e-4)


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        recolor(torch.rand(1, 3, 8, 8), torch.zeros(1, 1, 8, 8), BLUE)


def test_what_lies_in_the_shade_is_as_much_less_colorful_as_it_is_darker() -> None:
    x = torch.full((1, 3, 8, 16), 0.6)
    x[..., 8:] = 0.3
    color = torch.tensor([0.55, 0.4, 0.4]).view(1, 3, 1, 1)
    painted = recolor(x, torch.ones(1, 1, 8, 16), color, texture="L")
    luma = luma_of(painted)
    strength = (painted - luma).norm(dim=1)[0, 0]
    assert float(strength[8] / strength[0]) == pytest.approx(float(luma[0, 0, 0, 8] / luma_of(color)), rel=0.01)
