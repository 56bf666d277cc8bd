from __future__ import annotations

from itertools import permutations

import pytest
import torch

from vdequant.edits import METHODS
from vdequant.edits.matching import match_palettes
from vdequant.errors import UsageError


def shares(*values: float) -> torch.Tensor:
    return torch.tensor(values)


@pytest.mark.parametrize("method", METHODS)
def test_no_other_matching_costs_less(method: str) -> None:
    source, target = torch.rand(5, 3), torch.rand(5, 3)
    weights, wanted = torch.rand(5), torch.rand(5)
    found = match_palettes(source, weights, target, wanted, method)
    sign = 1 if method == "color" else -1
    costs = sign * torch.cdist(source, target) * (weights[:, None] + wanted[None]) / 2
    best = min(sum(float(costs[i, j]) for i, j in enumerate(order)) for order in permutations(range(5)))
    assert sorted(found.tolist()) == [0, 1, 2, 3, 4]
    assert float(costs[torch.arange(5), found].sum()) == pytest.approx(best, abs=1e-5)


def test_the_same_palette_in_another_order_is_found() -> None:
    palette = torch.rand(12, 3)
    order = torch.randperm(12)
    found = match_palettes(palette, torch.ones(12), palette[order], torch.ones(12))
    assert torch.equal(palette[order][found], palette)


def test_the_larger_area_gets_the_partner_that_both_want() -> None:
    source = torch.tensor([[0.4, 0.4, 0.4], [0.6, 0.6, 0.6]])
    target = torch.tensor([[0.5, 0.5, 0.5], [0.5, 0.5, 1.0]])
    assert match_palettes(source, shares(0.9, 0.1), target, shares(0.5, 0.5)).tolist() == [0, 1]
    assert match_palettes(source, shares(0.1, 0.9), target, shares(0.5, 0.5)).tolist() == [1, 0]


def test_of_a_larger_palette_the_nearest_colors_are_taken() -> None:
    source, target = torch.zeros(1, 3), torch.tensor([[1.0, 1, 1], [0.1, 0, 0], [0, 1, 0]])
    assert match_palettes(source, shares(1), target, shares(0.3, 0.3, 0.4)).tolist() == [1]
    assert match_palettes(source, shares(1), target, shares(0.3, 0.3, 0.4), "negative-color").tolist() == [0]


def test_a_palette_that_is_too_small_and_an_unknown_method_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 2 colors"):
        match_palettes(torch.rand(2, 3), torch.ones(2), torch.rand(1, 3), torch.ones(1))
    with pytest.raises(UsageError, match="negative-color"):
        match_palettes(torch.rand(1, 3), torch.ones(1), torch.rand(1, 3), torch.ones(1), "hue")
