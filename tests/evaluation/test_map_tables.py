"""The tables of *map*: columns store as the paper says, every method has its row, curves show errors of estimates."""

from __future__ import annotations

import pytest
import torch

from vdequant.errors import UsageError
from vdequant.evaluation.map_tables import Bench, Score, column_of, measure_all, race
from vdequant.models.prior import Critic, Encoder, Generator, PriorSpec
from vdequant.models.prior_weights import Prior
from vdequant.quantizers.threshold import gray
from vdequant.restorers.map_search import PUBLISHED, Search

TINY = PriorSpec(4, (8, 8, 4))  # pictures of 16x16
QUICK = Search(steps=3, coarse=0, restarts=0, start="zero", patience=0, every=1)


@pytest.fixture(scope="module")
def prior() -> Prior:
    made = Prior(Generator(TINY), Encoder(TINY), Critic(TINY))
    for part in made.parts().values():
        part.requires_grad_(False)
    return made


@pytest.fixture
def truth() -> torch.Tensor:
    return torch.nn.functional.interpolate(torch.rand(2, 3, 4, 4), size=16, mode="bilinear")


def test_levels_lie_at_the_centers_of_their_cells(truth: torch.Tensor) -> None:
    assert set(column_of("m=2", truth).stored.unique().tolist()) <= {0.25, 0.75}


def test_otsus_threshold_is_each_pictures_own(truth: torch.Tensor) -> None:
    column = column_of("delta=otsu", truth)
    assert column.delta is not None
    for picture, stored, delta in zip(truth, column.stored, column.delta, strict=True):
        assert torch.equal(stored[0] > 0.5, gray(picture[None])[0] >= delta)


def test_a_threshold_of_a_half_is_known_and_others_are_not(truth: torch.Tensor) -> None:
    assert column_of("delta=0.5", truth).delta is None
    other = column_of("delta=0.4", truth)
    assert other.transform.start(1).shape == (1, 2)
    with pytest.raises(UsageError, match="m=2"):
        column_of("m=9", truth)


def test_every_method_has_its_row(prior: Prior, truth: torch.Tensor) -> None:
    told: list[Score] = []
    tables = measure_all(Bench(prior, QUICK), truth, ("m=2", "delta=otsu"), told.append)
    assert tables.scores == told
    color = [score.method for score in told if score.column == "m=2"]
    assert color == [
        "do nothing", "cellnet-m", "Yeh et al.", "identity", "softmax", "softmax, projected",
        "begun at cellnet-m, projected",
    ]  # fmt: skip
    assert "Yeh et al." not in [score.method for score in told if score.column == "delta=otsu"]
    assert all(0 <= score.error <= 1 for score in told)


def test_figures_of_doing_nothing_are_those_of_the_stored_picture(prior: Prior, truth: torch.Tensor) -> None:
    scores, _ = Bench(prior, QUICK).measure(column_of("m=3", truth))
    expected = float((column_of("m=3", truth).stored - truth).square().mean())
    assert scores[0].error == pytest.approx(expected)


def test_a_projected_result_is_inside_the_cells(prior: Prior, truth: torch.Tensor) -> None:
    column = column_of("m=2", truth)
    assert bool(column.cells.contains(Bench(prior, QUICK).from_peer(column)).all())


def test_the_curve_begins_where_the_estimate_does(prior: Prior, truth: torch.Tensor) -> None:
    _, curve = Bench(prior, QUICK).measure(column_of("delta=0.4", truth))
    assert curve is not None
    assert curve.steps == [0, 1, 2]
    assert curve.variance[0] == pytest.approx(0.01, abs=1e-5)  # it begins at 0.5


def test_the_tables_have_a_line_a_method_and_a_mark_where_nothing_was_measured(
    prior: Prior, truth: torch.Tensor
) -> None:
    tables = measure_all(Bench(prior, QUICK), truth, ("delta=0.5", "delta=otsu"), lambda score: None)
    lines = tables.markdown().splitlines()
    assert lines[0] == "| error / PSNR / SSIM | delta=0.5 | delta=otsu |"
    (yeh,) = [line for line in lines if line.startswith("| Yeh")]
    assert yeh.endswith("| – |")
    assert len(tables.as_dict()["curves"]) == 1


def test_a_race_counts_the_steps_to_the_same_objective(prior: Prior, truth: torch.Tensor) -> None:
    result = race(prior, column_of("m=2", truth), Search(10, 0, 0, "zero", "published", 0), QUICK)
    assert result.steps == (10, 3)
    assert PUBLISHED.descent == "published"
    if result.reached is not None:
        assert result.objective[1] <= result.objective[0]


def test_without_a_critic_yeh_is_refused_in_words(prior: Prior, truth: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="with a critic"):
        Bench(Prior(prior.generator), QUICK).yeh(column_of("m=2", truth))
