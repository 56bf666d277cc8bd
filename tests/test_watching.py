"""``vdequant watch`` restores each capture once, whatever happens in between."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import make
import pytest

from vdequant.errors import InputError, OutputError, UsageError
from vdequant.ledger import STATE_NAME
from vdequant.observing import Silent
from vdequant.pipeline import Summary
from vdequant.settings import Settings
from vdequant.watching import Watch

FAST = Settings(restorer="identity", quantizer="5-5-5", device="cpu", workers=1, codec="ffv1", chroma="420", scale=1)


class Heard:
    """A teller that keeps what it is told, by the captures' names."""

    def __init__(self) -> None:
        self.begins: list[str] = []
        self.results: list[tuple[str, str]] = []
        self.errors: list[str] = []

    def begun(self, source: str, output: str) -> Silent:
        self.begins.append(os.path.basename(source))
        return Silent()

    def done(self, source: str, summary: Summary) -> None:
        self.results.append(("done", os.path.basename(source)))

    def failed(self, source: str, output: str, error: Exception, *, again: bool) -> None:
        self.results.append(("again" if again else "failed", os.path.basename(source)))
        self.errors.append(str(error))

    def kept(self, source: str, output: str) -> None:
        self.results.append(("kept", os.path.basename(source)))

    def growing(self, source: str) -> None:
        self.results.append(("growing", os.path.basename(source)))


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    folder = tmp_path / "captures"
    folder.mkdir()
    return folder


