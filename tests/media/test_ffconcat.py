"""Lists of pictures with durations are read as FFmpeg reads them, and written so that it can."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vdequant.errors import InputError
from vdequant.media.ffconcat import Listed, format_list, is_list, parse_list

# As cloud-game's recorder writes it: unquoted names, six decimals, data about the stream and its packets.
CLOUD_GAME = """ffconcat version 1.0
stream_meta v '1'
stream_meta game 'Sushi The Cat'
stream_meta fps '60'

file f0000001.png
duration 0.016743
file_packet_meta width '256'
file f0000002.png
duration 0.033486
file_packet_meta width '256'
"""


def test_the_list_of_cloud_game_is_read_exactly() -> None:
    assert parse_list(CLOUD_GAME, "input.txt") == [
        Listed("f0000001.png", Fraction(16743, 1_000_000)),
        Listed("f0000002.png", Fraction(33486, 1_000_000)),
    ]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("a.png", "a.png"),
        ("'a b.png'", "a b.png"),
        (r"a\ b.png", "a b.png"),
        (r"'it'\''s.png'", "it's.png"),
        ("file:a.png", "a.png"),
        (r"'back\slash.png'", r"back\slash.png"),
    ],
)
def test_names_are_unquoted_as_ffmpeg_does(written: str, name: str) -> None:
    assert parse_list(f"file {written}\n", "list") == [Listed(name)]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2", Fraction(2)),
        ("0.5", Fraction(1, 2)),
        (".25", Fraction(1, 4)),
        ("1.", Fraction(1)),
        ("00:00:01.5", Fraction(3, 2)),
        ("1:02", Fraction(62)),
        ("16743us", Fraction(16743, 1_000_000)),
        ("20ms", Fraction(1, 50)),
    ],
)
def test_durations_have_ffmpegs_forms(written: str, seconds: Fraction) -> None:
    assert parse_list(f"file a.png\nduration {written}\n", "list") == [Listed("a.png", seconds)]


def test_the_repeated_last_line_that_ffmpeg_needs_is_no_picture() -> None:
    text = "file a.png\nduration 1\nfile b.png\nduration 2\nfile b.png\n"
    assert parse_list(text, "list") == [Listed("a.png", Fraction(1)), Listed("b.png", Fraction(2))]


def test_a_picture_may_be_shown_twice() -> None:
    text = "file a.png\nduration 1\nfile a.png\nduration 2\n"
    assert [entry.duration for entry in parse_list(text, "list")] == [1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ffconcat version 1.0\n", "lists no pictures"),
        ("file a.png\nduration -1\n", "line 2.*0 or more seconds, got '-1'"),
        ("file a.png\ninpoint 3\n", "line 2 is 'inpoint 3'"),
        ("duration 1\n", "line 1"),
        ("file a b.png\n", "line 1"),
        ("file f0000001__384x224__768.raw\n", "raw samples.*ffmpeg -f rawvideo"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_list(text, "list")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CLOUD_GAME, True),
        ("\ufeff# made by a script\n\nfile 'a.png'\n", True),
        ("Some notes about this game\n", False),
        ("", False),
    ],
)
def test_a_list_is_known_by_its_first_word(text: str, expected: bool) -> None:
    assert is_list(text) is expected


def test_what_is_written_reads_back_and_does_not_drift() -> None:
    ends = [Fraction(i, 60) for i in range(1, 3601)]
    names = [f"it's {i}.png" for i in range(3600)]
    entries = parse_list(format_list(names, ends), "list")
    assert [entry.name for entry in entries] == names
    assert sum(entry.duration or 0 for entry in entries) == 60
    assert {entry.duration for entry in entries} <= {Fraction(16666, 10**6), Fraction(16667, 10**6)}
