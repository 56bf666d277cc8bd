"""One batch of frames: folding, certificate, expansion and the split screen."""

from __future__ import annotations

import pytest
import torch

from vdequant.frame_work import Recipe, expand, fold, restore_planes, split_screen
from vdequant.frames import Layout, Matrix
from vdequant.quantizers.base import Cells
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.base import Needs

SOURCE = Layout(12, 8, "rgb", 8)


class Wild:
    """A restorer that answers noise, to see what the certificate makes of it."""

    needs = Needs()

    def to(self, device: torch.device, dtype: torch.dtype) -> Wild:
        return self

    def restore(self, y: torch.Tensor, cells: Cells) -> torch.Tensor:
        return torch.rand(y.shape, generator=torch.Generator().manual_seed(3))


def planes_of(quantizer: UniformQuantizer) -> tuple[torch.Tensor, ...]:
    stored = quantizer.quantize(torch.rand(1, 3, 8, 12))
    return tuple((stored[:, i] * 255).round().to(torch.uint8) for i in range(3))


@pytest.mark.parametrize("bits", [10, 16])
def test_full_fidelity_puts_every_written_sample_into_its_cell(bits: int) -> None:
    quantizer = UniformQuantizer.of_bits((5, 5, 5))
    recipe = Recipe(Wild(), quantizer, Layout(12, 8, "rgb", bits))
    planes = planes_of(quantizer)
    done = restore_planes(recipe, planes, SOURCE, certify=True)
    assert int(done.inside) == done.samples == 3 * 8 * 12  # type: ignore[arg-type]
    again = torch.stack([plane.float() / ((1 << bits) - 1) for plane in done.planes], dim=1)
    codes = (quantizer.quantize(again) * 255).round()
    assert torch.equal(codes, torch.stack(planes, dim=1).float())


def test_no_fidelity_lets_noise_out_of_the_cells_and_the_certificate_says_so() -> None:
    quantizer = UniformQuantizer.of_bits((5, 5, 5))
    recipe = Recipe(Wild(), quantizer, Layout(12, 8, "rgb", 16), fidelity=0.0)
    done = restore_planes(recipe, planes_of(quantizer), SOURCE, certify=True)
    assert int(done.inside) < done.samples / 2  # type: ignore[arg-type]


def test_fold_and_expand_are_inverse_on_enlarged_pictures() -> None:
    native = torch.rand(1, 3, 4, 6)
    enlarged = expand(native, 3, 2, 8, 18)
    assert torch.equal(fold(enlarged, (3, 2)), native)


def test_an_enlarged_source_is_restored_at_native_size_and_comes_back_enlarged() -> None:
    quantizer = UniformQuantizer.of_bits((3, 3, 3))
    small = tuple(plane[:, :4, :6] for plane in planes_of(quantizer))
    big = tuple(plane.repeat_interleave(2, -1).repeat_interleave(2, -2) for plane in small)
    recipe = Recipe(Wild(), quantizer, Layout(12, 8, "rgb", 16), native=(2, 2))
    done = restore_planes(recipe, big, SOURCE, certify=True)
    assert done.samples == 3 * 4 * 6
    values = torch.stack([plane.int() for plane in done.planes])
    assert torch.equal(values[..., ::2, ::2], values[..., 1::2, 1::2])


def test_doubling_keeps_one_pixel_color_through_4_2_0() -> None:
    quantizer = UniformQuantizer.of_bits((5, 5, 5))
    planes = planes_of(quantizer)
    from vdequant.color import to_rgb
    from vdequant.frames import Siting
    from vdequant.restorers.identity import Identity

    output = Layout(24, 16, "yuv", 10, (1, 1), Matrix.BT709, False, Siting.CENTER)
    done = restore_planes(Recipe(Identity(), quantizer, output, scale=2), planes, SOURCE, certify=False)
    # Nearest chroma, as a player that keeps pixels sharp would take it.
    chroma = tuple(p.repeat_interleave(2, -1).repeat_interleave(2, -2) for p in done.planes[1:])
    full = Layout(24, 16, "yuv", 10, (0, 0), Matrix.BT709, False)
    back = to_rgb((done.planes[0], *chroma), full)[..., ::2, ::2]
    assert (back * 255 - torch.stack(planes, dim=1).float()).abs().max() < 1.0


def test_sizes_are_padded_to_what_the_restorer_needs_and_cropped_again() -> None:
    class Picky(Wild):
        needs = Needs(multiple_of=16, min_size=24)

        def restore(self, y: torch.Tensor, cells: Cells) -> torch.Tensor:
            assert tuple(y.shape[-2:]) == (32, 32)
            return y

    quantizer = UniformQuantizer.of_bits((5, 5, 5))
    done = restore_planes(Recipe(Picky(), quantizer, SOURCE), planes_of(quantizer), SOURCE, certify=True)
    assert tuple(done.planes[0].shape) == (1, 8, 12)


def test_split_screen_shows_before_left_and_after_right() -> None:
    picture = split_screen(torch.zeros(1, 3, 4, 10), torch.full((1, 3, 4, 10), 0.5))
    assert (picture[..., :5] == 0).all()
    assert (picture[..., 5] == 1).all()
    assert (picture[..., 6:] == 0.5).all()


def test_a_frame_that_is_not_made_of_native_pixels_is_restored_in_full() -> None:
    quantizer = UniformQuantizer.of_bits((3, 3, 3))
    recipe = Recipe(Wild(), quantizer, Layout(12, 8, "rgb", 16), native=(2, 2))
    done = restore_planes(recipe, planes_of(quantizer), SOURCE, certify=True)
    assert done.samples == int(done.inside) == 3 * 8 * 12  # type: ignore[arg-type]


def test_behind_a_codec_native_pixels_are_folded_by_their_middle() -> None:
    from vdequant.restorers.identity import Identity

    native = torch.randint(0, 255, (1, 8, 12)).float()
    luma = native.repeat_interleave(3, -1).repeat_interleave(3, -2)
    luma[..., ::3, :] = (luma[..., ::3, :] + 9).clamp(max=255)  # what ringing does to the rim of a native pixel
    source = Layout(36, 24, "gray", 8)
    recipe = Recipe(Identity(), ToleranceQuantizer(4 / 255), Layout(36, 24, "gray", 8), native=(3, 3), exact=False)
    done = restore_planes(recipe, (luma.to(torch.uint8),), source, certify=True)
    assert done.samples == 3 * 8 * 12
    assert torch.equal(done.planes[0][:, 1::3, 1::3].float(), native)
    assert torch.equal(done.planes[0][:, ::3, ::3].float(), native)


def test_a_frame_off_the_grid_behind_a_codec_is_restored_in_full() -> None:
    noise = torch.randint(0, 255, (1, 24, 36), dtype=torch.uint8)
    source = Layout(36, 24, "gray", 8)
    recipe = Recipe(Wild(), ToleranceQuantizer(4 / 255), Layout(36, 24, "rgb", 16), native=(3, 3), exact=False)
    assert restore_planes(recipe, (noise,), source, certify=True).samples == 3 * 24 * 36
