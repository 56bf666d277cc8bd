"""Half map, half cellnet-m: the mean of both, inside the cells; unknown thresholds go to map alone."""

from __future__ import annotations

import torch

from vdequant.models.prior_local import LocalEncoder, LocalGenerator, LocalSpec
from vdequant.models.prior_weights import Prior
from vdequant.quantizers.threshold import ThresholdQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.unknown_threshold import UnknownThreshold
from vdequant.restorers.base import Costly, Explaining
from vdequant.restorers.map_plus import MapPlus
from vdequant.restorers.map_search import NEAR, Search

TINY = LocalSpec(4, 2, (8, 6), 1)  # pictures of 16x16
LEVELS = UniformQuantizer.of_levels(2)


def restorer(search: Search) -> MapPlus:
    prior = Prior(LocalGenerator(TINY), LocalEncoder(TINY))
    for part in prior.parts().values():
        part.requires_grad_(False)
    return MapPlus(prior, search)


def smooth(height: int, width: int) -> torch.Tensor:
    small = torch.rand(1, 3, 3, 3, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.interpolate(small, size=(height, width), mode="bilinear")


def test_it_is_the_mean_of_both_inside_the_cells() -> None:
    y = LEVELS.quantize(smooth(24, 16))
    cells = LEVELS.cells(y)
    made = restorer(Search(2, 0, 0, patience=0))
    first = cells.project(made.map.restore_stored(y, cells, LEVELS))
    second = cells.project(made.cellnet.restore(y, cells))
    mean = made.restore_stored(y, cells, LEVELS)
    torch.testing.assert_close(mean, (first + second) / 2, atol=1e-6, rtol=0)
    assert bool(cells.contains(mean).all())


def test_knowing_the_quantizer_changes_it() -> None:
    y = LEVELS.quantize(smooth(16, 16))
    cells = LEVELS.cells(y)
    made = restorer(Search(4, 0, 0, rate=0.5, patience=0))
    told, blind = made.restore_stored(y, cells, LEVELS), made.restore(y, cells)
    assert told.shape == blind.shape == y.shape
    assert not torch.equal(told, blind)


def test_an_unknown_threshold_is_left_to_map() -> None:
    y = ThresholdQuantizer(0.4).quantize(smooth(16, 16))
    quantizer, made = UnknownThreshold(), restorer(Search(2, 0, 0, patience=0))
    cells = quantizer.cells(y)
    assert torch.equal(made.restore_stored(y, cells, quantizer), made.map.restore_stored(y, cells, quantizer))


def test_what_it_needs_holds_both() -> None:
    made = restorer(NEAR)
    assert made.needs.halo == max(made.map.needs.halo, made.cellnet.needs.halo)
    assert made.needs.align % made.cellnet.needs.align == 0
    assert isinstance(made, Explaining)
    assert isinstance(made, Costly)


def test_steps_are_told_and_nothing_is_computed_twice_differently() -> None:
    steps: list[int] = []
    made = restorer(Search(3, 0, 0, patience=0))
    made.watch(lambda done, total, objective: steps.append(done))
    y = LEVELS.quantize(smooth(16, 16))
    first = made.restore_stored(y, LEVELS.cells(y), LEVELS)
    assert steps == [0, 1, 2]
    assert torch.equal(first, made.restore_stored(y, LEVELS.cells(y), LEVELS))
