"""Plans for networks that run in parts: each part makes what the next one sees and nobody has."""

from __future__ import annotations

import numpy as np
import pytest

from vdequant.models.parts import Part, layered
from vdequant.temporal.reuse_parts import PartPlan, PartsPlanner, Source, moved
from vdequant.temporal.reuse_shifts import STILL, Mask, reusable_pixels
from vdequant.temporal.reuse_tiles import windows

SIZE = (96, 128)
PARTS = (Part(1, (), 100), layered([(1000, 1), (1000, 2)]), layered([(1000, 2), (500, 1)]))


def made_by(plan: PartPlan) -> Mask:
    return windows(plan.tiles, 0, SIZE)


def changed(top: int, left: int, side: int = 4) -> Mask:
    equal = np.ones(SIZE, dtype=bool)
    equal[top : top + side, left : left + side] = False
    return equal


def planned(planner: PartsPlanner, sources: list[Source], asked: Mask | None = None) -> tuple[PartPlan, ...]:
    known = [planner.known(source) for source in sources]
    missing = ~np.logical_or.reduce([masks[-1] for masks in known])
    plans = planner.plan(sources, known, missing if asked is None else missing & asked)
    # Whatever a part reads is copied or made.
    for at in range(1, len(PARTS)):
        have = np.logical_or.reduce([masks[at - 1] for masks in known]) | made_by(plans[at - 1])
        assert have[windows(plans[at].tiles, PARTS[at].halo, SIZE)].all()
    return plans


@pytest.mark.parametrize("shift", [STILL, (0, 2), (-3, 0), (1, -4)])
def test_what_can_be_copied_of_the_last_part_is_what_the_whole_network_allows(shift: tuple[int, int]) -> None:
    equal = moved(changed(40, 60), shift)
    assert (PartsPlanner(PARTS).known(Source(shift, equal))[-1] == reusable_pixels(equal, shift, 7)).all()


def test_earlier_parts_make_less_than_later_ones() -> None:
    planner = PartsPlanner(PARTS)
    plans = planned(planner, [Source(STILL, changed(40, 60))])
    areas = [sum(len(tiles.places) * tiles.shape[0] * tiles.shape[1] for tiles in plan.tiles) for plan in plans]
    assert areas[0] <= areas[1] <= areas[2]
    assert 0 < planner.share(plans, 96 * 128) < 0.1


def test_the_shift_that_explains_most_is_the_ground_and_the_rest_is_copied_onto_it() -> None:
    overlay = np.zeros(SIZE, dtype=bool)
    overlay[4:40, 10:60] = True
    scroll = moved(np.ones(SIZE, dtype=bool), (0, 2)) & ~overlay
    plans = planned(PartsPlanner(PARTS), [Source(STILL, overlay), Source((0, 2), scroll)])
    assert [plan.ground for plan in plans] == [(0, 2)] * 3
    assert all([copy.shift for copy in plan.copies] == [STILL] for plan in plans)
    assert all((copy.mask <= overlay).all() for plan in plans for copy in plan.copies)


def test_what_nobody_asked_for_is_not_made_and_not_taken_for_made_later() -> None:
    planner, nothing = PartsPlanner(PARTS), np.zeros(SIZE, dtype=bool)
    skipped = planned(planner, [Source(STILL, changed(40, 60))], asked=nothing)
    assert all(plan.tiles == () for plan in skipped)
    # A change next to it has windows that reach what was left out.
    plans = planned(planner, [Source(STILL, changed(40, 66))])
    assert made_by(plans[0])[38:46, 58:66].any()
    again = planned(planner, [Source(STILL, np.ones(SIZE, dtype=bool))])
    assert all(plan.tiles == () for plan in again)
    planner.restart()
    assert all(masks.all() for masks in planner.known(Source(STILL, np.ones(SIZE, dtype=bool))))


def test_small_pictures_and_networks_without_parts_are_not_planned() -> None:
    assert PartsPlanner(PARTS).fit(SIZE)
    assert not PartsPlanner(PARTS).fit((20, 128))
    assert not PartsPlanner(()).fit(SIZE)