def aged(path: Path, seconds: float = 60) -> Path:
    """A file that was last written some time ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def recording(path: Path, count: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    make.clip(path, count=count)
    return aged(path)


def once(captures: Path, settings: Settings = FAST, *, settle: float = 0.2, ending: str = ".mkv") -> Heard:
    """One look, as a process of its own would take it."""
    heard = Heard()
    Watch(str(captures), str(captures.parent / "restored"), settings, heard, ending=ending, settle=settle).once()
    return heard


def outputs(captures: Path) -> list[str]:
    root = captures.parent / "restored"
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.name != STATE_NAME)


def test_the_folder_structure_is_kept(captures: Path) -> None:
    recording(captures / "nes" / "b.avi.mkv")
    recording(captures / "a.mkv")
    make.picture(captures / "nes" / "shot.bmp")
    aged(captures / "nes" / "shot.bmp")
    heard = once(captures)
    assert sorted(heard.results) == [("done", "a.mkv"), ("done", "b.avi.mkv"), ("done", "shot.bmp")]
    assert outputs(captures) == ["a.mkv", "nes/b.avi.mkv", "nes/shot.png"]


def test_nothing_is_done_twice_not_even_after_a_restart(captures: Path) -> None:
    recording(captures / "a.mkv")
    assert once(captures).begins == ["a.mkv"]
    written = (captures.parent / "restored" / "a.mkv").stat().st_mtime_ns
    assert once(captures).begins == []
    assert (captures.parent / "restored" / "a.mkv").stat().st_mtime_ns == written


def test_other_settings_do_a_capture_again_only_with_overwrite(captures: Path) -> None:
    recording(captures / "a.mkv")
    once(captures)
    other = {name: getattr(FAST, name) for name in FAST.__slots__} | {"compare": True}
    assert once(captures, Settings(**other)).begins == []
    assert once(captures, Settings(**other | {"overwrite": True})).results == [("done", "a.mkv")]
    assert once(captures, Settings(**other | {"overwrite": True})).begins == []


def test_an_output_of_someone_else_stays_and_is_mentioned_once(captures: Path) -> None:
    recording(captures / "a.mkv")
    (captures.parent / "restored").mkdir()
    (captures.parent / "restored" / "a.mkv").write_text("precious")
    assert once(captures).results == [("kept", "a.mkv")]
    assert once(captures).results == []
    assert (captures.parent / "restored" / "a.mkv").read_text() == "precious"
    replacing = Settings(**{name: getattr(FAST, name) for name in FAST.__slots__} | {"overwrite": True})
    assert once(captures, replacing).results == [("done", "a.mkv")]
    assert once(captures, replacing).results == []


def test_a_lost_state_does_nothing_twice(captures: Path) -> None:
    recording(captures / "a.mkv")
    once(captures)
    (captures.parent / "restored" / STATE_NAME).unlink()
    assert once(captures).results == [("kept", "a.mkv")]


def test_a_file_that_is_only_touched_is_not_done_again(captures: Path) -> None:
    path = recording(captures / "a.mkv")
    once(captures)
    aged(path, seconds=30)
    assert once(captures).results == []
    state = json.loads((captures.parent / "restored" / STATE_NAME).read_text())
    assert state["captures"][str(path)]["mtime"] == path.stat().st_mtime_ns


def test_a_new_recording_under_an_old_name_spares_the_old_output(captures: Path) -> None:
    recording(captures / "game_000.mkv", count=3)
    once(captures)
    (captures / "game_000.mkv").unlink()
    recording(captures / "game_000.mkv", count=5)
    assert once(captures).results == [("done", "game_000.mkv")]
    assert outputs(captures) == ["game_000.mkv", "game_000.mkv.mkv"]
    assert [len(make.stamps(captures.parent / "restored" / name)) for name in outputs(captures)] == [3, 5]


def test_captures_that_differ_in_their_ending_get_outputs_of_their_own(captures: Path) -> None:
    recording(captures / "a.mkv")
    make.clip(captures / "a.avi", codec="rawvideo", pix_fmt="bgr24", count=4)
    aged(captures / "a.avi")
    once(captures)
    assert outputs(captures) == ["a.mkv", "a.mkv.mkv"]
    once(captures)
    assert outputs(captures) == ["a.mkv", "a.mkv.mkv"]


def test_one_bad_file_stops_no_other_and_is_not_tried_again_until_it_changes(captures: Path) -> None:
    (captures / "a.mkv").write_text("no video")
    aged(captures / "a.mkv")
    recording(captures / "b.mkv")
    heard = once(captures)
    assert heard.results == [("failed", "a.mkv"), ("done", "b.mkv")]
    assert "a.mkv is not a video" in heard.errors[0]
    assert once(captures).begins == []
    recording(captures / "a.mkv")
    assert once(captures).results == [("done", "a.mkv")]


def test_what_failed_is_tried_again_by_another_version_of_the_program(captures: Path) -> None:
    (captures / "a.mkv").write_text("no video")
    aged(captures / "a.mkv")
    begins = []
    for version in ("1", "1", "2", "2"):
        heard = Heard()
        Watch(str(captures), str(captures.parent / "o"), FAST, heard, ending=".mkv", settle=0, version=version).once()
        begins.append(len(heard.begins))
    assert begins == [1, 0, 1, 0]


def test_replays_of_key_presses_are_refused_with_the_command_that_renders_them(captures: Path) -> None:
    (captures / "run.bk2").write_bytes(b"PK\x03\x04")
    aged(captures / "run.bk2")
    heard = once(captures)
    assert heard.results == [("failed", "run.bk2")]
    assert "playback_movie" in heard.errors[0]


def test_a_failure_of_the_machine_is_tried_again(captures: Path) -> None:
    recording(captures / "deep" / "a.mkv")
    restored = captures.parent / "restored"
    restored.mkdir()
    (restored / "deep").write_text("a file where a folder has to be")
    assert once(captures).results == [("again", "a.mkv")]
    (restored / "deep").unlink()
    assert once(captures).results == [("done", "a.mkv")]


def test_files_that_are_no_captures_are_left_alone(captures: Path) -> None:
    for name in ("notes.txt", "game.srm", ".hidden.mkv", "rec.part.mkv", "down.mkv.part", "empty.mkv"):
        (captures / name).write_text("" if name == "empty.mkv" else "x")
        aged(captures / name)
    recording(captures / ".trash" / "old.mkv")
    assert once(captures).begins == []
    assert not (captures.parent / "restored").exists()


def test_its_own_outputs_are_no_captures(captures: Path) -> None:
    recording(captures / "a.mkv")
    inner = captures / "fine"
    for _ in range(2):
        Watch(str(captures), str(inner), FAST, Heard(), ending=".mkv", settle=0.0).once()
    assert sorted(p.name for p in inner.iterdir()) == [STATE_NAME, "a.mkv"]


@pytest.mark.parametrize("output", [".", "captures", "captures/../captures"])
def test_outputs_in_place_of_the_captures_are_refused(
    output: str, captures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(captures.parent)
    with pytest.raises(UsageError, match="holds the captures"):
        Watch("captures", output, FAST, Heard())


def test_a_missing_folder_and_a_file_are_refused(captures: Path) -> None:
    with pytest.raises(InputError, match="mkdir -p"):
        Watch(str(captures / "none"), str(captures / "out"), FAST, Heard())
    with pytest.raises(UsageError, match="got the file"):
        Watch(str(recording(captures / "a.mkv")), str(captures / "out"), FAST, Heard())


def test_impossible_settings_are_refused_before_anything_comes(captures: Path) -> None:
    with pytest.raises(UsageError, match="--crf"):
        Watch(str(captures), str(captures / "out"), Settings(crf=99.0), Heard())


def test_a_damaged_state_is_refused_with_the_remedy(captures: Path) -> None:
    (captures / "out").mkdir()
    (captures / "out" / STATE_NAME).write_text('{"version": 1, "captures"')
    with pytest.raises(OutputError, match="delete it"):
        Watch(str(captures), str(captures / "out"), Settings(), Heard())


def test_a_file_that_was_written_a_moment_ago_settles_first(captures: Path) -> None:
    recording(captures / "a.mkv")
    (captures / "a.mkv").touch()
    begun = time.monotonic()
    assert once(captures, settle=0.6).results == [("done", "a.mkv")]
    assert time.monotonic() - begun > 0.6


def test_a_folder_of_frames_with_a_list_is_one_capture(captures: Path) -> None:
    dump = captures / "dump"
    dump.mkdir()
    for i in range(3):
        make.picture(dump / f"f{i}.png")
    (dump / "input.txt").write_text("".join(f"file f{i}.png\nduration 0.5\n" for i in range(3)))
    for file in dump.iterdir():
        aged(file)
    assert once(captures).results == [("done", "dump")]
    assert outputs(captures) == ["dump/f0.png", "dump/f1.png", "dump/f2.png", "dump/input.txt"]
    assert once(captures).begins == []


@pytest.mark.parametrize(("seconds", "begins"), [(1 / 60, ["ale"]), (5.0, [f"{i:06d}.png" for i in range(10)])])
def test_numbered_pictures_are_frames_when_they_were_written_fast(
    seconds: float, begins: list[str], captures: Path
) -> None:
    (captures / "ale").mkdir()
    for i in range(10):
        make.picture(captures / "ale" / f"{i:06d}.png")
        aged(captures / "ale" / f"{i:06d}.png", 90 - i * seconds)
    assert once(captures).begins == begins
    assert outputs(captures) == [f"ale/{i:06d}.png" for i in range(10)]


class Running:
    """A watch in a thread of its own, with the system's own reports of changes."""

    def __init__(self, captures: Path, settle: float = 0.4) -> None:
        self.heard, self._stop = Heard(), threading.Event()
        self.watch = Watch(
            str(captures), str(captures.parent / "restored"), FAST, self.heard, ending=".mkv", settle=settle
        )
        self._thread = threading.Thread(target=self.watch.run, args=(self._stop,))

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()

    def wait(self, happened: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, self.heard.results
            time.sleep(0.02)


def test_a_file_that_grows_is_restored_once_it_has_stopped_growing(captures: Path, tmp_path: Path) -> None:
    data = recording(tmp_path / "whole.mkv", count=8).read_bytes()
    recording(captures / "before.mkv")
    with Running(captures, settle=1.2) as running:  # longer than a busy machine sleeps between two writes
        running.wait(lambda: ("done", "before.mkv") in running.heard.results)
        step = len(data) // 6 + 1
        (captures / "late").mkdir()
        for start in range(0, len(data), step):
            with open(captures / "late" / "grows.mkv", "ab") as file:
                file.write(data[start : start + step])
            assert "grows.mkv" not in running.heard.begins
            time.sleep(0.15)
        running.wait(lambda: ("done", "grows.mkv") in running.heard.results)
    assert running.heard.begins == ["before.mkv", "grows.mkv"]
    assert len(make.stamps(captures.parent / "restored" / "late" / "grows.mkv")) == 8


def test_a_recording_that_goes_on_after_a_pause_replaces_its_own_output(captures: Path, tmp_path: Path) -> None:
    longer = recording(tmp_path / "longer.mkv", count=9).read_bytes()
    recording(captures / "a.mkv", count=4)
    with Running(captures) as running:
        running.wait(lambda: running.heard.results == [("done", "a.mkv")])
        with open(captures / "a.mkv", "r+b") as file:  # a recorder does not truncate what it goes on with
            file.write(longer)
        running.wait(lambda: len(running.heard.results) == 2)
    assert outputs(captures) == ["a.mkv"]
    assert len(make.stamps(captures.parent / "restored" / "a.mkv")) == 9


def test_a_second_watch_on_the_same_outputs_is_refused(captures: Path) -> None:
    recording(captures / "a.mkv")
    with Running(captures) as running:
        running.wait(lambda: bool(running.heard.results))  # not only the folder is there, it is also locked
        with pytest.raises(OutputError, match="another vdequant watch"):
            once(captures)


def test_the_state_is_never_seen_half_written(captures: Path) -> None:
    for i in range(4):
        recording(captures / f"{i}.mkv", count=1)
    state = captures.parent / "restored" / STATE_NAME
    seen: set[int] = set()
    with Running(captures, settle=0.0) as running:

        def look() -> bool:
            if state.exists():
                seen.add(len(json.loads(state.read_text())["captures"]))
            return len(running.heard.results) == 4

        running.wait(look)
    assert len(json.loads(state.read_text())["captures"]) == 4
    assert seen <= {1, 2, 3, 4}
    assert not list(state.parent.glob("*.part*"))
