from __future__ import annotations

import pytest
import torch

from vdequant.errors import UsageError
from vdequant.quantizers.base import MARGIN
from vdequant.quantizers.palette import PaletteQuantizer, axis_reach

PALETTE = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.2, 0.4, 0.9]])


def test_nearest_color_agrees_with_distances_taken_one_by_one() -> None:
    x = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    quantizer = PaletteQuantizer(PALETTE)
    distances = ((x[:, None] - quantizer.palette[None, :, :, None, None]) ** 2).sum(2)
    expected = quantizer.palette[distances.argmin(1)].permute(0, 3, 1, 2)
    assert torch.equal(quantizer.quantize(x), expected)


def test_projection_stops_at_the_border_between_two_colors() -> None:
    y = torch.zeros(1, 3, 1, 1)
    black_and_white = PaletteQuantizer(torch.tensor([[0.0] * 3, [1.0] * 3]))
    projected = black_and_white.cells(y).project(torch.full_like(y, 0.9))
    assert projected.flatten().tolist() == pytest.approx([0.5] * 3, abs=1e-4)


def test_reach_along_an_axis_is_where_the_color_changes() -> None:
    quantizer = PaletteQuantizer(PALETTE)
    reach = axis_reach(quantizer.palette)
    black = int((quantizer.palette.sum(1) == 0).nonzero())
    step = torch.tensor([reach[black, 1, 2].item(), 0.0])
    x = torch.zeros(1, 3, 1, 2)
    x[0, 2, 0] = step[0] + torch.tensor([-1e-3, 1e-3])
    same = (quantizer.quantize(x) == 0).all(1).flatten()
    assert same.tolist() == [True, False]


def test_a_color_that_is_not_in_the_palette_is_held() -> None:
    y = torch.full((1, 3, 2, 2), 0.6)
    cells = PaletteQuantizer(PALETTE).cells(y)
    assert torch.equal(cells.project(torch.rand(1, 3, 2, 2)), y)
    assert cells.contains(y).all()
    assert not cells.contains(y + 0.1).any()


@pytest.mark.parametrize("far", [0.003, 0.03, 0.3])
def test_what_lies_in_a_cell_is_what_the_search_for_the_nearest_color_says(far: float) -> None:
    random = torch.Generator().manual_seed(7)
    quantizer = PaletteQuantizer((torch.rand(40, 3, generator=random) * 255).round() / 255)
    y = quantizer.quantize(torch.rand(2, 3, 24, 24, generator=random))
    x = y + far * (torch.rand(y.shape, generator=random) - 0.5)
    assert torch.equal(quantizer.cells(y).contains(x).all(1), (quantizer.quantize(x) == y).all(1))


def test_dither_widens_what_is_plausible_only() -> None:
    y = torch.zeros(1, 3, 1, 1)
    plain, dithered = PaletteQuantizer(PALETTE).cells(y), PaletteQuantizer(PALETTE).cells(y, dithered=True)
    assert dithered.spread > plain.spread
    assert torch.equal(plain.high, dithered.high)


def test_duplicates_are_merged_and_empty_palettes_refused() -> None:
    assert len(PaletteQuantizer(torch.cat([PALETTE, PALETTE])).palette) == 4
    with pytest.raises(UsageError, match="1 to 4096"):
        PaletteQuantizer(torch.zeros(0, 3))


def palettes() -> torch.Tensor:
    """One for each of two pictures; the second repeats a color."""
    random = torch.rand(2, 6, 3, generator=torch.Generator().manual_seed(5))
    random[1, 4] = random[1, 1]
    return random


def noise(count: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, 9, 7, generator=torch.Generator().manual_seed(seed))


