"""Drawing from a diffusion model: chance is the seed's, tiles leave no seam, each step stays in the cells."""

from __future__ import annotations

from itertools import count, pairwise
from typing import Any

import pytest
import torch

from vdequant.models.conditioning import COLORS, planes_of
from vdequant.models.denoiser import Embedded
from vdequant.models.diffusion import NOISE, TINY, TRAINED_STEPS, Base, Encoder
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.denoising import clean_of, draw, predict, scheduler_of, starts, thresholded
from vdequant.restorers.diffusion import Diffusion
from vdequant.restorers.sampling import Sampling
from vdequant.settings import SAMPLERS, Settings

SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": TRAINED_STEPS,
    "beta_schedule": NOISE,
    "prediction_type": "v_prediction",
}


class Knowing:
    """A denoiser that believes the colors that it is told, pixel by pixel."""

    texture, multiple, factor, channels, schedule = "L", 4, 1, 3, {**SCHEDULE, "prediction_type": "sample"}

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def to(self, device: torch.device, dtype: torch.dtype) -> Knowing:
        return self

    def predict(self, noisy: torch.Tensor, step: torch.Tensor, planes: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(noisy.shape[-2:]))
        return planes[:, COLORS] * 2 - 1 + 0.01 * noisy

    def decode(self, clean: torch.Tensor) -> torch.Tensor:
        return clean


def told(height: int = 16, width: int = 16, count: int = 1) -> torch.Tensor:
    colors = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(4))
    return planes_of(colors, torch.tensor(16 / 256))


