from __future__ import annotations

import torch

from vdequant.color import luma_of
from vdequant.edits.blending import blended


def test_a_source_color_becomes_its_partner() -> None:
    source, target = torch.rand(6, 3), 0.2 + 0.6 * torch.rand(6, 3)
    x = source.T.reshape(1, 3, 2, 3)
    assert torch.allclose(blended(x, source, target), target.T.reshape(1, 3, 2, 3), atol=0.02)


def test_a_ramp_between_two_colors_becomes_a_ramp_between_their_partners() -> None:
    source = torch.tensor([[0.2, 0.2, 0.2], [0.6, 0.6, 0.6]])
    target = torch.tensor([[0.6, 0.2, 0.2], [0.2, 0.2, 0.6]])
    ramp = torch.linspace(0.2, 0.6, 64).expand(1, 3, 8, 64)
    red = blended(ramp, source, target)[0, 0, 0]
    assert (red.diff().abs() < 0.05).all()
    assert red[0] > 0.55
    assert red[-1] < 0.4


def test_a_palette_to_itself_keeps_the_luma_exactly() -> None:
    x, palette = torch.rand(2, 3, 16, 16), torch.rand(8, 3)
    assert torch.allclose(luma_of(blended(x, palette, palette)), luma_of(x), atol=1e-5)
