from __future__ import annotations

import torch

from vdequant.color import luma_of
from vdequant.edits.luma import fitted, with_luma


def test_a_color_gets_the_luma_that_is_wanted_and_stays_a_color() -> None:
    x, luma = torch.rand(2, 3, 16, 16), torch.rand(2, 1, 16, 16)
    made = with_luma(x, luma)
    assert torch.allclose(luma_of(made), luma, atol=1e-5)
    assert made.amin() >= 0
    assert made.amax() <= 1


def test_a_color_of_the_same_luma_is_not_changed() -> None:
    x = torch.rand(1, 3, 8, 8)
    assert torch.allclose(with_luma(x, luma_of(x)), x, atol=1e-6)


def test_chroma_shrinks_only_where_it_does_not_fit() -> None:
    chroma = torch.tensor([0.3, -0.1, -0.1]).view(1, 3, 1, 1)
    luma = torch.tensor([0.5, 0.9]).view(1, 1, 1, 2)
    made = fitted(luma, chroma)
    assert torch.allclose(made[..., :1], 0.5 + chroma)
    assert torch.allclose(made[..., 1:], 0.9 + chroma / 3)


def test_luma_beyond_white_is_white() -> None:
    assert torch.equal(fitted(torch.full((1, 1, 1, 1), 1.2), torch.rand(1, 3, 1, 1) - 0.5), torch.ones(1, 3, 1, 1))
