from __future__ import annotations

import pytest
import torch

from vdequant.color import from_rgb, to_rgb
from vdequant.errors import UsageError
from vdequant.frames import Layout, Matrix, Siting
from vdequant.quantizers.chroma import ChromaQuantizer, ChromaSiting, Kind
from vdequant.quantizers.halving import Placement, doubling, halving

SITINGS: dict[ChromaSiting, Siting] = {"left": Siting.LEFT, "center": Siting.CENTER, "topleft": Siting.TOPLEFT}


def waves(height: int, width: int, contrast: float = 0.2) -> torch.Tensor:
    down, across = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    return torch.stack([0.5 + contrast * torch.sin(across / 5 + down / (4 + i) + i) for i in range(3)])[None]


@pytest.mark.parametrize("placement", ["centered", "cosited", "repeated"])
@pytest.mark.parametrize("size", [1, 2, 3, 8, 13])
def test_halving_undoes_doubling(placement: Placement, size: int) -> None:
    exact = torch.device("cpu"), torch.float64
    product = halving(size, placement, *exact) @ doubling(size, placement, *exact)
    torch.testing.assert_close(product, torch.eye(-(-size // 2), dtype=torch.float64))


@pytest.mark.parametrize("siting", SITINGS)
@pytest.mark.parametrize("kind", ["420", "422"])
@pytest.mark.parametrize("size", [(16, 20), (13, 17)])
def test_what_a_file_shows_stays_what_it_is(kind: Kind, siting: ChromaSiting, size: tuple[int, int]) -> None:
    chroma = (1, 1) if kind == "420" else (1, 0)
    height, width = size
    layout = Layout(width, height, "yuv", 16, chroma, Matrix.BT709, full_range=False, siting=SITINGS[siting])
    shown = to_rgb(from_rgb(waves(height, width)[0], layout), layout)[None]
    assert 0 < shown.min() < shown.max() < 1
    torch.testing.assert_close(ChromaQuantizer(kind, siting, "bt709").quantize(shown), shown, rtol=0, atol=1e-5)
    wrong: ChromaSiting = "left" if siting == "center" else "center"
    assert (ChromaQuantizer(kind, wrong, "bt709").quantize(shown) - shown).abs().max() > 1e-3


def test_brightness_stays_and_fine_color_goes() -> None:
    x = torch.full((1, 3, 8, 8), 0.5)
    x[:, 0, :, ::2] += 0.1
    x[:, 2, :, 1::2] += 0.1
    y = ChromaQuantizer("420", "center").quantize(x)
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    torch.testing.assert_close((y * weights).sum(1), (x * weights).sum(1), rtol=0, atol=1e-5)
    assert (y[:, 0] - y[:, 2]).std() < 0.3 * (x[:, 0] - x[:, 2]).std()


def test_eight_bits_give_the_codes_of_the_file() -> None:
    y = ChromaQuantizer("420", "center", bits=8).quantize(waves(16, 16))
    layout = Layout(16, 16, "yuv", 8, (1, 1), Matrix.SMPTE170M, full_range=False, siting=Siting.CENTER)
    luma = from_rgb(y[0], layout)[0]
    again = ChromaQuantizer("420", "center", bits=8).linear.split(y)[0]
    torch.testing.assert_close(again[0, 0], luma.float(), rtol=0, atol=1e-3)


def test_project_keeps_color_detail_that_the_file_cannot_hold() -> None:
    x = waves(16, 16)
    x[:, 0, :, ::2] += 0.1
    quantizer = ChromaQuantizer("420")
    y = quantizer.quantize(x)
    assert (x - y).abs().max() > 0.03
    cells = quantizer.cells(y)
    torch.testing.assert_close(cells.project(x), x, rtol=0, atol=1e-6)
    brighter = cells.project(x + 0.05)
    torch.testing.assert_close(brighter, x, rtol=0, atol=2e-3)


def test_saturated_colors_come_to_rest_inside() -> None:
    generator = torch.Generator().manual_seed(0)
    quantizer = ChromaQuantizer("420")
    cells = quantizer.cells(quantizer.quantize(torch.rand(1, 3, 16, 16, generator=generator)))
    once = cells.project(torch.rand(1, 3, 16, 16, generator=generator))
    assert cells.contains(once).float().mean() > 0.99
    torch.testing.assert_close(cells.project(once), once, rtol=0, atol=2e-3)


def test_settings_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UsageError, match="420, 422"):
        ChromaQuantizer("444")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="left, center, topleft"):
        ChromaQuantizer("420", "right")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="bt601, bt709, bt2020"):
        ChromaQuantizer("420", matrix="bt470")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="8 to 16 bits"):
        ChromaQuantizer("420", bits=4)
