"""Colors of drawn pictures from luma and color at half the size: found again whatever way the color was halved."""

from __future__ import annotations

import make
import pytest
import torch
from torch import Tensor

from vdequant.frames import Layout, Matrix
from vdequant.quantizers.color_learning import learn_colors
from vdequant.quantizers.color_taps import ColorTaps
from vdequant.quantizers.folding import rgb_to_codes
from vdequant.quantizers.guided_color import guided_color
from vdequant.quantizers.unmixing import FEW, Mixing, Unmixer, rarity_of

COLORS = [(239, 198, 156), (66, 115, 231), (16, 115, 16), (255, 255, 255), (222, 66, 99), (49, 57, 57), (115, 99, 0)]
LAYOUT = Layout(80, 64, "yuv", 8, (1, 1), Matrix.SMPTE170M)
KNOWN = ColorTaps.known()


def labels_of(moment: int = 0) -> Tensor:
    """``(64, 80)`` a drawing of 1-pixel lines and small boxes."""
    numbered = [(index, 0, 0) for index in range(len(COLORS))]
    return torch.from_numpy(make.tile_scene(numbered, moment)[..., 0].astype("int64"))


def mixing_of(taps: ColorTaps, noise: float = 1.0, colors: list[tuple[int, int, int]] = COLORS) -> Mixing:
    codes = rgb_to_codes(torch.tensor(colors) / 255, LAYOUT)
    return Mixing(codes, rarity_of(torch.ones(len(colors))), taps, noise, noise)


