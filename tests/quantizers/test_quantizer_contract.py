"""Every quantizer of the table keeps the contract of quantizers/base.py.

Where a quantizer can keep it only to within a tolerance, or only for some pictures, the tables below say so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

import pytest
import torch

from vdequant.quantizers import QUANTIZERS
from vdequant.quantizers.base import Cells, Quantizer, toward_cells
from vdequant.quantizers.chroma import ChromaQuantizer
from vdequant.quantizers.consoles import ConsoleQuantizer
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.threshold import GrayQuantizer, ThresholdQuantizer
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.video import VideoQuantizer


def some_palette() -> torch.Tensor:
    return torch.rand(12, 3, generator=torch.Generator().manual_seed(3))


# One or more examples of each name of the table; a new name without an example fails.
EXAMPLES: dict[str, list[Callable[[], Quantizer]]] = {
    "uniform": [
        lambda: UniformQuantizer.of_levels(4),
        lambda: UniformQuantizer.of_bits((5, 6, 5)),
        lambda: UniformQuantizer.of_bits((3, 3, 2), "shift"),
        lambda: UniformQuantizer.of_bits((4, 4, 4), "floor"),
        lambda: UniformQuantizer.of_bits((6, 6, 6)),
        lambda: UniformQuantizer.of_bits((8, 8, 8)),
        lambda: UniformQuantizer.random_bits(torch.Generator().manual_seed(1)),
    ],
    "palette": [lambda: PaletteQuantizer(some_palette())],
    "threshold": [lambda: ThresholdQuantizer(), lambda: ThresholdQuantizer(0.3)],
    "gray": [lambda: GrayQuantizer(2), lambda: GrayQuantizer(16)],
    "jpeg": [lambda: JpegQuantizer(10, "444"), lambda: JpegQuantizer(30, "422"), lambda: JpegQuantizer(75, "420")],
    "chroma": [
        lambda: ChromaQuantizer("420"),
        lambda: ChromaQuantizer("422", "center", "bt709"),
        lambda: ChromaQuantizer("420", "topleft", "bt2020"),
        lambda: ChromaQuantizer("420", "center", bits=8),
    ],
    "tolerance": [lambda: ToleranceQuantizer(4 / 255), lambda: ToleranceQuantizer(2 / 255, some_levels())],
    "video": [lambda: VideoQuantizer(4 / 255), lambda: VideoQuantizer(2 / 255)],
    "dither": [
        lambda: DitherQuantizer(UniformQuantizer.of_levels(4), "fs"),
        lambda: DitherQuantizer(UniformQuantizer.of_bits((3, 3, 2), "shift"), "atkinson"),
        lambda: DitherQuantizer(full_palette(), "jarvis"),
        lambda: DitherQuantizer(UniformQuantizer.of_levels(4), "bayer8"),
        lambda: DitherQuantizer(UniformQuantizer.of_bits((5, 6, 5), "floor"), "column"),
        lambda: DitherQuantizer(full_palette(), "bayer4"),
        lambda: DitherQuantizer(GrayQuantizer(4), "checkerboard"),
    ],
    "console": [partial(ConsoleQuantizer, name) for name in ("snes", "gameboy", "zx", "msx", "nes")],
}


# These work on neighborhoods and leave the cube of colors, where their result is cut: then less can be promised
# (their own tests say how much). Here they get pictures of middling colors and whole blocks; the others get noise.
GENTLE: tuple[type, ...] = (JpegQuantizer, ChromaQuantizer)
# How far quantizing a projected picture, or a quantized one, may be from the stored one.
CLOSE: dict[type, float] = {ChromaQuantizer: 1.5 / 255}
# How far soft may be from quantize: the first leaves out JPEG's roundings to 8 bits.
SOFT_CLOSE: dict[type, float] = {JpegQuantizer: 3.5 / 255}
# Palette borders are blurred over a distance of 1 / (k times the distance of the two colors), eq. 8.
FROM_BORDERS: dict[type, float] = {PaletteQuantizer: 1e-2}


def full_palette() -> Quantizer:
    """Colors all over the cube, its corners among them: what lies beyond a palette's hull no dither can show."""
    steps = torch.cartesian_prod(*[torch.linspace(0, 1, 5)] * 3)
    inner = ((steps > 0) & (steps < 1)).float()
    return PaletteQuantizer(steps + 0.05 * inner * torch.randn(125, 3, generator=torch.Generator().manual_seed(4)))


