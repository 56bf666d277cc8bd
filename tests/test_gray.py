"""Gray stays gray: what was found as levels or a palette of grays comes back without color."""

from __future__ import annotations

import make
import numpy as np
import pytest
import torch

import vdequant
from vdequant.frame_work import Recipe, restore_native
from vdequant.frames import Layout
from vdequant.quantizers.base import Cells
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.mean_cells import dithered_cells
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.base import Needs

GRAYS = PaletteQuantizer(torch.tensor([[0.0] * 3, [0.2] * 3, [0.6] * 3, [1.0] * 3]))
LEVELS = UniformQuantizer.of_bits((4, 4, 4))
OUTPUT = Layout(32, 32, "rgb", 16)


class Colorful:
    """A restorer that answers colors."""

    needs = Needs()

    def to(self, device: torch.device, dtype: torch.dtype) -> Colorful:
        return self

    def restore(self, y: torch.Tensor, cells: Cells) -> torch.Tensor:
        return torch.rand(y.shape, generator=torch.Generator().manual_seed(3))


def gray_picture(side: int = 32) -> torch.Tensor:
    return torch.from_numpy(make.grained(0, side)[..., 0]).expand(1, 3, -1, -1) / 255


@pytest.mark.parametrize("quantizer", [GRAYS, LEVELS], ids=["palette", "levels"])
@pytest.mark.parametrize("dithered", [False, True])
def test_what_is_stored_gray_becomes_gray_inside_its_cells(
    quantizer: PaletteQuantizer | UniformQuantizer, dithered: bool
) -> None:
    stored = (DitherQuantizer(quantizer, "fs") if dithered else quantizer).quantize(gray_picture())
    recipe = Recipe(Colorful(), quantizer, OUTPUT, dithered=dithered, gray=True)
    restored = restore_native(recipe, stored)
    cells: Cells = dithered_cells(quantizer.cells(stored)) if dithered else quantizer.cells(stored)
    assert torch.equal(restored.amin(1), restored.amax(1))
    assert cells.contains(restored).all()
    assert not torch.equal(restored, stored)


def test_pixels_that_are_stored_in_color_keep_theirs() -> None:
    stored = LEVELS.quantize(gray_picture())
    stored[:, :, :8] = LEVELS.quantize(torch.rand(1, 3, 8, 32))
    plain = restore_native(Recipe(Colorful(), LEVELS, OUTPUT), stored)
    restored = restore_native(Recipe(Colorful(), LEVELS, OUTPUT, gray=True), stored)
    colored = (stored.amin(1, keepdim=True) != stored.amax(1, keepdim=True)).expand_as(stored)
    assert torch.equal(restored[colored], plain[colored])


@pytest.mark.parametrize("quantizer", [GRAYS, LEVELS], ids=["palette", "levels"])
def test_the_probe_tells_gray_from_color(quantizer: PaletteQuantizer | UniformQuantizer) -> None:
    stored = quantizer.quantize(gray_picture())[0]
    assert estimate([stored], lossy_codec=False, stored_bits=8).gray
    assert not estimate([gray_picture()[0]], lossy_codec=False, stored_bits=8).gray  # fine: nothing is done to it
    colored = stored.clone()
    colored[0, 0, 0] = 1 - stored[0, 0, 0].round()
    assert not estimate([colored], lossy_codec=False, stored_bits=8).gray


def test_black_and_white_arrays_come_back_gray_unless_color_is_asked_for() -> None:
    codes = np.where(make.grained(1, 48)[..., :1] > np.random.default_rng(2).integers(0, 256, (48, 48, 1)), 255, 0)
    stored = codes.repeat(3, -1).astype(np.uint8)
    restored = vdequant.dequantize(stored, restorer="cellnet-s")
    assert np.ptp(restored, axis=-1).max() == 0
    assert np.ptp(vdequant.dequantize(stored, "gray:0.5", restorer="cellnet-s"), axis=-1).max() > 0