def test_each_picture_of_a_batch_has_its_own_palette() -> None:
    x, other = noise(), noise(seed=1)
    together = PaletteQuantizer(palettes())
    y = together.quantize(x)
    cells = together.cells(y)
    assert cells.contains(x).all()
    assert not cells.contains(other).all()
    assert torch.equal(together.quantize(cells.project(other)), y)
    for i, palette in enumerate(palettes()):
        alone, own = PaletteQuantizer(palette), slice(i, i + 1)
        assert torch.equal(y[own], alone.quantize(x[own]))
        torch.testing.assert_close(together.soft(x, 30.0)[own], alone.soft(x[own], 30.0), rtol=0, atol=1e-6)
        assert torch.equal(cells.project(other)[own], alone.cells(y[own]).project(other[own]))
        assert torch.equal(cells.low[own], alone.cells(y[own]).low)
    assert "each picture" in together.describe()


def test_a_batch_of_another_size_than_the_palettes_is_refused() -> None:
    quantizer = PaletteQuantizer(palettes())
    for call in (quantizer.quantize, quantizer.cells, quantizer.straight_through):
        with pytest.raises(ValueError, match="expected 2 pictures, one for each palette, got 3"):
            call(noise(3))


@pytest.mark.parametrize("batched", [False, True])
def test_soft_has_gradients_to_picture_palette_and_sharpness(batched: bool) -> None:
    x = noise()[:, :, :2, :2].double().requires_grad_()
    colors = (palettes() if batched else palettes()[0])[..., :4, :].double().requires_grad_()
    k = torch.tensor(9.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v, p, s: PaletteQuantizer(p).soft(v, s), (x, colors, k))


@pytest.mark.parametrize("batched", [False, True])
def test_straight_through_moves_the_chosen_colors_by_the_sum_of_their_pixels(batched: bool) -> None:
    x = noise().requires_grad_()
    colors = (palettes() if batched else palettes()[0]).requires_grad_()
    quantizer = PaletteQuantizer(colors)
    weights = noise(seed=2)
    result = quantizer.straight_through(x)
    assert torch.equal(result, quantizer.quantize(x))
    (result * weights).sum().backward()
    assert x.grad is not None
    assert colors.grad is not None
    assert torch.equal(x.grad, weights)
    for color, gradient in zip(colors.detach().reshape(-1, 3)[:6], colors.grad.reshape(-1, 3)[:6], strict=True):
        chosen = (result.detach() == color[:, None, None]).all(1, keepdim=True)
        chosen = chosen & torch.tensor([True, not batched])[:, None, None, None]
        torch.testing.assert_close(gradient, (weights * chosen).sum((0, 2, 3)))


def test_what_was_moved_into_the_cells_of_colors_one_code_apart_is_found_inside() -> None:
    palette = torch.tensor([[97, 195, 223], [98, 195, 224], [98, 194, 223], [99, 196, 224], [100, 196, 224.0]]) / 255
    quantizer = PaletteQuantizer(palette)
    y = palette[torch.randint(5, (1, 64, 64))].permute(0, 3, 1, 2)
    cells = quantizer.cells(y)
    written = (cells.project(y + 8 / 255 * torch.randn_like(y), MARGIN + 0.5 / 65535) * 65535).round() / 65535
    assert cells.contains(written).all()
    assert not cells.contains(y + 8 / 255).all()


def test_whatever_lies_in_a_narrow_cell_is_stored_as_its_color() -> None:
    """In single precision rounding would decide between colors that are a few codes apart."""
    generator = torch.Generator().manual_seed(0)
    quantizer = PaletteQuantizer(torch.randint(0, 256, (1024, 3), generator=generator) / 255)
    y = quantizer.quantize(torch.rand(1, 3, 96, 96, generator=generator))
    cells = quantizer.cells(y)
    inside = cells.project(torch.rand(1, 3, 96, 96, generator=generator))
    assert bool(cells.contains(inside).all())
    assert torch.equal(quantizer.quantize(inside), y)


def test_guesses_beyond_the_cube_are_cut_before_they_are_projected() -> None:
    quantizer = PaletteQuantizer(torch.tensor([[0.0, 0, 0], [1, 1, 1]]))
    cells = quantizer.cells(torch.zeros(1, 3, 1, 1))
    projected = cells.project(torch.tensor([-3.0, 3, 3]).view(1, 3, 1, 1))
    assert torch.equal(quantizer.quantize(projected.clamp(0, 1)), torch.zeros(1, 3, 1, 1))
