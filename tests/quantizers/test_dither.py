from __future__ import annotations

import pytest
import torch

from vdequant.errors import UsageError
from vdequant.quantizers import DITHER_KINDS
from vdequant.quantizers.consoles import ConsoleQuantizer
from vdequant.quantizers.dither import DitherQuantizer, color_mixture, into_hull, level_mixture
from vdequant.quantizers.dither_orders import PATTERNS
from vdequant.quantizers.error_diffusion import KERNELS
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.threshold import GrayQuantizer, ThresholdQuantizer, gray
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.windows import local_mean

GRAYS = torch.linspace(0, 1, 4)[:, None].expand(4, 3)


def ramp() -> torch.Tensor:
    x = torch.linspace(0, 1, 48).expand(48, 48)
    return torch.stack([x, x.T, (x + x.T) / 2])[None]


def corners() -> torch.Tensor:
    return torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)


@pytest.mark.parametrize("kind", DITHER_KINDS)
@pytest.mark.parametrize(
    "inner", [UniformQuantizer.of_levels(3), PaletteQuantizer(corners())], ids=["levels", "palette"]
)
def test_local_means_survive(kind: str, inner: UniformQuantizer | PaletteQuantizer) -> None:
    x = ramp() * 0.6 + 0.2
    stored = DitherQuantizer(inner, kind).quantize(x)
    # Undithered, means over 7x7 pixels are off by half a step in places. Two thresholds are coarser than many.
    step = 1 / 3 if isinstance(inner, UniformQuantizer) else 1.0
    error = local_mean(stored - x)[..., 4:-4, 4:-4].abs()
    assert error.mean() < step * (0.15 if kind in ("checkerboard", "column") else 0.1)
    assert local_mean(inner.quantize(x) - x).abs().max() > 0.3 * step


@pytest.mark.parametrize("kind", DITHER_KINDS)
def test_only_values_of_the_inner_quantizer_come_out(kind: str) -> None:
    inner = UniformQuantizer.of_bits((3, 3, 2), "shift")
    stored = DitherQuantizer(inner, kind).quantize(ramp())
    for channel, levels in enumerate(inner.levels):
        assert set(stored[0, channel].flatten().tolist()) <= set(levels.tolist())


@pytest.mark.parametrize("kind", DITHER_KINDS)
def test_a_picture_of_palette_colors_stays_as_it_is(kind: str) -> None:
    # Also two colors that are one code apart, between which any offset would decide.
    palette = torch.tensor([[10, 20, 30], [11, 20, 30], [200, 100, 50], [0, 0, 0]]) / 255
    x = palette[torch.randint(4, (1, 20, 20))].permute(0, 3, 1, 2)
    assert torch.equal(DitherQuantizer(PaletteQuantizer(palette), kind).quantize(x), x)


@pytest.mark.parametrize("kind", DITHER_KINDS)
def test_what_the_levels_do_not_reach_becomes_the_nearest_one(kind: str) -> None:
    stored = DitherQuantizer(UniformQuantizer.of_levels(4), kind).quantize(torch.zeros(1, 3, 9, 9))
    assert stored.unique().tolist() == [0.125]


@pytest.mark.parametrize("kind", ["fs", "bayer4"])
@pytest.mark.parametrize("inner", [GrayQuantizer(3), ThresholdQuantizer(0.7)], ids=["grays", "black and white"])
def test_gray_quantizers_dither_the_weighted_gray(kind: str, inner: GrayQuantizer | ThresholdQuantizer) -> None:
    x = ramp() * 0.6 + 0.2
    stored = DitherQuantizer(inner, kind).quantize(x)
    assert torch.equal(stored[:, 0], stored[:, 1])
    assert set(stored.unique().tolist()) <= set(inner.quantize(torch.rand(1, 3, 32, 32)).unique().tolist())
    assert stored.mean() == pytest.approx(gray(x).mean().item(), abs=0.02)


def test_a_gray_palette_is_mixed_by_brightness_whatever_the_hue() -> None:
    red = torch.zeros(1, 3, 24, 24)
    red[:, 0] = 0.55
    stored = DitherQuantizer(PaletteQuantizer(GRAYS), "fs").quantize(red)
    assert stored.mean() == pytest.approx(0.55 / 3, abs=0.02)
    assert len(stored.unique()) == 2


