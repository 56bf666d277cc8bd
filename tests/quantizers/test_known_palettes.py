from __future__ import annotations

import numpy as np
import pytest

from vdequant.quantizers.known_palettes import known_palettes, palette_name


@pytest.mark.parametrize("name", known_palettes())
def test_a_palette_is_known_by_some_of_its_colors(name: str) -> None:
    table = known_palettes()[name]
    assert len(np.unique(table, axis=0)) == len(table)
    assert palette_name(table) == name


def test_the_nes_has_54_colors_or_fewer_distinct_ones() -> None:
    assert all(50 <= len(known_palettes()[name]) <= 56 for name in known_palettes() if name.startswith("NES"))


def test_other_colors_have_no_name() -> None:
    assert palette_name(np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])) == ""
    assert palette_name(np.array([[0, 0, 0], [255, 255, 255]])) == ""
    assert palette_name(np.array([[0, 0, 0], [85, 85, 85], [255, 255, 255]])) == ""
