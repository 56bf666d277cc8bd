from __future__ import annotations

from pathlib import Path

import make
import pytest

import vdequant
from vdequant.media.missing_numbers import missing_numbers
from vdequant.settings import Settings


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([2, 3, 4, 6], "frame 5 is missing, first between shot4.png and shot6.png"),
        ([1, 2, 3, 7, 8, 9, 11], "4 frames from 4 on are missing, first between shot3.png and shot7.png"),
        ([10, 20, 30, 50], "frame 40 is missing"),
    ],
)
def test_gaps_are_named_in_one_line(numbers: list[int], words: str) -> None:
    assert missing_numbers([f"shot{number}.png" for number in numbers]).startswith(words)


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a1.png"],
        ["f0008.png", "f0009.png", "f0010.png"],
        ["f2.png", "f4.png", "f6.png"],
        ["1700.png", "1733.png", "1767.png", "1800.png"],  # milliseconds
        ["level1_3.png", "level2_7.png"],
        ["title.png", "end.png"],
    ],
)
def test_other_names_have_no_gaps(names: list[str]) -> None:
    assert missing_numbers(names) == ""


def test_a_folder_that_lacks_a_frame_is_restored_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (2, 3, 4, 6):
        make.picture(tmp_path / "in" / f"shot{number}.png")
    summary = vdequant.restore(str(tmp_path / "in"), str(tmp_path / "out"), Settings(restorer="deband"))
    assert summary.frames == 4
    assert any("frame 5 is missing" in line for line in summary.warnings)
