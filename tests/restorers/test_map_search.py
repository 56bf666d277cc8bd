"""The search: it finds what a tiny generator made, estimates what is unknown, and is quicker than published."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vdequant.models.prior import Critic, Encoder, Generator, PriorSpec
from vdequant.models.prior_local import LocalEncoder, LocalGenerator, LocalSpec
from vdequant.models.prior_weights import Prior
from vdequant.quantizers.threshold import ThresholdQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.descent import Adam
from vdequant.restorers.map_objective import MapObjective, YehObjective
from vdequant.restorers.map_search import FAST, NEAR, PUBLISHED, Found, Search, guess, in_rows, quick_search, search
from vdequant.restorers.map_transforms import Identity, SoftUnknown, Transform, sharpness, threshold, transform_of

TINY = PriorSpec(4, (8, 8))
LEVELS = UniformQuantizer.of_levels(3)
PLAIN = Search(steps=40, coarse=0, restarts=0, start="zero", patience=0)


@pytest.fixture(scope="module")
def prior() -> Prior:
    """A generator whose pictures fill [0, 1], untrained otherwise."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        made = Prior(Generator(TINY), Encoder(TINY), Critic(TINY))
    for part in made.parts().values():
        part.requires_grad_(False)
    made.generator.last.weight *= 4
    return made


def pictures(prior: Prior, count: int = 3) -> torch.Tensor:
    z = torch.randn(count, TINY.latent, generator=torch.Generator().manual_seed(7))
    return prior.generator(z).clamp(0, 1)