def tiny() -> Embedded:
    torch.manual_seed(5)
    base = Base(TINY).requires_grad_(False)
    encoder = Encoder(base)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return Embedded("L", base, encoder.requires_grad_(False))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_arrives_at_what_the_model_believes(sampler: str) -> None:
    planes = told()
    drawn = draw(Knowing(), planes, Sampling(sampler, steps=8))
    torch.testing.assert_close(drawn, planes[:, COLORS], rtol=0, atol=0.02)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_gives_the_same_picture_and_another_seed_another(sampler: str) -> None:
    model = tiny()
    first, again, other = (draw(model, told(), Sampling(sampler, steps=3, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert (first - other).abs().mean() > 1e-4


def test_samples_are_those_of_the_seeds_that_follow() -> None:
    model = tiny()
    second = draw(model, told(), Sampling("ddim", steps=2, seed=3, samples=2), number=1)
    assert torch.equal(second, draw(model, told(), Sampling("ddim", steps=2, seed=4)))


def test_the_restorer_gives_the_mean_of_its_samples() -> None:
    model, planes = tiny(), told(8, 8)
    y = (planes[:, COLORS] * 15).round() / 15
    cells = UniformQuantizer.of_levels(16).cells(y)
    both, one, two = (
        Diffusion(model, Sampling("dpm", steps=2, seed=seed, samples=samples)).restore(y, cells)
        for seed, samples in ((1, 2), (1, 1), (2, 1))
    )
    torch.testing.assert_close(both, (one + two) / 2)


def test_a_picture_is_drawn_alike_whatever_is_beside_it() -> None:
    model, planes = tiny(), told(count=2)
    both = draw(model, planes, Sampling(steps=3))
    torch.testing.assert_close(both[1:], draw(model, planes[1:], Sampling(steps=3)), rtol=0, atol=1e-5)


def test_the_published_schedule_is_that_of_super27() -> None:
    steps = scheduler_of(SCHEDULE, Sampling()).timesteps.tolist()
    assert len(steps) == 27
    assert (steps[0], steps[1], steps[-2], steps[-1]) == (999, 991, 100, 0)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_schedule_begins_at_noise_alone(sampler: str) -> None:
    steps = scheduler_of(SCHEDULE, Sampling(sampler, steps=5)).timesteps
    assert len(steps) == 5
    assert steps[0] == TRAINED_STEPS - 1


@pytest.mark.parametrize("kind", ["v_prediction", "epsilon", "sample"])
def test_the_clean_picture_follows_from_whatever_is_predicted(kind: str) -> None:
    picture, noise = told()[:, COLORS] * 2 - 1, torch.randn(1, 3, 16, 16)
    kept = torch.tensor(0.36)
    noisy = 0.6 * picture + 0.8 * noise
    answer = {"v_prediction": 0.6 * noise - 0.8 * picture, "epsilon": noise, "sample": picture}[kind]
    torch.testing.assert_close(clean_of(answer, noisy, kept, kind), picture)


def test_thresholding_with_c_of_one_is_clipping() -> None:
    x = torch.linspace(-3, 3, 48).view(1, 3, 4, 4)
    assert torch.equal(thresholded(x, 0.95, 1.0), x.clamp(-1, 1))


def test_dynamic_thresholding_brings_the_quantile_to_one() -> None:
    x = torch.linspace(-2, 2, 4800).view(1, 3, 40, 40)
    found = thresholded(x, 0.5, 10.0)
    assert found.abs().max() == 1
    torch.testing.assert_close(found[x.abs() < 1], x[x.abs() < 1], rtol=0, atol=1e-3)


def test_pictures_in_bounds_are_left_alone_by_thresholding() -> None:
    x = torch.rand(2, 3, 5, 5) * 1.8 - 0.9
    assert torch.equal(thresholded(x, 0.95, 3.0), x)


@pytest.mark.parametrize(("length", "tile", "overlap"), [(16, 16, 4), (17, 16, 4), (100, 16, 4), (1920, 256, 32)])
def test_tiles_cover_a_side_and_overlap(length: int, tile: int, overlap: int) -> None:
    places = starts(length, tile, overlap)
    assert places[0] == 0
    assert places[-1] + tile >= length
    assert all(0 < b - a <= tile - overlap for a, b in pairwise(places))


def test_large_pictures_are_seen_in_tiles_without_a_seam() -> None:
    planes = told(40, 52)
    noisy = torch.randn(1, 3, 40, 52, generator=torch.Generator().manual_seed(1))
    step = torch.tensor([500])
    model = Knowing()
    tiled = predict(model, noisy, step, planes, Sampling(tile=16, overlap=4))
    assert set(model.seen) == {(16, 16)}
    torch.testing.assert_close(tiled, Knowing().predict(noisy, step, planes))


def test_what_a_tile_says_fades_out_toward_its_border() -> None:
    """A model whose tiles disagree, each with an answer of its own, leaves slopes instead of edges."""

    class Disagreeing(Knowing):
        def predict(self, noisy: torch.Tensor, step: torch.Tensor, planes: torch.Tensor) -> torch.Tensor:
            self.seen.append((0, 0))
            return torch.full_like(noisy, float(len(self.seen)))

    found = predict(
        Disagreeing(), torch.zeros(1, 3, 16, 28), torch.tensor([1]), told(16, 28), Sampling(tile=16, overlap=4)
    )
    steps = (found[..., 1:] - found[..., :-1]).abs()
    assert (found.min(), found.max()) == (1, 2)
    assert steps.max() <= 1 / 4


def test_every_step_stays_in_the_cells() -> None:
    planes = told(8, 8)
    quantizer = UniformQuantizer.of_levels(4)
    y = quantizer.quantize(planes[:, COLORS])
    cells = quantizer.cells(y)
    drawn = draw(tiny(), planes_of(y, torch.tensor(0.25)), Sampling(steps=3), cells)
    assert cells.contains(drawn).all()
    free = draw(tiny(), planes_of(y, torch.tensor(0.25)), Sampling(steps=3, fidelity=0.0), cells)
    assert not cells.contains(free).all()


def test_a_watcher_hears_of_every_step() -> None:
    heard: list[tuple[int, int]] = []
    restorer = Diffusion(tiny(), Sampling("ddim", steps=2, samples=2))
    restorer.watch(lambda done, total, change: heard.append((done, total)))
    y = torch.full((1, 3, 8, 8), 0.5)
    restorer.restore(y, UniformQuantizer.of_levels(3).cells(y))
    assert heard == [(done, 4) for done in range(5)]


def test_time_is_told_for_all_that_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles overlap: of a picture of 512 pixels a side, three times three tiles of 256 are seen."""
    ticks = count()
    monkeypatch.setattr("time.perf_counter", lambda: float(next(ticks)))  # each step takes a second
    restorer = Diffusion(tiny(), Sampling("ddim", steps=4, samples=2))
    assert restorer.seconds(128, 128) == 8
    assert restorer.seconds(512, 512) == 8 * (3 * 256 / 128) ** 2


def test_restoring_takes_the_mean_of_quick_samples_unless_told_otherwise() -> None:
    usual = Sampling.to_restore(Settings())
    assert (usual.sampler, usual.count, usual.samples) == ("dpm", 5, 4)
    told = Sampling.to_restore(Settings(restorer="diffusion", sampler="ddpm"))
    assert (told.sampler, told.count, told.samples) == ("ddpm", 27, 4)
    few = Sampling.to_restore(Settings(restorer="diffusion", steps=3, samples=2))
    assert (few.sampler, few.count, few.samples) == ("dpm", 3, 2)


def test_what_is_looked_at_is_drawn_as_published_unless_told_otherwise() -> None:
    usual = Sampling.of(Settings())
    assert (usual.sampler, usual.count, usual.samples) == ("ddpm", 27, 1)
    told = Sampling.of(Settings(restorer="diffusion", sampler="ddim", seed=5, samples=3))
    assert (told.sampler, told.count, told.seed, told.samples) == ("ddim", 20, 5, 3)
