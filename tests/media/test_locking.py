"""One writer at a time, whatever became of the one before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vdequant.errors import OutputError
from vdequant.media.locking import lock_path, writing_alone

HOLDER = """
import sys
from vdequant.media.locking import writing_alone
with writing_alone(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def held_elsewhere(target: Path) -> subprocess.Popen[str]:
    """A process that holds the lock until its input ends."""
    words = [sys.executable, "-c", HOLDER, str(target)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def enter(target: object) -> None:
    with writing_alone(str(target)):
        pass


def test_a_second_writer_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "o.mkv") as process:
        with pytest.raises(OutputError, match=rf"o\.mkv is being written by another .*process {process.pid}\)"):
            enter(tmp_path / "o.mkv")
        enter(tmp_path / "p.mkv")
        process.communicate()
    enter(tmp_path / "o.mkv")
    assert list(tmp_path.iterdir()) == []


def test_one_program_does_not_write_twice_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with writing_alone("o.mkv"), pytest.raises(OutputError, match="wait for it"):
        enter(tmp_path / "." / "o.mkv")


def test_the_lock_of_a_killed_process_stops_no_one(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "o.mkv") as process:
        process.kill()
        assert process.wait(timeout=30) == -signal.SIGKILL
    assert lock_path(str(tmp_path / "o.mkv")).exists()
    enter(tmp_path / "o.mkv")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_locked_beside_itself(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    with writing_alone(f"{tmp_path}/frames/"):
        assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["frames.lock"]
        with pytest.raises(OutputError):
            enter(tmp_path / "frames")


def test_an_error_gives_the_lock_back(tmp_path: Path) -> None:
    def fail() -> None:
        with writing_alone(str(tmp_path / "o.mkv")):
            raise ValueError("expected")

    with pytest.raises(ValueError, match="expected"):
        fail()
    enter(tmp_path / "o.mkv")


def test_a_lock_that_its_holder_deletes_meanwhile_is_not_taken_for_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking the file may be gone; a lock on what has no name would keep nobody out."""
    from vdequant.media import locking

    lock, truly = lock_path(str(tmp_path / "o.mkv")), locking._lock
    tries: list[int] = []

    def late(file: object) -> None:
        tries.append(len(tries))
        if len(tries) == 1:
            lock.unlink()
        truly(file)  # type: ignore[arg-type]

    monkeypatch.setattr(locking, "_lock", late)
    with writing_alone(str(tmp_path / "o.mkv")):
        assert tries == [0, 1]
        assert lock.exists()
        with pytest.raises(OutputError):
            enter(tmp_path / "o.mkv")


@pytest.mark.parametrize("name", ["-", "none/such/o.mkv", "n" * 254])
def test_places_without_locks_go_without(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with writing_alone(name):
        assert os.listdir(tmp_path) == []
