from __future__ import annotations

from itertools import combinations

import pytest
import torch

from vdequant.quantizers.attributes import PairRule, block_cells, block_numbers, nearest_allowed, squared_distances
from vdequant.quantizers.consoles import ConsoleQuantizer
from vdequant.quantizers.rows import from_rows, to_rows

PALETTE = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 0, 1]])
ANY = PairRule(4, 2)
TORN = PairRule(4, 2, groups=((0, 1), (0, 2, 3)))  # white stands beside nothing but black


def stored(x: torch.Tensor, rule: PairRule) -> torch.Tensor:
    allowed = rule.choose(x, PALETTE).flatten(0, 2)
    return from_rows(PALETTE[nearest_allowed(to_rows(x), PALETTE, allowed, block_numbers(x, rule))], x)


def colors_of(block: torch.Tensor) -> set[tuple[float, ...]]:
    return {tuple(color) for color in to_rows(block).tolist()}


def test_rows_of_pixels_become_the_picture_again() -> None:
    x = torch.rand(2, 3, 4, 5)
    assert torch.equal(from_rows(to_rows(x), x), x)


@pytest.mark.parametrize("rule", [ANY, TORN], ids=["any two", "two of a group"])
def test_no_block_has_more_than_two_colors_or_two_that_may_not_meet(rule: PairRule) -> None:
    y = stored(torch.rand(2, 3, 9, 11), rule)
    partners = rule.partners(PALETTE)
    for picture in y:
        for top in range(0, 9, rule.height):
            for left in range(0, 11, rule.width):
                seen = colors_of(picture[None, :, top : top + rule.height, left : left + rule.width])
                places = [PALETTE.tolist().index(list(color)) for color in seen]
                assert len(seen) <= 2
                assert all(partners[a, b] for a in places for b in places)


def test_the_best_pair_is_chosen() -> None:
    x = torch.rand(1, 3, 2, 4)
    distances = squared_distances(to_rows(x), PALETTE)
    errors = {pair: distances[:, list(pair)].amin(1).sum().item() for pair in combinations(range(4), 2)}
    best = min(errors, key=lambda pair: errors[pair])
    assert ANY.choose(x, PALETTE).flatten().nonzero().flatten().tolist() == list(best)


def test_pixels_outside_the_picture_have_no_vote() -> None:
    # One red pixel in a block of eight: black would win if the seven that do not exist were black.
    x = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    assert colors_of(stored(x, TORN)) == {(1.0, 0.0, 0.0)}


def test_a_pixel_borders_on_the_colors_of_its_block_only() -> None:
    y = PALETTE[[0, 1, 0, 1, 0, 0, 0, 0]].T.view(1, 3, 2, 4)
    cells = block_cells(y, PALETTE, ANY)
    red = torch.tensor([0.45, 0.0, 0.0]).view(1, 3, 1, 1).expand_as(y)
    # red is nearer to black than to white, and the block shows no red; so it may have been stored as black
    assert cells.contains(red)[0, 0, 0].tolist() == [True, False, True, False]
    assert cells.contains(torch.tensor([0.9, 0.0, 0.0]).view(1, 3, 1, 1).expand_as(y))[0, 0, 0, 0]


def test_a_block_of_one_color_borders_on_all_that_could_have_stood_beside_it() -> None:
    y = PALETTE[1].view(1, 3, 1, 1).expand(1, 3, 2, 4).contiguous()
    pink = torch.tensor([1.0, 0.4, 0.4]).view(1, 3, 1, 1).expand_as(y)
    assert not block_cells(y, PALETTE, ANY).contains(pink).any()
    assert block_cells(y, PALETTE, TORN).contains(pink).all()


@pytest.mark.parametrize("name", ["zx", "c64", "msx"])
def test_the_truth_is_in_the_cells_of_what_was_stored(name: str) -> None:
    quantizer = ConsoleQuantizer(name)
    for seed in range(4):
        x = torch.rand(2, 3, 17, 19, generator=torch.Generator().manual_seed(seed))
        assert quantizer.cells(quantizer.quantize(x)).contains(x).all()


def test_a_color_that_is_not_in_the_palette_is_held_where_it_is() -> None:
    y = torch.full((1, 3, 2, 4), 0.5)
    cells = block_cells(y, PALETTE, ANY)
    assert torch.equal(cells.project(torch.rand_like(y)), y)
    assert torch.equal(cells.low, y)
