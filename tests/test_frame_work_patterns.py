"""Quantizers that count from the picture's corner say so, and tiles are cut accordingly."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vdequant import frame_work
from vdequant.frame_work import Recipe, Taken, cells_of, finish, in_tiles, known_cells, restore_native, restore_planes
from vdequant.frames import Layout
from vdequant.quantizers.base import Cells, Quantizer
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.quantizers.jpeg_varying import VaryingJpeg
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.snapping import SnappedQuantizer
from vdequant.quantizers.spec import parse_target, resolve_target
from vdequant.restorers.base import Needs
from vdequant.restorers.cellnet import CellnetSmall


class Gray:
    """A restorer that answers gray, so that only the cells decide."""

    needs = Needs()

    def to(self, device: torch.device, dtype: torch.dtype) -> Gray:
        return self

    def restore(self, y: torch.Tensor, cells: Cells) -> torch.Tensor:
        return torch.full_like(y, 0.5)


def quantizer_of(to: str) -> Quantizer:
    return resolve_target(parse_target(to), [])


@pytest.mark.parametrize("to", ["m=4+bayer8", "m=4+bayer2", "m=4+column", "m=5+bluenoise", "nes", "zx", "msx"])
def test_tiles_see_the_pattern_of_the_whole_picture(to: str) -> None:
    quantizer = quantizer_of(to)
    y = quantizer.quantize(torch.rand(1, 3, 96, 100))
    layout = Layout(100, 96, "rgb", 16)
    whole = restore_native(Recipe(Gray(), quantizer, layout), y)
    tiled = restore_native(Recipe(Gray(), quantizer, layout, tile=35), y)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=2e-6)


def test_tiles_of_dithered_pictures_see_all_the_cells_that_a_restorer_is_told() -> None:
    quantizer = PaletteQuantizer(torch.rand(12, 3))
    restorer = CellnetSmall().to(torch.device("cpu"), torch.float32)
    y = quantizer.quantize(torch.rand(1, 3, 96, 100))
    recipe = Recipe(restorer, quantizer, Layout(100, 96, "rgb", 16), dithered=True, tile=35)

    def work(part: torch.Tensor) -> torch.Tensor:
        return restorer.restore(part, cells_of(recipe, part))

    with torch.inference_mode():
        torch.testing.assert_close(in_tiles(recipe, work, y), work(y), rtol=0, atol=2e-6)


@pytest.mark.parametrize("tile", [35, 1 << 30])
def test_cells_of_dithered_pictures_that_are_known_give_the_same_result(
    tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantizer = PaletteQuantizer(torch.rand(12, 3).mul(255).round() / 255)
    y = quantizer.quantize(torch.rand(1, 3, 64, 70))
    planes, source = tuple((y[:, i] * 255).round().to(torch.uint8) for i in range(3)), Layout(70, 64, "rgb", 8)
    recipe = Recipe(Gray(), quantizer, Layout(70, 64, "rgb", 16), dithered=True, tile=tile)
    assert known_cells(recipe, y) is not None
    assert known_cells(replace(recipe, dithered=False), y) is None
    shared = restore_planes(recipe, planes, source, certify=True)
    monkeypatch.setattr(frame_work, "known_cells", lambda recipe, y: None)
    alone = restore_planes(recipe, planes, source, certify=True)
    assert all(torch.equal(a.int(), b.int()) for a, b in zip(shared.planes, alone.planes, strict=True))
    assert (shared.inside, shared.samples) == (alone.inside, alone.samples)


def test_a_dither_that_was_found_binds_means_and_one_that_was_stated_binds_what_it_knows() -> None:
    layout = Layout(32, 32, "rgb", 16)
    x = torch.rand(1, 3, 32, 32)
    stated, plain = quantizer_of("m=4+bayer4"), quantizer_of("m=4")
    y = stated.quantize(x)
    known = restore_native(Recipe(Gray(), stated, layout, dithered=True), y)
    assert torch.equal(stated.quantize(known), y)
    found = restore_native(Recipe(Gray(), plain, layout, dithered=True), y)
    assert not torch.equal(stated.quantize(found), y)
    assert (found - 0.5).abs().mean() < (known - 0.5).abs().mean()


def test_large_pictures_of_blocks_are_certified_in_parts_with_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = torch.Generator().manual_seed(3)
    y = JpegQuantizer(40).quantize(torch.rand(1, 3, 100, 84, generator=chance) * 0.5 + 0.2)
    written = (y + (torch.rand(y.shape, generator=chance) - 0.5) * 0.2).clamp(0, 1)
    recipe = Recipe(Gray(), JpegQuantizer(40), Layout(84, 100, "rgb", 16))
    whole = frame_work._count_inside(recipe, y, written)
    assert 0 < int(whole) < written.numel()
    monkeypatch.setattr(frame_work, "CERTIFIED_SIDE", 48)
    assert frame_work._count_inside(recipe, y, written) == whole


def test_pictures_of_one_batch_may_have_tables_of_their_own() -> None:
    chance = torch.Generator().manual_seed(5)
    truth = torch.rand(2, 3, 48, 64, generator=chance) * 0.5 + 0.2
    y = torch.cat([JpegQuantizer(q).quantize(x[None]) for q, x in zip((20, 60), truth, strict=True)])
    recipe = Recipe(Gray(), VaryingJpeg([JpegQuantizer(60), JpegQuantizer(20)]), Layout(64, 48, "rgb", 16))
    restored = restore_native(recipe, y)
    assert int(frame_work._count_inside(recipe, y, restored)) == y.numel()
    for picture, stored, quality in zip(restored.split(1), y.split(1), (20, 60), strict=True):
        assert torch.equal(picture, restore_native(Recipe(Gray(), JpegQuantizer(quality), recipe.output), stored))


def test_a_restorer_that_needs_whole_blocks_leaves_the_last_ones_in_their_cells() -> None:
    class Blocky(Gray):
        needs = Needs(multiple_of=16, min_size=16)

    quantizer = JpegQuantizer(40)
    y = quantizer.quantize(torch.rand(1, 3, 43, 61, generator=torch.Generator().manual_seed(2)) * 0.5 + 0.2)
    recipe = Recipe(Blocky(), quantizer, Layout(61, 43, "rgb", 16))
    assert quantizer.cells(y).contains(restore_native(recipe, y)).all()


@pytest.mark.parametrize("snapped", [False, True])
@pytest.mark.parametrize("dithered", [False, True])
def test_drawn_tiles_stay_as_they_were_stored_unless_they_are_dither(dithered: bool, snapped: bool) -> None:
    colors = torch.tensor([[0, 0, 0], [128, 77, 26], [255, 255, 255.0]]) / 255
    quantizer: Quantizer = PaletteQuantizer(colors)
    if snapped:
        quantizer = SnappedQuantizer(colors, quantizer, 4 / 255, 0.99)
    y = colors[torch.randint(3, (8, 8), generator=torch.Generator().manual_seed(4))].permute(2, 0, 1)[None]
    y = y.repeat(1, 1, 1, 4)
    y = torch.cat([y, torch.zeros(1, 3, 16, 32)], dim=-2)
    recipe = Recipe(Gray(), quantizer, Layout(32, 24, "rgb", 16), dithered=dithered)
    taken = Taken(y, None, (), recipe.output)
    done = torch.stack(finish(recipe, taken, torch.full_like(y, 0.1), False).planes, dim=1).float() / 65535
    same = (done - y).abs() < 1e-4
    assert same[..., :8, :].all() != dithered
    assert not same[..., 15:, :].any()  # tiles of the last row of the texture and seven flat ones repeat as well


@pytest.mark.parametrize("dithered", [False, True])
def test_lines_over_dither_stay_as_they_were_stored_where_the_restorer_nearly_left_them(dithered: bool) -> None:
    quantizer = PaletteQuantizer(torch.tensor([[0.0] * 3, [0.2] * 3, [0.8] * 3]))
    y = DitherQuantizer(quantizer, "fs").quantize(torch.linspace(0.05, 0.12, 32).expand(1, 3, 24, -1))
    y[..., 12, 4:28] = 0.8
    recipe = Recipe(Gray(), quantizer, Layout(32, 24, "rgb", 16), dithered=dithered)
    done = torch.stack(finish(recipe, Taken(y, None, (), recipe.output), y + 0.05, False).planes, dim=1).float() / 65535
    same = (done - y).abs() < 1e-4
    assert same[..., 12, 4:28].all() == dithered
    assert same.float().mean() < 0.2
