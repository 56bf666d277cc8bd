"""Quantizers that count from the picture's corner say so, and tiles are cut accordingly."""

from __future__ import annotations

import pytest
import torch

from vdequant.frame_work import Recipe, restore_native
from vdequant.frames import Layout
from vdequant.quantizers.base import Cells, Quantizer
from vdequant.quantizers.spec import parse_target, resolve_target
from vdequant.restorers.base import Needs


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