def stored(mixing: Mixing, labels: Tensor, noise: float = 0.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Luma and halved color of a drawing, with a codec's noise."""
    chance = torch.Generator().manual_seed(seed)
    luma, color = mixing.codes[:, 0][labels], mixing.taps.halved(mixing.codes[:, 1:][labels].movedim(-1, 0))
    luma = luma + noise * torch.randn(luma.shape, generator=chance)
    return luma, color + noise * torch.randn(color.shape, generator=chance)


@pytest.mark.parametrize("taps", KNOWN)
def test_taps_of_sum_one_keep_flat_color_and_spread_is_the_transpose_of_halved(taps: ColorTaps) -> None:
    flat = torch.full((2, 12, 16), 77.0)
    assert torch.allclose(taps.halved(flat), torch.full((2, 6, 8), 77.0), atol=1e-4)
    chance = torch.Generator().manual_seed(1)
    pixels, samples = torch.zeros(2, 12, 16), torch.randn(2, 6, 8, generator=chance)
    pixels[:, 2:-2, 2:-2] = torch.randn(2, 8, 12, generator=chance)  # nothing at the borders, which are repeated
    assert float((taps.halved(pixels) * samples).sum()) == pytest.approx(
        float((pixels * taps.spread(samples)).sum()), abs=1e-3
    )


@pytest.mark.parametrize("taps", KNOWN)
def test_shares_are_what_one_pixel_adds_to_the_samples(taps: ColorTaps) -> None:
    for pixel in range(4):
        color = torch.zeros(2, 12, 12)
        color[:, 4 + pixel // 2, 4 + pixel % 2] = 1
        seen = taps.halved(color)[0].flatten()
        assert torch.allclose(
            seen[seen > 0].sort().values, taps.shares[:, pixel][taps.shares[:, pixel] > 0].sort().values
        )


@pytest.mark.parametrize("taps", KNOWN[:7])
def test_fitting_finds_the_taps_from_those_of_ffmpeg(taps: ColorTaps) -> None:
    color = 20 * torch.randn(2, 64, 64, generator=torch.Generator().manual_seed(2))
    found = KNOWN[0].fitted([color], [taps.halved(color)], stiffness=1.0)
    assert torch.allclose(found.weights, taps.weights, atol=0.01)


@pytest.mark.parametrize("taps", KNOWN)
def test_drawings_are_found_again_whatever_way_color_was_halved(taps: ColorTaps) -> None:
    mixing, truth = mixing_of(taps), labels_of()
    found, _ = Unmixer(mixing)(*stored(mixing, truth, noise=1.0))
    wrong = float((found != truth).float().mean())
    assert wrong < 0.02


def test_what_is_not_sure_is_said_to_be_so() -> None:
    """Two colors of one luma on both sides of an edge within a square: its sample cannot tell which is where."""
    taps = KNOWN[7]  # one pixel's color for four: the other three show their luma alone
    mixing = mixing_of(taps, colors=[(200, 100, 100), (100, 149, 110), (0, 0, 0)])
    assert abs(float(mixing.codes[0, 0] - mixing.codes[1, 0])) < 1.0
    truth = torch.zeros(16, 16, dtype=torch.long)
    truth[:, 9:] = 1
    _, gaps = Unmixer(mixing)(*stored(mixing, truth))
    assert gaps[:, 9].max() < gaps[:, 4].min()


def test_colors_that_a_picture_does_not_have_do_not_disturb_it() -> None:
    """A clip's other scenes have colors of the same luma."""
    chance = torch.Generator().manual_seed(4)
    others = [tuple(color) for color in torch.randint(0, 256, (60, 3), generator=chance).tolist()]
    mixing, truth = mixing_of(KNOWN[0], colors=COLORS + others), labels_of()
    assert len(mixing.codes) > FEW
    found, _ = Unmixer(mixing)(*stored(mixing, truth, noise=1.0))
    assert float((found != truth).float().mean()) < 0.02


def test_what_an_arrangement_leaves_unexplained_is_the_noise() -> None:
    mixing, truth = mixing_of(KNOWN[0]), labels_of()
    unmixer = Unmixer(mixing)
    luma, color = unmixer.missed(truth, *stored(mixing, truth, noise=2.0))
    assert float(luma.std()) == pytest.approx(2, rel=0.05)
    assert float(color.std()) == pytest.approx(2, rel=0.1)


def test_color_led_by_luma_is_nearer_to_the_truth_than_what_is_stored() -> None:
    mixing, truth = mixing_of(KNOWN[0]), labels_of()
    luma, halved = stored(mixing, truth)
    color = mixing.codes[:, 1:][truth].movedim(-1, 0)
    led = guided_color(luma, halved, KNOWN[0], 2.0)
    shown = halved.repeat_interleave(2, -2).repeat_interleave(2, -1)
    assert float((led - color).square().mean()) < float((shown - color).square().mean()) / 3
    assert float((KNOWN[0].halved(led) - halved).square().mean()) < float((shown - color).square().mean()) / 20


def test_color_led_by_luma_keeps_what_is_known() -> None:
    mixing, truth = mixing_of(KNOWN[0]), labels_of()
    luma, halved = stored(mixing, truth)
    color = mixing.codes[:, 1:][truth].movedim(-1, 0)
    known = torch.rand(truth.shape, generator=torch.Generator().manual_seed(5)) < 0.5
    led = guided_color(luma, halved, KNOWN[0], 2.0, (torch.where(known, color, 128.0), known), 8)
    assert float((led - color).abs()[:, known].mean()) < 0.5


@pytest.mark.parametrize("taps", [KNOWN[0], KNOWN[2], KNOWN[4]], ids=["bicubic", "one row", "sited left"])
def test_colors_taps_and_noise_are_learned(taps: ColorTaps) -> None:
    mixing = mixing_of(taps, noise=1.5)
    pictures = [stored(mixing, labels_of(moment), noise=1.5, seed=moment) for moment in (0, 5, 11)]
    learned = learn_colors([luma for luma, _ in pictures], [color for _, color in pictures])
    assert learned is not None
    far = torch.cdist(mixing.codes, learned.mixing.codes).amin(1)
    assert float(far.max()) < 3
    assert len(learned.counts) <= len(COLORS) + 2
    assert float((learned.mixing.taps.weights - taps.weights).abs().max()) < 0.05
    assert learned.mixing.luma_noise == pytest.approx(1.5, abs=0.3)
    assert learned.mixing.color_noise == pytest.approx(1.5, abs=0.5)


def test_of_one_flat_color_nothing_is_learned() -> None:
    assert learn_colors([torch.full((32, 32), 90.0)], [torch.full((2, 16, 16), 120.0)]) is None


def test_of_noise_nothing_is_learned() -> None:
    chance = torch.Generator().manual_seed(6)
    luma, color = torch.rand(64, 64, generator=chance) * 219 + 16, torch.rand(2, 32, 32, generator=chance) * 200 + 28
    learned = learn_colors([luma], [color])
    assert learned is None or len(learned.counts) > 20


def test_a_picture_of_a_few_pixels_has_colors_though_none_is_frequent() -> None:
    chance = torch.Generator().manual_seed(8)
    colors = [tuple(color) for color in torch.randint(0, 256, (40, 3), generator=chance).tolist()]
    mixing = mixing_of(KNOWN[0], colors=colors)
    truth = torch.tensor([[0, 1], [2, 3]])
    found, gaps = Unmixer(mixing)(*stored(mixing, truth))
    assert found.shape == gaps.shape == (2, 2)
