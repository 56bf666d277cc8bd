from __future__ import annotations

import pytest
import torch

from vdequant.quantizers.census import Census, count_colors
from vdequant.quantizers.lattices import candidates, find_lattice


def census_of(red: list[int], green: list[int], blue: list[int]) -> Census:
    """Of a picture in which every value of each channel occurs."""
    length = max(len(red), len(green), len(blue))
    columns = [[channel[i % len(channel)] for i in range(length)] for channel in (red, green, blue)]
    return count_colors([torch.tensor(columns, dtype=torch.float32)[:, None] / 255])


# Values seen in captures; the names are those of `candidates`.
CAPTURES = {
    "SNES through RGB565": (
        [0, 8, 16, 24, 33, 41, 49, 99, 132, 198, 247, 255],
        [0, 32, 40, 48, 56, 73, 81, 130, 138, 195, 243, 251],
        [0, 33, 41, 49, 57, 66, 74, 165, 206, 231, 247, 255],
        ("5 bits", "5 in 6 bits", "5 bits"),
    ),
    "ScummVM through SDL": (
        [0, 8, 16, 24, 32, 41, 49, 57, 65, 74, 222, 230, 238, 246],
        [0, 4, 8, 88, 92, 97, 101, 145, 189, 194, 218, 254],
        [0, 8, 16, 24, 41, 57, 74, 90, 106, 123, 139, 156],
        ("5 bits floored", "6 bits by SDL", "5 bits floored"),
    ),
    "Genesis through RGB565 shifted": (
        [0, 32, 64, 96, 136, 168, 200, 232],
        [0, 32, 68, 100, 136, 168, 204, 236],
        [0, 32, 64, 96, 136, 168, 200, 232],
        ("3 in 4 of 5 bits shifted", "3 in 4 of 6 bits shifted", "3 in 4 of 5 bits shifted"),
    ),
    "Doom": ([0, 8, 12, 16, 100, 124, 252], [0, 8, 20, 36, 44, 232, 252], [0, 28, 60, 92, 156, 220, 252],
             ("6 bits shifted",) * 3),
}  # fmt: skip


@pytest.mark.parametrize("name", CAPTURES)
def test_values_seen_in_captures_are_explained(name: str) -> None:
    red, green, blue, names = CAPTURES[name]
    lattice = find_lattice(census_of(red, green, blue))
    assert lattice is not None
    # A coarser set may hold the few values given here, so only what was seen is compared for the levels.
    for seen, codes in zip((red, green, blue), lattice.codes, strict=True):
        assert set(seen) <= set(codes)
    if name != "Doom":
        assert lattice.names == names


def test_values_that_chance_explains_are_not() -> None:
    assert find_lattice(census_of([0, 85, 153, 255], [0, 85, 153, 255], [0, 85, 153, 255])) is None
    assert find_lattice(census_of([0, 255], [0, 255], [0, 255])) is None
    nova = [13, 66, 79, 92, 108, 153, 181], [7, 49, 64, 78, 129, 147, 223], [0, 32, 34, 79, 112, 165, 197]
    assert find_lattice(census_of(*nova)) is None


def test_random_colors_are_hardly_ever_a_lattice() -> None:
    random = torch.Generator().manual_seed(0)
    pictures = [torch.randint(256, (3, 1, count), generator=random) / 255 for count in (3, 5, 8, 16, 64) * 20]
    assert sum(find_lattice(count_colors([picture])) is not None for picture in pictures) == 0


def test_candidates_are_distinct_sets_within_8_bits() -> None:
    tables = candidates()
    assert len({row.tobytes() for row in tables.members}) == len(tables.names) > 200
    assert tables.members.sum(1).min() >= 2


def test_colors_are_counted_exactly_over_all_pictures() -> None:
    first = torch.zeros(3, 2, 2)
    second = torch.tensor([10, 20, 30]).reshape(3, 1, 1).expand(3, 2, 3) / 255
    census = count_colors([first, second])
    assert (census.pixels, census.whole, census.gray) == (10, True, False)
    assert (census.most_frequent(1) * 255).round().tolist() == [[10, 20, 30]]
    assert census.counts.tolist() == [4, 6]
    assert not count_colors([torch.full((3, 2, 2), 0.5)]).whole