def objective_at(prior: Prior, transform: Transform, stored: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    return MapObjective(transform)(prior.generator(z), z, transform.start(len(z)), stored)


def test_a_search_comes_nearer_to_the_picture_than_doing_nothing(prior: Prior) -> None:
    truth = pictures(prior)
    stored = LEVELS.quantize(truth)
    found = search(prior, transform_of(LEVELS), stored, replace(PLAIN, steps=80))
    assert (found.pictures - truth).square().mean() < 0.5 * (stored - truth).square().mean()


def test_the_best_point_on_the_way_is_returned(prior: Prior) -> None:
    stored = LEVELS.quantize(pictures(prior))
    transform = transform_of(LEVELS)
    found = search(prior, transform, stored, replace(PLAIN, every=1))
    again = MapObjective(transform)(prior.generator(found.z), found.z, found.alpha, stored)
    torch.testing.assert_close(found.objective, again, rtol=1e-4, atol=1e-2)
    assert bool((found.objective <= torch.stack(found.trace.objective).amin(0) + 1e-2).all())
    assert bool((found.objective < objective_at(prior, transform, stored, torch.zeros(3, 4))).all())


def test_the_trace_holds_every_step_that_was_asked_for(prior: Prior) -> None:
    found = search(prior, transform_of(LEVELS), LEVELS.quantize(pictures(prior)), replace(PLAIN, steps=10, every=4))
    assert found.trace.steps == [0, 4, 8]
    assert found.trace.alpha[0].shape == (3, 1)
    assert not torch.equal(sharpness(found.trace.alpha[0]), sharpness(found.trace.alpha[2]))  # k is estimated


def test_an_unknown_threshold_is_estimated() -> None:
    made = torch.linspace(0, 1, 64).view(1, 1, 8, 8).expand(1, 3, 8, 8)
    stored, z = ThresholdQuantizer(0.35).quantize(made), torch.zeros(1, 4)
    objective, alpha, descent = MapObjective(SoftUnknown()), SoftUnknown().start(1), Adam(0.1)
    for _ in range(100):
        at = alpha.clone().requires_grad_()
        descent.step([alpha], torch.autograd.grad(objective(made, z, at, stored).sum(), at))
    assert threshold(alpha).item() == pytest.approx(0.35, abs=0.02)
    assert sharpness(alpha).item() > 20  # the step is sharp, and k follows


def test_more_starts_never_end_worse_before_the_full_view(prior: Prior) -> None:
    stored, transform = LEVELS.quantize(pictures(prior)), transform_of(LEVELS)
    one = search(prior, transform, stored, replace(PLAIN, steps=0))
    many = search(prior, transform, stored, replace(PLAIN, steps=0, restarts=4, coarse=8))
    assert bool((many.objective <= one.objective + 1e-2).all())
    assert float(many.objective.mean()) < float(one.objective.mean())


def test_pictures_that_do_not_get_better_rest(prior: Prior) -> None:
    stored = LEVELS.quantize(pictures(prior))
    rested = search(prior, transform_of(LEVELS), stored, replace(PLAIN, steps=4000, patience=3, gain=50.0))
    assert rested.steps < 200


def test_a_search_begun_at_the_answer_is_there_at_once(prior: Prior) -> None:
    stored, transform = LEVELS.quantize(pictures(prior)), transform_of(LEVELS)
    done = search(prior, transform, stored, replace(PLAIN, steps=100))
    begun = search(prior, transform, stored, replace(PLAIN, steps=2), begin=done.z)
    fresh = search(prior, transform, stored, replace(PLAIN, steps=2))
    assert float(begun.objective.mean()) < float(fresh.objective.mean())


def test_the_encoders_guess_does_not_depend_on_neighbors(prior: Prior) -> None:
    x = pictures(prior, 9)
    assert torch.equal(guess(prior, x)[4:5], guess(prior, x[4:5]))
    with pytest.raises(ValueError, match="with an encoder"):
        guess(Prior(prior.generator), x)


def test_a_prior_without_an_encoder_starts_at_zero(prior: Prior) -> None:
    stored = LEVELS.quantize(pictures(prior))
    blind = search(Prior(prior.generator), transform_of(LEVELS), stored, replace(PLAIN, steps=5, start="guess"))
    zero = search(prior, transform_of(LEVELS), stored, replace(PLAIN, steps=5))
    assert torch.equal(blind.z, zero.z)


def test_seeds_decide_the_random_starts(prior: Prior) -> None:
    stored = LEVELS.quantize(pictures(prior, 1))

    def ended(seed: int) -> Found:
        return search(prior, transform_of(LEVELS), stored, replace(PLAIN, steps=1, start="noise", seed=seed))

    assert torch.equal(ended(1).z, ended(1).z)
    assert not torch.equal(ended(1).z, ended(2).z)


def test_the_quick_search_is_as_low_in_a_fiftieth_of_the_steps(prior: Prior) -> None:
    stored, transform = LEVELS.quantize(pictures(prior)), transform_of(LEVELS)
    slow = search(prior, transform, stored, replace(PUBLISHED, steps=500, start="zero"))
    quick = search(prior, transform, stored, replace(PLAIN, steps=10, restarts=4, coarse=4))
    assert float(quick.objective.mean()) <= float(slow.objective.mean())


def test_other_objectives_can_be_searched(prior: Prior) -> None:
    assert prior.critic is not None
    stored = pictures(prior)
    objective = YehObjective(prior.critic, 0.1)
    found = search(prior, Identity(), stored, PLAIN, objective=objective)
    begun = search(prior, Identity(), stored, replace(PLAIN, steps=0), objective=objective)
    assert bool((found.objective < begun.objective).all())


def test_steps_are_told_while_they_are_made(prior: Prior) -> None:
    told: list[tuple[int, int, float]] = []
    search(prior, transform_of(LEVELS), LEVELS.quantize(pictures(prior)), replace(PLAIN, steps=5),
           told=lambda *facts: told.append(facts))  # fmt: skip
    assert [facts[:2] for facts in told] == [(i, 5) for i in range(5)]
    assert told[-1][2] < told[0][2]


def test_a_search_works_inside_inference_mode(prior: Prior) -> None:
    with torch.inference_mode():
        stored = LEVELS.quantize(pictures(prior))
        found = search(prior, transform_of(LEVELS), stored, replace(PLAIN, steps=2))
    assert found.pictures.shape == (3, 3, 8, 8)


def test_rows_are_always_computed_as_many_at_a_time() -> None:
    seen = []

    def work(rows: torch.Tensor) -> list[torch.Tensor]:
        seen.append(len(rows))
        return [rows * 2]

    (found,) = in_rows(work, torch.arange(11.0))
    assert torch.equal(found, torch.arange(11.0) * 2)
    assert set(seen) == {seen[0]}


def test_a_local_prior_is_searched_near_its_encoders_guess(prior: Prior) -> None:
    spec = LocalSpec(4, 1, (8,), 1)
    local = Prior(LocalGenerator(spec), LocalEncoder(spec))
    for part in local.parts().values():
        part.requires_grad_(False)
    assert quick_search(local) is NEAR
    assert quick_search(Prior(local.generator)) is quick_search(prior) is FAST  # nothing to be near to
    stored, transform = LEVELS.quantize(pictures(prior)), transform_of(LEVELS)
    found = search(local, transform, stored, replace(NEAR, steps=4))
    moved = (found.z - guess(local, stored)).abs().max()
    assert 0 < float(moved) < 4.5 * NEAR.rate


def test_the_rate_is_the_size_of_a_step(prior: Prior) -> None:
    stored, transform = LEVELS.quantize(pictures(prior)), transform_of(LEVELS)
    one = replace(PLAIN, steps=1, rate=0.02)
    moved = search(prior, transform, stored, one).z.abs().max()
    assert float(moved) == pytest.approx(0.02, rel=1e-2)
