"""CIEDE2000 against scikit-image and against the published pairs that implementations get wrong."""

from __future__ import annotations

import pytest
import torch

from vdequant.metrics.color_difference import ab_error, ciede2000, delta_e

# Sharma, Wu, Dalal 2005, table 1, pairs 4, 7, 9, 14, 16, 17: gray, hues a half turn apart, blue, far apart.
PAIRS = [
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0009), 7.1792),
    ((50.0, -0.0010, 2.4900), (50.0, 0.0011, -2.4900), 4.7461),
    ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
]


@pytest.mark.parametrize(("first", "second", "expected"), PAIRS)
def test_the_published_pairs_come_out(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    a, b = (torch.tensor(color, dtype=torch.float64).view(1, 3, 1, 1) for color in (first, second))
    assert ciede2000(a, b).item() == pytest.approx(expected, abs=5e-5)
    assert ciede2000(b, a).item() == pytest.approx(expected, abs=5e-5)


def test_delta_e_agrees_with_scikit_image() -> None:
    skimage = pytest.importorskip("skimage.color")
    x, reference = torch.rand(2, 3, 16, 17), torch.rand(2, 3, 16, 17)
    x[0, :, :4] = x[0, :1, :4]  # grays have no hue
    labs = [[skimage.rgb2lab(p.double().permute(1, 2, 0).numpy()) for p in side] for side in (x, reference)]
    expected = [skimage.deltaE_ciede2000(a, b).mean() for a, b in zip(*labs, strict=True)]
    assert delta_e(x, reference).tolist() == pytest.approx(expected, abs=1e-6)


def test_equal_pictures_differ_by_nothing() -> None:
    x = torch.rand(1, 3, 8, 8)
    assert delta_e(x, x).item() == 0
    assert ab_error(x, x).item() == 0


def test_ab_error_is_the_distance_of_colors_without_luma() -> None:
    skimage = pytest.importorskip("skimage.color")
    x, reference = torch.rand(1, 3, 8, 9), torch.rand(1, 3, 8, 9)
    labs = [skimage.rgb2lab(p[0].double().permute(1, 2, 0).numpy())[..., 1:] for p in (x, reference)]
    expected = ((labs[0] - labs[1]) ** 2).sum(-1) ** 0.5
    assert ab_error(x, reference).item() == pytest.approx(expected.mean(), abs=1e-2)
    gray = torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)
    assert ab_error(gray, gray.flip(-1)).item() < 1e-2
