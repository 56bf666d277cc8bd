"""One batch of frames: folding, certificate, expansion and the split screen."""

from __future__ import annotations

import pytest
import torch

from vdequant.frame_work import Recipe, finish, restore_native, restore_planes, take_native
from vdequant.frames import Layout, Matrix
from vdequant.quantizers.base import Cells
from vdequant.quantizers.grid import Axis, Grid
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


def test_an_enlarged_source_is_restored_at_native_size_and_comes_back_enlarged() -> None:
    quantizer = UniformQuantizer.of_bits((3, 3, 3))
    small = tuple(plane[:, :4, :6] for plane in planes_of(quantizer))
    big = tuple(plane.repeat_interleave(2, -1).repeat_interleave(2, -2) for plane in small)
    recipe = Recipe(Wild(), quantizer, Layout(12, 8, "rgb", 16), grid=Grid.of_scale((2, 2), 12, 8))
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


def test_a_frame_that_is_not_made_of_native_pixels_is_restored_in_full() -> None:
    quantizer = UniformQuantizer.of_bits((3, 3, 3))
    recipe = Recipe(Wild(), quantizer, Layout(12, 8, "rgb", 16), grid=Grid.of_scale((2, 2), 12, 8))
    done = restore_planes(recipe, planes_of(quantizer), SOURCE, certify=True)
    assert done.samples == int(done.inside) == 3 * 8 * 12  # type: ignore[arg-type]


def test_behind_a_codec_native_pixels_are_folded_by_their_middle() -> None:
    from vdequant.restorers.identity import Identity

    native = torch.randint(0, 255, (1, 8, 12)).float()
    luma = native.repeat_interleave(3, -1).repeat_interleave(3, -2)
    luma[..., ::3, :] = (luma[..., ::3, :] + 9).clamp(max=255)  # what ringing does to the rim of a native pixel
    source = Layout(36, 24, "gray", 8)
    recipe = Recipe(
        Identity(),
        ToleranceQuantizer(4 / 255),
        Layout(36, 24, "gray", 8),
        grid=Grid.of_scale((3, 3), 36, 24),
        exact=False,
    )
    done = restore_planes(recipe, (luma.to(torch.uint8),), source, certify=True)
    assert done.samples == 3 * 8 * 12
    assert torch.equal(done.planes[0][:, 1::3, 1::3].float(), native)
    assert torch.equal(done.planes[0][:, ::3, ::3].float(), native)


def test_a_frame_off_the_grid_behind_a_codec_is_restored_in_full() -> None:
    noise = torch.randint(0, 255, (1, 24, 36), dtype=torch.uint8)
    source = Layout(36, 24, "gray", 8)
    recipe = Recipe(
        Wild(), ToleranceQuantizer(4 / 255), Layout(36, 24, "rgb", 16), grid=Grid.of_scale((3, 3), 36, 24), exact=False
    )
    assert restore_planes(recipe, (noise,), source, certify=True).samples == 3 * 24 * 36


def bordered(picture: torch.Tensor, value: int) -> tuple[torch.Tensor, ...]:
    """Three planes of a tripled picture in a border of 6 columns and 4 rows."""
    big = picture.repeat_interleave(3, -1).repeat_interleave(3, -2)
    return (torch.nn.functional.pad(big, (6, 6, 4, 4), value=value).to(torch.uint8),) * 3


BORDERED = Grid(Axis(6, (3,) * 12, 6), Axis(4, (3,) * 8, 4))


@pytest.mark.parametrize("exact", [True, False])
def test_borders_stay_as_stored_and_only_the_picture_in_them_is_restored(exact: bool) -> None:
    quantizer = UniformQuantizer.of_bits((3, 3, 3))
    native = (quantizer.quantize(torch.rand(1, 1, 8, 12).expand(-1, 3, -1, -1)) * 255).round()[:, 0]
    source = Layout(48, 32, "rgb", 8)
    recipe = Recipe(Wild(), quantizer, Layout(48, 32, "rgb", 16), grid=BORDERED, exact=exact)
    done = restore_planes(recipe, bordered(native, 7), source, certify=True)
    assert done.samples == 3 * 8 * 12
    values = torch.stack([plane.int() for plane in done.planes])
    assert (values[..., :4, :] == 7 * 257).all()
    assert (values[..., :6] == 7 * 257).all()
    assert (values[..., -6:] == 7 * 257).all()
    inner = values[..., 4:-4, 6:-6]
    assert torch.equal(inner, inner[..., ::3, ::3].repeat_interleave(3, -1).repeat_interleave(3, -2))
    assert inner.unique().numel() > 30


@pytest.mark.parametrize("exact", [True, False])
def test_something_in_the_border_brings_back_the_whole_picture(exact: bool) -> None:
    quantizer = UniformQuantizer.of_bits((3, 3, 3))
    planes = bordered(torch.full((1, 8, 12), 90.0), 7)
    planes[0][0, 1, 20:30] = 219
    recipe = Recipe(Wild(), quantizer, Layout(48, 32, "rgb", 16), grid=BORDERED, exact=exact)
    assert restore_planes(recipe, planes, Layout(48, 32, "rgb", 8), certify=True).samples == 3 * 32 * 48
    taken = take_native(recipe, planes, Layout(48, 32, "rgb", 8))
    assert (taken.geometry, tuple(taken.y.shape)) == (None, (1, 3, 32, 48))


def test_a_frame_of_another_size_is_restored_in_full() -> None:
    quantizer = UniformQuantizer.of_bits((3, 3, 3))
    recipe = Recipe(Wild(), quantizer, Layout(12, 8, "rgb", 16), grid=BORDERED)
    assert restore_planes(recipe, planes_of(quantizer), SOURCE, certify=True).samples == 3 * 8 * 12


def test_the_three_steps_make_the_same_as_all_at_once() -> None:
    quantizer = UniformQuantizer.of_bits((3, 3, 3))
    recipe = Recipe(Wild(), quantizer, Layout(48, 32, "rgb", 16), grid=BORDERED, compare=True)
    planes, source = bordered(torch.full((1, 8, 12), 73.0), 7), Layout(48, 32, "rgb", 8)
    taken = take_native(recipe, planes, source)
    steps = finish(recipe, taken, restore_native(recipe, taken.y), True)
    at_once = restore_planes(recipe, planes, source, certify=True)
    assert all(torch.equal(a.int(), b.int()) for a, b in zip(steps.planes, at_once.planes, strict=True))
    assert (steps.inside, steps.samples) == (at_once.inside, at_once.samples)
