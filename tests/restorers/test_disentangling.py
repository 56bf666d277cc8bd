"""Luma and colors apart and together again."""

from __future__ import annotations

import pytest
import torch

from vdequant.restorers.disentangling import AB_SCALE, disentangle, entangle


def test_the_pair_is_a_round_trip() -> None:
    x = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(entangle(*disentangle(x)), x, rtol=0, atol=1e-4)


def test_it_agrees_with_scikit_image() -> None:
    skimage = pytest.importorskip("skimage.color")
    x = torch.rand(1, 3, 8, 9)
    expected = torch.from_numpy(skimage.rgb2lab(x[0].permute(1, 2, 0).numpy())).permute(2, 0, 1)[None]
    luma, chroma = disentangle(x)
    torch.testing.assert_close(torch.cat([luma, chroma * AB_SCALE], 1), expected.float(), rtol=0, atol=2e-2)


def test_colors_stay_within_one_for_all_of_srgb() -> None:
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3).T.reshape(1, 3, 2, 4)
    assert disentangle(corners)[1].abs().max() < 0.9


def test_grays_have_no_color() -> None:
    gray = torch.linspace(0, 1, 16).expand(1, 3, 4, 16)
    luma, chroma = disentangle(gray)
    assert chroma.abs().max() < 1e-3
    assert (luma[0, 0, 0].diff() > 0).all()


def test_what_srgb_cannot_show_is_clipped() -> None:
    x = entangle(torch.full((1, 1, 4, 4), 50.0), torch.ones(1, 2, 4, 4))
    assert x.isfinite().all()
    assert 0 <= x.min() <= x.max() <= 1


def test_other_colors_leave_the_luma_of_colors_in_the_gamut() -> None:
    x = torch.rand(1, 3, 8, 8) * 0.2 + 0.4
    luma, chroma = disentangle(x)
    after, _ = disentangle(entangle(luma, chroma + 0.02))
    torch.testing.assert_close(after, luma, rtol=0, atol=0.05)
