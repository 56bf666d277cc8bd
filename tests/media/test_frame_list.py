"""Folders of emulators: lists give frames their times, screenshots are no frames."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import make
import pytest

from vdequant.errors import InputError, UsageError
from vdequant.frames import Frame
from vdequant.media.frame_list import find_list, is_list_file, natural, stills_in
from vdequant.media.source import open_source
from vdequant.settings import Settings

DURATIONS = ["0.016743", "0.033486", "0.100000", "1.5"]


def listed(folder: Path, durations: list[str] = DURATIONS) -> Path:
    folder.mkdir()
    lines = ["ffconcat version 1.0"]
    for i, duration in enumerate(durations):
        make.picture(folder / f"f{i + 1:07d}.png", size=(16, 24))
        lines += [f"file f{i + 1:07d}.png", f"duration {duration}"]
    (folder / "input.txt").write_text("\n".join(lines))
    return folder


def frames(path: Path, **settings: float) -> list[Frame]:
    with open_source(str(path), Settings(**settings)) as source:
        return [item for item in source if isinstance(item, Frame)]


@pytest.mark.parametrize("name", ["", "input.txt"])
def test_the_folder_and_its_list_give_the_same_frames_with_the_lists_times(name: str, tmp_path: Path) -> None:
    folder = listed(tmp_path / "dump")
    found = frames(folder / name)
    assert [f.name for f in found] == [f"f{i:07d}.png" for i in (1, 2, 3, 4)]
    assert [f.duration * f.time_base for f in found] == [Fraction(d) for d in DURATIONS]
    starts = [Fraction(0), *itertools.accumulate(Fraction(d) for d in DURATIONS)]
    assert [f.pts * f.time_base for f in found] == starts[:-1]


def test_the_list_says_how_long_the_whole_takes(tmp_path: Path) -> None:
    with open_source(str(listed(tmp_path / "dump")), Settings()) as source:
        assert source.info.frames == 4
        assert source.info.seconds == pytest.approx(1.650229)
        assert source.info.container == "ffconcat"
        assert source.info.rate == pytest.approx(4 / 1.650229, rel=1e-4)


def test_start_and_duration_choose_by_the_lists_times(tmp_path: Path) -> None:
    folder = listed(tmp_path / "dump", ["1", "0.5", "2", "1"])
    found = frames(folder, start=1.0, duration=1.0)
    assert [f.name for f in found] == ["f0000002.png", "f0000003.png"]
    assert [f.pts * f.time_base for f in found] == [0, Fraction(1, 2)]
    with pytest.raises(UsageError, match=r"before the end at 4\.500 s"):
        frames(folder, start=9.0)


def test_a_picture_that_is_listed_twice_is_read_twice(tmp_path: Path) -> None:
    folder = listed(tmp_path / "dump", ["1", "1"])
    (folder / "input.txt").write_text("file f0000002.png\nduration 1\nfile f0000001.png\nfile f0000002.png\nduration 1")
    assert [f.name for f in frames(folder)] == ["f0000002.png", "f0000001.png", "f0000002.png"]


def test_a_listed_picture_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = listed(tmp_path / "dump")
    (folder / "f0000003.png").unlink()
    with pytest.raises(InputError, match=r"lists f0000003\.png, which is missing"):
        frames(folder)


def test_a_list_of_videos_is_refused_with_the_command_that_joins_them(tmp_path: Path) -> None:
    (tmp_path / "parts.txt").write_text("file 'a.mp4'\nfile 'b.mp4'\n")
    with pytest.raises(InputError, match="ffmpeg -f concat -safe 0"):
        frames(tmp_path / "parts.txt")


def test_a_note_beside_the_pictures_is_no_list(tmp_path: Path) -> None:
    folder = listed(tmp_path / "dump")
    (folder / "input.txt").write_text("Notes: file under puzzle games\n")
    assert find_list(str(folder)) is None
    assert not is_list_file(str(folder / "input.txt"))
    assert [f.time_base for f in frames(folder)] == [Fraction(1, 60)] * 4


def shots(folder: Path, names: list[str], sizes: list[tuple[int, int]] | None = None) -> Path:
    folder.mkdir()
    for name, size in zip(names, sizes or [(16, 24)] * len(names), strict=True):
        make.picture(folder / name, size=size)
    return folder


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["Game-230101-120000.png", "Game-230101-120107.png"], "second"),
        (["Game (USA)-230101-120000.png", "Other-230101-120001.png"], "second"),
        (["Screenshot 2023-01-01 12-00-00.png", "Screenshot 2023-01-01 12-00-09.png"], "second"),
        (["Screenshot_20230101_120000.png", "Screenshot_20230101_120003.png"], "second"),
        (["0000.png", "0001.png"], ""),
        (["000000.png", "000001.png"], ""),
        (["run-230101-120000-0001.png", "run-230101-120000-0002.png"], ""),
        (["20230101120000.png", "20230101120001.png"], ""),
        (["Game-230101-120000.png"], ""),
    ],
)
def test_names_with_the_second_they_were_taken_are_screenshots(names: list[str], why: str, tmp_path: Path) -> None:
    files, reason = stills_in(str(shots(tmp_path / "shots", names)))
    assert why in reason
    assert [f.name for f in files] == (sorted(names, key=natural) if why else [])


def test_pictures_of_different_sizes_are_screenshots(tmp_path: Path) -> None:
    folder = shots(tmp_path / "snap", ["0000.png", "0001.bmp", "0002.png"], [(16, 24), (16, 24), (24, 16)])
    files, why = stills_in(str(folder))
    assert [f.name for f in files] == ["0000.png", "0001.bmp", "0002.png"]
    assert why == "of 2 sizes"


def test_pictures_with_a_list_are_frames_whatever_they_are_called(tmp_path: Path) -> None:
    names = ["Game-230101-120000.png", "Game-230101-120107.png"]
    folder = shots(tmp_path / "shots", names)
    (folder / "input.ffconcat").write_text("".join(f"file {name}\nduration 67\n" for name in names))
    assert stills_in(str(folder)) == ([], "")


def test_a_damaged_picture_does_not_decide_what_the_folder_is(tmp_path: Path) -> None:
    folder = shots(tmp_path / "snap", ["0000.png", "0001.png"])
    (folder / "0002.png").write_bytes(b"no picture")
    assert stills_in(str(folder)) == ([], "")