def test_colors_move_into_the_flat_that_the_palette_spans() -> None:
    x = torch.rand(1, 3, 4, 4)
    torch.testing.assert_close(into_hull(x, GRAYS), x.mean(1, keepdim=True).expand_as(x))
    assert into_hull(x, corners()) is x


def test_a_sample_between_levels_holds_that_share_of_the_upper_one() -> None:
    levels = [torch.tensor([0.0, 0.2, 1.0])] * 3
    mixture = level_mixture(torch.tensor([0.05, 0.2, 0.6]).view(1, 3, 1, 1), levels)
    torch.testing.assert_close(mixture.share.flatten(), torch.tensor([0.25, 0.0, 0.5]))
    torch.testing.assert_close(mixture.lighter.flatten(), torch.tensor([0.2, 1.0, 1.0]))


def test_a_color_between_two_of_the_palette_is_their_mixture() -> None:
    palette = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 1.0, 1.0]])
    mixture = color_mixture((0.3 * palette[1]).view(1, 3, 1, 1), palette)
    assert mixture.darker.flatten().tolist() == [0, 0, 0]
    assert mixture.lighter.flatten().tolist() == [1.0, 0.5, 0.0]
    assert mixture.share.item() == pytest.approx(0.3)
    assert mixture.contrast.item() == pytest.approx(1.25)


@pytest.mark.parametrize("kind", PATTERNS)
def test_the_pattern_starts_anew_at_multiples_of_the_period(kind: str) -> None:
    quantizer = DitherQuantizer(UniformQuantizer.of_levels(3), kind)
    x = torch.rand(1, 3, 8, 4 + quantizer.period)
    part = quantizer.quantize(x[..., quantizer.period :])
    assert torch.equal(quantizer.quantize(x)[..., quantizer.period :], part)


@pytest.mark.parametrize("kind", KERNELS)
def test_the_soft_form_of_error_diffusion_is_the_picture_within_the_range_of_the_levels(kind: str) -> None:
    x = torch.rand(1, 3, 8, 8)
    soft = DitherQuantizer(UniformQuantizer.of_levels(4), kind).soft(x, 50.0)
    assert torch.equal(soft, x.clamp(0.125, 0.875))


def test_soft_and_hard_agree_on_each_side_of_the_threshold() -> None:
    quantizer = DitherQuantizer(PaletteQuantizer(corners()), "bayer2")
    for share in (0.36, 0.39, 0.61, 0.64):  # the thresholds are 1/8, 3/8, 5/8 and 7/8
        x = torch.full((1, 3, 2, 2), share)
        torch.testing.assert_close(quantizer.soft(x, 1e3), quantizer.quantize(x), rtol=0, atol=1e-3)


def test_an_ordered_dither_of_levels_is_certified_sample_by_sample() -> None:
    quantizer = DitherQuantizer(UniformQuantizer.of_levels(4), "bayer4")
    x = torch.rand(1, 3, 16, 16)
    cells = quantizer.cells(quantizer.quantize(x))
    assert cells.dithered
    assert cells.contains(x).all()
    assert not cells.contains(x + 0.13).any(1).all()
    assert torch.equal(quantizer.quantize(cells.project(torch.rand_like(x))), cells.stored)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", DITHER_KINDS)
@pytest.mark.parametrize(
    "inner", [UniformQuantizer.of_levels(4), PaletteQuantizer(corners())], ids=["levels", "palette"]
)
def test_a_gpu_gives_the_same(kind: str, inner: UniformQuantizer | PaletteQuantizer) -> None:
    quantizer = DitherQuantizer(inner, kind)
    x = torch.rand(2, 3, 32, 40)
    here, there = quantizer.quantize(x), quantizer.quantize(x.cuda())
    assert there.is_cuda
    assert (there.cpu() != here).float().mean() < 1e-3  # a sample on a threshold may fall to the other side
    guess = torch.rand_like(x)
    projected = quantizer.cells(here.cuda()).project(guess.cuda()).cpu()
    torch.testing.assert_close(projected, quantizer.cells(here).project(guess), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["nes", "zx"])
def test_what_has_no_levels_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"levels, bits, grays or a palette to dither, got .*--dither none"):
        DitherQuantizer(ConsoleQuantizer(name), "fs")


def test_an_unknown_kind_is_refused_with_the_list() -> None:
    with pytest.raises(UsageError, match="fs, atkinson"):
        DitherQuantizer(UniformQuantizer.of_levels(4), "riemersma")
