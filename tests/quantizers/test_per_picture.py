from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.per_picture import PerPicture
from vdequant.quantizers.uniform import UniformQuantizer

COLORS = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.9, 0.2, 0.1]])


def quantizers() -> list[Quantizer]:
    return [UniformQuantizer.of_levels(3), UniformQuantizer.of_bits((5, 6, 5), "floor"), PaletteQuantizer(COLORS)]


def noise(seed: int = 0, count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 8, 9, generator=torch.Generator().manual_seed(seed))


def test_each_picture_goes_through_its_own_quantizer() -> None:
    x, k = noise(), torch.tensor([2.0, 5.0, 9.0])
    joined = PerPicture(quantizers())
    for i, alone in enumerate(quantizers()):
        own = slice(i, i + 1)
        assert torch.equal(joined.quantize(x)[own], alone.quantize(x[own]))
        assert torch.equal(joined.soft(x, k)[own], alone.soft(x[own], float(k[i])))
        assert torch.equal(joined.straight_through(x)[own], alone.straight_through(x[own]))


def test_the_cells_are_those_of_each() -> None:
    joined = PerPicture(quantizers())
    y = joined.quantize(noise())
    cells = joined.cells(y)
    assert cells.contains(noise()).all()
    projected = cells.project(noise(1))
    assert torch.equal(joined.quantize(projected), y)
    for i, alone in enumerate(quantizers()):
        own = slice(i, i + 1)
        one = alone.cells(y[own])
        assert torch.equal(cells.low[own], one.low)
        assert torch.equal(cells.high[own], one.high)
        assert torch.equal(projected[own], one.project(noise(1)[own]))
    assert cells.spread == 1.5


def test_gradients_reach_every_picture_and_every_sharpness() -> None:
    x = noise()[:, :, :2, :2].double().requires_grad_()
    k = torch.tensor([2.0, 5.0, 9.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(PerPicture(quantizers()).soft, (x, k))


def test_one_picture_too_many_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 3 pictures, one for each quantizer, got 4"):
        PerPicture(quantizers()).quantize(noise(count=4))
    with pytest.raises(ValueError, match="at least one quantizer"):
        PerPicture([])
    with pytest.raises(ValueError, match="one number or one for each of 3 pictures"):
        PerPicture(quantizers()).soft(noise(), torch.ones(2))
