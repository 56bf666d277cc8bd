"""Tiles hold every needed pixel, end inside or lie at a border, and are few where regions are simple."""

from __future__ import annotations

import numpy as np
import pytest

from vdequant.models.cellnet import SMALL
from vdequant.models.cellnet_parts import parts_of
from vdequant.models.parts import Part
from vdequant.temporal.reuse_tiles import SHAPES, Tiles, cover, fits, in_one, regions, starts, windows

PARTS = parts_of(SMALL)
WHOLE_FRAME = Part(13, ((20_000, 0),))
SIZES = [(72, 160), (125, 163), (60, 61)]


def sprites(count: int, seed: int, size: tuple[int, int]) -> np.ndarray:
    random, mask = np.random.default_rng(seed), np.zeros(size, dtype=bool)
    for _ in range(count):
        y, x = random.integers(0, size[0] - 9), random.integers(0, size[1] - 9)
        mask[y : y + random.integers(1, 9), x : x + random.integers(1, 9)] = True
    return mask


def ring(size: tuple[int, int], wide: int) -> np.ndarray:
    mask = np.ones(size, dtype=bool)
    mask[wide:-wide, wide:-wide] = False
    return mask


def check(needed: np.ndarray, part: Part) -> tuple[Tiles, ...]:
    """Tiles, after a check that they hold what they should and lie where they may."""
    found, left = cover(needed, part), needed.copy()
    for tiles in found:
        for place in tiles.places:
            for start, side, whole in zip(place, tiles.shape, needed.shape, strict=True):
                assert start in (0, whole - side) or part.halo <= start <= whole - side - part.halo
            left[place[0] : place[0] + tiles.shape[0], place[1] : place[1] + tiles.shape[1]] = False
    assert not left.any()
    return found


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [0, 1, 4, 30])
def test_every_needed_pixel_lies_in_a_tile_that_may_lie_there(part: Part, size: tuple[int, int], count: int) -> None:
    found = check(sprites(count, count + 7, size), part)
    assert bool(found) == bool(count)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("wide", [2, 8, 15, 24])
def test_rings_and_whole_pictures_are_covered(part: Part, wide: int) -> None:
    for size in SIZES:
        around, whole = (check(needed, part) for needed in (ring(size, wide), np.ones(size, dtype=bool)))
        pixels = [sum(len(t.places) * t.shape[0] * t.shape[1] for t in found) for found in (around, whole)]
        assert pixels[0] > 0
        assert pixels[1] >= size[0] * size[1]


def crowd(seed: int) -> np.ndarray:
    """Squares in a place of 64 pixels a side, with gaps between them."""
    random, needed = np.random.default_rng(seed), np.zeros((240, 256), dtype=bool)
    side = int(random.integers(5, 14))
    for _ in range(int(random.integers(8, 26))):
        top, left = (int(random.integers(98, 98 + 64 - side)) for _ in range(2))
        needed[top : top + side, left : left + side] = True
    return needed


@pytest.mark.parametrize("part", PARTS)
def test_regions_with_gaps_are_covered_whatever_shape_is_chosen(part: Part) -> None:
    shapes = {tiles.shape for seed in range(40) for tiles in check(crowd(seed), part)}
    assert part.layers == () or len(shapes) > 2


def test_bands_at_both_borders_are_covered_with_narrow_tiles() -> None:
    needed = np.zeros((144, 160), dtype=bool)
    needed[:, :13] = needed[:, -15:] = True
    found = check(needed, PARTS[-1])
    assert sum(len(tiles.places) * tiles.shape[0] * tiles.shape[1] for tiles in found) <= 2 * 16 * 160


@pytest.mark.parametrize(("region", "shape"), [((90, 100, 150, 160), (64, 64)), ((40, 40, 200, 150), (160, 128))])
def test_a_compact_region_is_one_tile(region: tuple[int, int, int, int], shape: tuple[int, int]) -> None:
    needed = np.zeros((240, 256), dtype=bool)
    needed[region[0] : region[2], region[1] : region[3]] = True
    (tiles,) = check(needed, PARTS[-1])
    assert (tiles.shape, len(tiles.places)) == (shape, 1)


def test_far_sprites_are_different_regions() -> None:
    needed = np.zeros((96, 160), dtype=bool)
    needed[3:9, 5:9] = needed[70:80, 100:130] = True
    assert [region for region, _ in regions(needed)] == [(0, 4, 12, 12), (68, 100, 80, 132)]


@pytest.mark.parametrize("side", [8, 16, 48])
@pytest.mark.parametrize("halo", [1, 3, 6])
def test_a_region_fits_into_one_tile_exactly_where_one_start_is_enough(side: int, halo: int) -> None:
    """``starts`` says where tiles go; what is asked before is only how many there are."""
    for first in range(64):
        for last in range(first + 1, min(64, first + side) + 1):
            enough = len(starts(first, last, 64, side, halo)) == 1
            assert in_one(first, last, 64, side, halo) == enough


@pytest.mark.parametrize("ends", [(0, 5), (2, 64), (3, 40), (30, 31), (50, 64), (59, 64), (7, 60)])
def test_intervals_hold_a_line_and_keep_off_its_ends(ends: tuple[int, int]) -> None:
    first, last = ends
    found = starts(first, last, size=64, side=16, halo=5)
    assert set(range(first, last)) <= {at for start in found for at in range(start, start + 16)}
    assert all(start in (0, 48) or 5 <= start <= 43 for start in found)


def test_tiles_see_their_halo_within_the_picture() -> None:
    seen = windows((Tiles((16, 16), ((0, 20), (40, 64))),), 3, (60, 80))
    assert seen.sum() == 19 * 22 + 22 * 19
    assert seen[18, 17]
    assert not seen[19, 17]


def test_small_pictures_have_no_tiles_that_fit() -> None:
    assert not fits(SHAPES[0], (20, 100), 3)
    assert fits(SHAPES[0], (22, 100), 3)
    assert WHOLE_FRAME.cost(48, 16) > WHOLE_FRAME.macs(48, 16) == 20_000 * 48 * 16
