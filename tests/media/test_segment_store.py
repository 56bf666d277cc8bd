"""What is kept of an unfinished job: only what is whole, and only for the same job."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vdequant.media.segment_store import MANIFEST, Segment, SegmentStore

JOB = {"input": {"size": 3, "content": "ab"}, "settings": {"crf": None}, "temporal": "lock"}


def digest(path: Path) -> str:
    return path.read_text()


def store(tmp_path: Path, identity: dict[str, object] | None = None) -> SegmentStore:
    return SegmentStore(tmp_path / "out.mkv.parts", JOB if identity is None else identity, {"dtype": "float32"})


def filled(tmp_path: Path, count: int = 3) -> SegmentStore:
    made = store(tmp_path)
    for number in range(count):
        path = made.path_of(number)
        path.write_text(f"digest {number}")
        notes = {"inside": number}
        made.add(Segment(path.name, 10 * number, 10, 9, 10 * number, 10 * number + 9, 0, 8, f"digest {number}", notes))
    return made


def test_another_run_of_the_same_job_takes_over_everything(tmp_path: Path) -> None:
    before, after = filled(tmp_path), store(tmp_path)
    after.facts = {}
    assert after.load(digest) == ""
    assert after.segments == before.segments
    assert (after.frames, after.note("inside"), after.facts) == (30, 3, {"dtype": "float32"})


def test_nothing_is_there_at_first_and_no_folder_is_made(tmp_path: Path) -> None:
    assert store(tmp_path).load(digest) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "whose"),
    [
        ({"input": {"size": 4, "content": "cd"}}, "another input (content, size)"),
        ({"settings": {"crf": 20}}, "other settings (crf)"),
        ({"temporal": "off"}, "another temporal"),
    ],
)
def test_another_job_takes_over_nothing_and_says_what_differs(
    tmp_path: Path, change: dict[str, object], whose: str
) -> None:
    filled(tmp_path)
    after = store(tmp_path, JOB | change)
    assert after.load(digest) == whose
    assert after.segments == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": 1, "identity": 3}'])
def test_a_damaged_manifest_is_no_reason_to_fail(tmp_path: Path, text: str) -> None:
    filled(tmp_path)
    (tmp_path / "out.mkv.parts" / MANIFEST).write_text(text)
    after = store(tmp_path)
    assert "damaged" in after.load(digest)
    assert after.segments == []


def test_a_manifest_of_another_version_is_left_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    manifest = tmp_path / "out.mkv.parts" / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 99}))
    assert store(tmp_path).load(digest) == "another version of vdequant"


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_segments_from_the_first_damaged_one_on_are_done_again(tmp_path: Path, damage: str) -> None:
    path = filled(tmp_path).path_of(1)
    if damage == "missing":
        path.unlink()
    else:
        path.write_text("something else")
    after = store(tmp_path)
    assert after.load(digest) == ""
    assert [segment.first for segment in after.segments] == [0]


def test_discarding_deletes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    made = filled(tmp_path)
    (made.folder / "000007.packets.part").write_text("unfinished")
    (made.folder / "notes.txt").write_text("of the user")
    made.discard()
    assert [path.name for path in made.folder.iterdir()] == ["notes.txt"]
    (made.folder / "notes.txt").unlink()
    made.discard()
    assert not made.folder.exists()
    made.discard()
