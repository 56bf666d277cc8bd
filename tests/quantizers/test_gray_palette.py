from __future__ import annotations

import make
import torch

from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.gray_palette import GrayPalette
from vdequant.quantizers.palette import PaletteQuantizer

GRAYS = PaletteQuantizer(torch.tensor([[1.0] * 3, [0.2] * 3, [0.0] * 3, [0.6] * 3]))
STORED = GRAYS.quantize(torch.from_numpy(make.grained(0, 64)[..., 0]).expand(1, 3, -1, -1) / 255)


def test_cells_end_half_way_to_the_next_grays_and_lie_inside_those_of_the_palette() -> None:
    quantizer = GrayPalette(GRAYS)
    cells = quantizer.cells(torch.tensor([0.0, 0.2, 0.6, 1.0]).expand(1, 3, 1, 4))
    assert torch.allclose(cells.low[0, 0, 0], torch.tensor([0.0, 0.1, 0.4, 0.8]))
    assert torch.allclose(cells.high[0, 0, 0], torch.tensor([0.1, 0.4, 0.8, 1.0]))
    inside = quantizer.cells(STORED).project(torch.rand(STORED.shape, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(quantizer.quantize(inside), STORED)


def test_grays_have_cells_of_levels_unless_they_are_dithered() -> None:
    assert isinstance(estimate([STORED[0]], lossy_codec=False, stored_bits=8).quantizer, GrayPalette)
    shades = torch.linspace(0, 1, 64).expand(1, 3, 64, -1).contiguous()
    dithered = DitherQuantizer(GRAYS, "bayer4").quantize(shades)[0]
    finding = estimate([dithered], lossy_codec=False, stored_bits=8)
    assert (finding.dithered, type(finding.quantizer)) == (True, PaletteQuantizer)
