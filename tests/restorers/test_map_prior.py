"""The restorer `map`: patches of pictures of any size, told what stored them, with a threshold known or not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vdequant.models.prior import Encoder, Generator, PriorSpec
from vdequant.models.prior_weights import Prior, write_prior
from vdequant.quantizers.threshold import ThresholdQuantizer, gray
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.unknown_threshold import UnknownThreshold
from vdequant.restorers.base import Costly, Explaining
from vdequant.restorers.loading import load_restorer
from vdequant.restorers.map_prior import MapPrior
from vdequant.restorers.map_search import Search

TINY = PriorSpec(4, (8, 8))
QUICK = Search(steps=3, coarse=2, restarts=1)


@pytest.fixture
def restorer() -> MapPrior:
    prior = Prior(Generator(TINY), Encoder(TINY))
    for part in prior.parts().values():
        part.requires_grad_(False)
    return MapPrior(prior, QUICK)


def test_it_asks_for_the_quantizer_and_says_what_it_costs(restorer: MapPrior) -> None:
    assert isinstance(restorer, Explaining)
    assert isinstance(restorer, Costly)
    assert 0 < restorer.seconds(8, 8) < restorer.seconds(64, 64)


def test_its_needs_follow_from_the_prior(restorer: MapPrior) -> None:
    needs = restorer.needs
    assert (needs.multiple_of, needs.halo, needs.min_size, needs.align) == (4, 8, 8, 4)


def test_knowing_the_quantizer_changes_the_search(restorer: MapPrior) -> None:
    quantizer = UniformQuantizer.of_levels(2)
    y = quantizer.quantize(torch.rand(2, 3, 12, 8))
    cells = quantizer.cells(y)
    told, blind = restorer.restore_stored(y, cells, quantizer), restorer.restore(y, cells)
    assert told.shape == blind.shape == y.shape
    assert not torch.equal(told, blind)


def test_an_unknown_threshold_is_kept_to_as_it_was_estimated(restorer: MapPrior) -> None:
    y = ThresholdQuantizer(0.4).quantize(torch.rand(1, 3, 8, 8))
    quantizer = UnknownThreshold()
    picture = restorer.restore_stored(y, quantizer.cells(y), quantizer)
    white = gray(y) > 0.5
    assert gray(picture)[~white].max() < gray(picture)[white].min()


def test_every_step_is_told_to_who_watches(restorer: MapPrior) -> None:
    told: list[int] = []
    restorer.watch(lambda done, total, objective: told.append(done))
    quantizer = UniformQuantizer.of_levels(2)
    y = quantizer.quantize(torch.rand(1, 3, 8, 8))
    restorer.restore_stored(y, quantizer.cells(y), quantizer)
    assert told == [0, 1, 2]


def test_a_frame_can_begin_where_the_one_before_ended(restorer: MapPrior) -> None:
    quantizer = UniformQuantizer.of_levels(2)
    y = quantizer.quantize(torch.rand(1, 3, 8, 12))
    first = restorer.solve(y, quantizer)
    second = restorer.solve(y, quantizer, first.z)
    assert bool((second.objective <= first.objective + 1.0).all())


def test_a_file_of_a_prior_is_a_restorer(restorer: MapPrior, tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    write_prior(restorer.prior, path)
    loaded = load_restorer(str(path))
    assert isinstance(loaded, MapPrior)
    assert loaded.prior.spec == TINY


def test_a_frames_result_does_not_depend_on_the_one_before(restorer: MapPrior) -> None:
    quantizer = UniformQuantizer.of_levels(3)
    frames = [quantizer.quantize(torch.rand(1, 3, 8, 8)) for _ in range(2)]
    alone = restorer.restore_stored(frames[1], quantizer.cells(frames[1]), quantizer)
    restorer.restore_stored(frames[0], quantizer.cells(frames[0]), quantizer)
    assert torch.equal(restorer.restore_stored(frames[1], quantizer.cells(frames[1]), quantizer), alone)
