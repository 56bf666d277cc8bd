"""Every quantizer of the table keeps the contract of quantizers/base.py."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest
import torch

from vdequant.quantizers import QUANTIZERS
from vdequant.quantizers.base import Quantizer, toward_cells
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer


def some_palette() -> torch.Tensor:
    return torch.rand(12, 3, generator=torch.Generator().manual_seed(3))


# One or more examples of each name of the table; a new name without an example fails.
EXAMPLES: dict[str, list[Callable[[], Quantizer]]] = {
    "uniform": [
        lambda: UniformQuantizer.of_levels(4),
        lambda: UniformQuantizer.of_bits((5, 6, 5)),
        lambda: UniformQuantizer.of_bits((3, 3, 2), "shift"),
        lambda: UniformQuantizer.of_bits((4, 4, 4), "floor"),
    ],
    "palette": [lambda: PaletteQuantizer(some_palette())],
    "tolerance": [lambda: ToleranceQuantizer(4 / 255), lambda: ToleranceQuantizer(2 / 255, some_levels())],
}


def some_levels() -> Quantizer:
    return UniformQuantizer.of_levels(8)


@pytest.fixture(params=[(name, i) for name in QUANTIZERS for i in range(len(EXAMPLES.get(name, [None])))], ids=str)
def quantizer(request: pytest.FixtureRequest) -> Quantizer:
    name, index = request.param
    return EXAMPLES[name][index]()


def picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, 17, 13, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_name_leads_to_the_class_of_its_examples(name: str) -> None:
    module, _, cls = QUANTIZERS[name].partition(":")
    assert all(type(make()) is getattr(import_module(module), cls) for make in EXAMPLES[name])


def test_quantizing_twice_changes_nothing_more(quantizer: Quantizer) -> None:
    once = quantizer.quantize(picture())
    assert torch.equal(quantizer.quantize(once), once)


def test_the_stored_picture_lies_in_its_own_cells(quantizer: Quantizer) -> None:
    y = quantizer.quantize(picture())
    cells = quantizer.cells(y)
    assert cells.contains(y).all()
    assert torch.equal(cells.stored, y)


def test_the_true_picture_lies_in_the_cells_of_the_stored_one(quantizer: Quantizer) -> None:
    x = picture()
    assert quantizer.cells(quantizer.quantize(x)).contains(x).all()


def test_project_moves_any_picture_into_the_cells(quantizer: Quantizer) -> None:
    cells = quantizer.cells(quantizer.quantize(picture()))
    projected = cells.project(picture(1))
    assert cells.contains(projected).all()
    assert projected.min() >= 0
    assert projected.max() <= 1


def test_project_is_idempotent(quantizer: Quantizer) -> None:
    cells = quantizer.cells(quantizer.quantize(picture()))
    once = cells.project(picture(1))
    torch.testing.assert_close(cells.project(once), once, rtol=0, atol=2e-6)


def test_project_leaves_a_picture_well_inside_alone(quantizer: Quantizer) -> None:
    y = quantizer.quantize(picture())
    cells = quantizer.cells(y)
    inside = y.lerp(cells.project(picture(1), 1e-2), 0.5)
    torch.testing.assert_close(cells.project(inside), inside, rtol=0, atol=1e-5)


def test_requantizing_a_projected_picture_gives_the_stored_one(quantizer: Quantizer) -> None:
    if isinstance(quantizer, ToleranceQuantizer):
        pytest.skip("the codec's error is unknown, so nothing can be re-quantized to it")
    y = quantizer.quantize(picture())
    restored = toward_cells(picture(1), quantizer.cells(y), fidelity=1.0)
    assert torch.equal(quantizer.quantize(restored), y)


def test_the_reach_holds_the_stored_value(quantizer: Quantizer) -> None:
    cells = quantizer.cells(quantizer.quantize(picture()))
    assert (cells.low <= cells.stored).all()
    assert (cells.high >= cells.stored).all()
    assert cells.low.min() >= 0
    assert cells.high.max() <= 1


def test_cells_do_not_depend_on_batch_neighbors(quantizer: Quantizer) -> None:
    y = quantizer.quantize(picture())
    both, alone = quantizer.cells(y), quantizer.cells(y[1:])
    assert torch.equal(both.low[1:], alone.low)
    assert torch.equal(both.high[1:], alone.high)


def test_soft_tends_to_quantize(quantizer: Quantizer) -> None:
    x = picture()
    if isinstance(quantizer, UniformQuantizer) and quantizer.describe() != UniformQuantizer.of_levels(4).describe():
        x = quantizer.quantize(x)  # softmax is about the nearest level, which floor and shift do not choose
    torch.testing.assert_close(quantizer.soft(x, 1e6), quantizer.quantize(x), rtol=0, atol=2e-3)


def test_soft_has_the_gradient_of_its_values(quantizer: Quantizer) -> None:
    x = picture().double()[:1, :, :3, :2].requires_grad_()
    assert torch.autograd.gradcheck(lambda v: quantizer.soft(v, 20.0), (x,))


def test_straight_through_quantizes_forward_and_passes_gradients_back(quantizer: Quantizer) -> None:
    x = picture().requires_grad_()
    result = quantizer.straight_through(x)
    torch.testing.assert_close(result, quantizer.quantize(x), rtol=0, atol=1e-6)
    weights = picture(2)
    (result * weights).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, weights)


def test_describe_is_one_short_line(quantizer: Quantizer) -> None:
    text = quantizer.describe()
    assert 5 < len(text) < 100
    assert "\n" not in text


def test_cells_refuse_what_is_no_picture(quantizer: Quantizer) -> None:
    with pytest.raises(ValueError, match=r"expected y of shape \(N, 3, H, W\)"):
        quantizer.cells(torch.rand(3, 4, 4))
