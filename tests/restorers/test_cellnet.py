"""cellnet-s runs in parts: all of them together are what it does as a whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.base import Parted
from vdequant.restorers.cellnet import CellnetMedium, CellnetSmall

COLORS = torch.rand(9, 3, generator=torch.Generator().manual_seed(1)).mul(255).round().div(255)
QUANTIZERS = {"levels": UniformQuantizer.of_bits((4, 5, 3)), "palette": PaletteQuantizer(COLORS)}


def stored(quantizer: Quantizer) -> Tensor:
    return quantizer.quantize(torch.rand(1, 3, 48, 60, generator=torch.Generator().manual_seed(2)))


@pytest.mark.parametrize("quantizer", QUANTIZERS.values(), ids=QUANTIZERS)
def test_all_parts_and_the_answer_are_what_is_restored(quantizer: Quantizer) -> None:
    restorer = CellnetSmall().to(torch.device("cpu"), torch.float32)
    assert isinstance(restorer, Parted)
    y = stored(quantizer)
    cells = quantizer.cells(y)
    with torch.inference_mode():
        x = restorer.begin(y, cells)
        for index in range(1, len(restorer.parts)):
            x = restorer.go_on(index, x, cells, None)
        assert torch.equal(restorer.answer(y, cells, x), restorer.restore(y, cells))


def test_the_answer_is_given_pixel_by_pixel() -> None:
    restorer, quantizer = CellnetSmall().to(torch.device("cpu"), torch.float32), QUANTIZERS["palette"]
    y, x = stored(quantizer), torch.randn(1, 4, 48, 60)
    with torch.inference_mode():
        whole = restorer.answer(y, quantizer.cells(y), x)
        line = y.reshape(1, 3, 1, -1)
        answer = restorer.answer(line, quantizer.cells(line), x.reshape(1, 4, 1, -1))
    assert torch.equal(answer.view_as(whole), whole)


def test_the_parts_see_as_far_as_the_restorer_needs_and_a_context_branch_is_not_cut() -> None:
    small = CellnetSmall()
    assert sum(part.halo for part in small.parts) == small.needs.halo
    assert CellnetMedium().parts == ()
