"""Plans of reuse: what is copied is equal to what is there, all around; what is not is in the windows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from vdequant.temporal.reuse import LONGEST_REST, PATIENCE, FramePlan, Planner
from vdequant.temporal.reuse_windows import Grain

HALO = 4


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)).mul(31).round().div(31)


def with_sprite(y: Tensor, top: int, left: int) -> Tensor:
    result = y.clone()
    result[..., top : top + 6, left : left + 6] = noise(6, 6, 99)
    return result


def scroll(frames: int, step: int = 2) -> Iterator[Tensor]:
    """A background that moves to the left behind a static overlay."""
    world, overlay = noise(96, 400, 1), noise(12, 40, 2)
    for t in range(frames):
        y = world[..., t * step : t * step + 160].clone()
        y[..., 4:16, 4:44] = overlay
        yield y


def carried_out(plan: FramePlan, before: Tensor, now: Tensor) -> Tensor:
    """The picture that the plan makes when restoring is doing nothing, so that it has to come out as it is."""
    if plan.whole:
        return now
    result = before.clone()
    for copy in plan.copies:
        moved = before.roll((-copy.shift[0], -copy.shift[1]), (-2, -1))
        result = torch.where(torch.from_numpy(copy.mask), moved, result)
    for window in plan.windows:
        for top, left, bottom, right in window.boxes:
            result[..., top:bottom, left:right] = now[..., top:bottom, left:right]
    for square, (top, left, bottom, right) in plan.found.hits:
        assert square.values is not None
        result[0, :, top:bottom, left:right] = square.values
    for square, (top, left, bottom, right) in plan.found.keeps:
        square.values = result[0, :, top:bottom, left:right].clone()
    return result


def planned(pictures: list[Tensor], grain: Grain | None = None) -> list[FramePlan]:
    """Plans of all pictures, after a check that they make them."""
    planner, plans = Planner(grain or Grain(HALO)), []
    for t, now in enumerate(pictures):
        plans.append(planner.plan(now))
        assert torch.equal(carried_out(plans[-1], pictures[t - 1], now), now)
    return plans


def test_a_sprite_on_a_still_picture_costs_one_small_window() -> None:
    still = noise(96, 160)
    plans = planned([with_sprite(still, 20, 20 + 2 * t) for t in range(4)])
    assert [plan.whole for plan in plans] == [True, False, False, False]
    assert all(plan.work <= 48 * 48 and plan.copies == () for plan in plans[1:])
    assert all(0 < plan.new <= (6 + 2 * HALO) * (8 + 2 * HALO) for plan in plans[1:])


def test_a_scroll_behind_an_overlay_is_one_shift_and_bands() -> None:
    plans = planned(list(scroll(6)))
    assert all([copy.shift for copy in plan.copies] == [(0, 2)] for plan in plans[1:])
    assert all(plan.work < 0.65 * 96 * 160 for plan in plans[1:])


def test_content_that_returns_is_not_computed_again() -> None:
    still = noise(96, 160)
    poses = [with_sprite(still, 20, 20), with_sprite(still, 20, 60)] * 4
    plans = planned(poses)
    assert sum(plan.work for plan in plans[3:]) == 0
    assert all(plan.found.hits for plan in plans[3:])


def test_shifts_and_windows_keep_to_the_step() -> None:
    plans = planned(list(scroll(5, step=8)), Grain(HALO, 8))
    assert all([copy.shift for copy in plan.copies] == [(0, 8)] for plan in plans[1:])
    odd = planned(list(scroll(5, step=3)), Grain(HALO, 8))
    assert all(copy.shift[1] % 8 == 0 for plan in odd for copy in plan.copies)


def test_a_palette_that_is_new_makes_every_pixel_new() -> None:
    index = torch.randint(0, 6, (96, 160), generator=torch.Generator().manual_seed(3))
    day, night = (noise(1, 6, seed)[:, :, 0, index] for seed in (10, 11))
    assert [plan.whole for plan in planned([day, night])] == [True, True]


def test_noise_is_restored_whole_and_hardly_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    compare = Planner._compare
    monkeypatch.setattr(Planner, "_compare", lambda self, *given: looked.append(1) or compare(self, *given))
    assert all(plan.whole for plan in planned([noise(96, 160, seed) for seed in range(60)]))
    assert len(looked) < 12


def test_resting_ends_and_reuse_begins_again() -> None:
    still = noise(96, 160, 500)
    changing = [noise(96, 160, seed) for seed in range(PATIENCE + 1)]
    plans = planned(changing + [with_sprite(still, 20, 2 * t % 150) for t in range(2 * LONGEST_REST)])
    assert not plans[-1].whole


@pytest.mark.parametrize("size", [(1, 1), (5, 200), (96, 161)])
def test_another_size_starts_anew(size: tuple[int, int]) -> None:
    planner = Planner(Grain(HALO))
    planner.plan(noise(96, 160))
    assert planner.plan(noise(*size)).whole
    assert planner.plan(noise(*size)).work == 0