def is_local(quantizer: Quantizer) -> bool:
    """Whether a pixel's stored value depends on that pixel alone; not with diffused errors and colors of a block."""
    if isinstance(quantizer, DitherQuantizer):
        return quantizer.ordered and isinstance(quantizer.inner, UniformQuantizer)
    return not isinstance(quantizer, ConsoleQuantizer) or quantizer.console.rule is None


def some_levels() -> Quantizer:
    return UniformQuantizer.of_levels(8)


@pytest.fixture(params=[(name, i) for name in QUANTIZERS for i in range(len(EXAMPLES.get(name, [None])))], ids=str)
def quantizer(request: pytest.FixtureRequest) -> Quantizer:
    name, index = request.param
    return EXAMPLES[name][index]()


def picture(quantizer: Quantizer, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    if not isinstance(quantizer, GENTLE):
        return torch.rand(2, 3, 17, 13, generator=generator)
    down, across = torch.meshgrid(torch.arange(32.0), torch.arange(48.0), indexing="ij")
    phases = torch.rand(2, 3, 1, 1, generator=generator) * 6
    grain = 0.02 * torch.randn(2, 3, 32, 48, generator=generator)
    return 0.5 + 0.15 * torch.sin(down / 7 + phases) * torch.cos(across / 9 - phases) + grain


def away_from_borders(quantizer: Quantizer, x: torch.Tensor) -> torch.Tensor:
    """A picture that is quantized as ``x`` is, and not near to where that changes."""
    if not is_local(quantizer):
        return quantizer.quantize(x)
    core = (quantizer.inner or quantizer) if isinstance(quantizer, ToleranceQuantizer) else quantizer
    core = core.free if isinstance(core, ConsoleQuantizer) else core
    margin = FROM_BORDERS.get(type(core), 1e-3)
    cells: Cells = core.cells(core.quantize(x))
    return cells.project(x, margin)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_name_leads_to_the_class_of_its_examples(name: str) -> None:
    module, _, cls = QUANTIZERS[name].partition(":")
    assert all(type(make()) is getattr(import_module(module), cls) for make in EXAMPLES[name])


def assert_stored_again(quantizer: Quantizer, found: torch.Tensor, expected: torch.Tensor) -> None:
    if type(quantizer) in CLOSE:
        torch.testing.assert_close(found, expected, rtol=0, atol=CLOSE[type(quantizer)])
    else:
        assert torch.equal(found, expected)


def test_quantizing_twice_changes_nothing_more(quantizer: Quantizer) -> None:
    once = quantizer.quantize(picture(quantizer))
    twice = quantizer.quantize(once)
    torch.testing.assert_close(twice, once, rtol=0, atol=1e-6)
    assert_stored_again(quantizer, twice, once)


def test_the_stored_picture_lies_in_its_own_cells(quantizer: Quantizer) -> None:
    y = quantizer.quantize(picture(quantizer))
    cells = quantizer.cells(y)
    assert cells.contains(y).all()
    assert torch.equal(cells.stored, y)


def test_the_true_picture_lies_in_the_cells_of_the_stored_one(quantizer: Quantizer) -> None:
    x = picture(quantizer)
    assert quantizer.cells(quantizer.quantize(x)).contains(x).all()


def test_cells_do_not_hold_just_any_picture(quantizer: Quantizer) -> None:
    cells = quantizer.cells(quantizer.quantize(picture(quantizer)))
    assert not cells.contains(picture(quantizer, 1)).all()


def test_project_moves_any_picture_into_the_cells(quantizer: Quantizer) -> None:
    cells = quantizer.cells(quantizer.quantize(picture(quantizer)))
    for other in (picture(quantizer, 1), torch.rand_like(cells.stored)):
        projected = cells.project(other)
        assert cells.contains(projected).all()
        assert projected.min() >= 0
        assert projected.max() <= 1


def test_project_is_idempotent(quantizer: Quantizer) -> None:
    cells = quantizer.cells(quantizer.quantize(picture(quantizer)))
    once = cells.project(picture(quantizer, 1))
    torch.testing.assert_close(cells.project(once), once, rtol=0, atol=2e-6)


def test_project_leaves_a_picture_well_inside_alone(quantizer: Quantizer) -> None:
    y = quantizer.quantize(picture(quantizer))
    cells = quantizer.cells(y)
    inside = y.lerp(cells.project(picture(quantizer, 1), 1e-2), 0.5)
    torch.testing.assert_close(cells.project(inside), inside, rtol=0, atol=1e-5)


def test_requantizing_a_projected_picture_gives_the_stored_one(quantizer: Quantizer) -> None:
    if isinstance(quantizer, ToleranceQuantizer | VideoQuantizer):
        pytest.skip("the codec's error is unknown, so nothing can be re-quantized to it")
    if not is_local(quantizer):
        pytest.skip("what a neighborhood decides may be decided otherwise for another picture of the cells")
    y = quantizer.quantize(picture(quantizer))
    restored = toward_cells(picture(quantizer, 1), quantizer.cells(y), fidelity=1.0)
    assert_stored_again(quantizer, quantizer.quantize(restored), y)


def test_the_reach_holds_the_stored_value(quantizer: Quantizer) -> None:
    cells = quantizer.cells(quantizer.quantize(picture(quantizer)))
    assert (cells.low <= cells.stored).all()
    assert (cells.high >= cells.stored).all()
    assert cells.low.min() >= 0
    assert cells.high.max() <= 1


def test_pictures_of_a_batch_do_not_influence_each_other(quantizer: Quantizer) -> None:
    x = picture(quantizer)
    y = quantizer.quantize(x)
    assert torch.equal(y[1:], quantizer.quantize(x[1:]))
    torch.testing.assert_close(quantizer.soft(x, 20.0)[1:], quantizer.soft(x[1:], 20.0), rtol=0, atol=1e-6)
    both, alone = quantizer.cells(y), quantizer.cells(y[1:])
    assert torch.equal(both.low[1:], alone.low)
    assert torch.equal(both.high[1:], alone.high)
    other = picture(quantizer, 1)
    torch.testing.assert_close(both.project(other)[1:], alone.project(other[1:]), rtol=0, atol=1e-6)


def test_soft_tends_to_quantize_away_from_the_borders(quantizer: Quantizer) -> None:
    x = away_from_borders(quantizer, picture(quantizer))
    error = (quantizer.soft(x, 1e4) - quantizer.quantize(x)).abs().max()
    assert error < SOFT_CLOSE.get(type(quantizer), 1e-3)


def test_soft_has_the_gradient_of_its_values_also_to_k(quantizer: Quantizer) -> None:
    x = picture(quantizer).double()[:1, :, :3, :2].requires_grad_()
    k = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(quantizer.soft, (x, k))


def test_soft_takes_a_k_for_each_picture(quantizer: Quantizer) -> None:
    x = picture(quantizer)
    both = quantizer.soft(x, torch.tensor([3.0, 40.0]))
    alone = torch.cat([quantizer.soft(x[:1], 3.0), quantizer.soft(x[1:], 40.0)])
    torch.testing.assert_close(both, alone, rtol=0, atol=1e-6)


def test_straight_through_quantizes_forward_and_passes_gradients_back(quantizer: Quantizer) -> None:
    x = picture(quantizer).requires_grad_()
    result = quantizer.straight_through(x)
    torch.testing.assert_close(result, quantizer.quantize(x), rtol=0, atol=1e-6)
    weights = picture(quantizer, 2)
    (result * weights).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, weights)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_device_gives_what_the_cpu_gives(quantizer: Quantizer) -> None:
    x, other = picture(quantizer), picture(quantizer, 1)
    y = quantizer.quantize(x)
    cells = quantizer.cells(y)
    there = quantizer.cells(y.cuda())
    assert (quantizer.quantize(x.cuda()).cpu() == y).float().mean() > 0.999  # a border may fall to the other side
    for found, expected in (
        (quantizer.soft(x.cuda(), 20.0), quantizer.soft(x, 20.0)),
        (there.low, cells.low),
        (there.high, cells.high),
        (there.project(other.cuda()), cells.project(other)),
    ):
        assert found.is_cuda
        torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-4)


def test_describe_is_one_short_line(quantizer: Quantizer) -> None:
    text = quantizer.describe()
    assert 5 < len(text) < 100
    assert "\n" not in text


def test_cells_refuse_what_is_no_picture(quantizer: Quantizer) -> None:
    with pytest.raises(ValueError, match=r"expected y of shape \(N, 3, H, W\)"):
        quantizer.cells(torch.rand(3, 4, 4))
