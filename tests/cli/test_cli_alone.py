"""Two runs never write the same output, and a killed one stands in nobody's way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest

from vdequant.errors import OutputError
from vdequant.media.locking import writing_alone
from vdequant.recording import Recorder
from vdequant.settings import Settings
from vdequant.watching import Watch

FAST = ("--restorer", "deband", "--quantizer", "5-5-5", "--device", "cpu", "--workers", "1")
PROGRAM = (sys.executable, "-m", "vdequant")


def test_the_second_of_two_runs_is_refused_and_a_killed_first_one_is_forgotten(
    long_clip: Path, clip: Path, tmp_path: Path, run: Any
) -> None:
    target = tmp_path / "out.mkv"
    with subprocess.Popen([*PROGRAM, str(long_clip), "-q", "-o", str(target), *FAST]) as first:
        limit = time.monotonic() + 60
        while not (tmp_path / "out.part.mkv").exists() and time.monotonic() < limit:
            time.sleep(0.02)
        second = run(clip, "-y", "-o", target, *FAST)
        assert first.poll() is None, "the first run ended too early to be in the way"
        first.kill()
        assert first.wait(timeout=30) == -signal.SIGKILL
    assert second.code == 1
    (line,) = second.err.splitlines()
    assert f"out.mkv is being written by another vdequant (process {first.pid})" in line
    third = run(clip, "-y", "-o", target, *FAST)
    assert third.code == 0, third.err
    assert not (tmp_path / "out.mkv.lock").exists()


@pytest.mark.parametrize("command", ["restore", "quantize"])
def test_every_command_that_writes_respects_the_lock(command: str, clip: Path, tmp_path: Path, run: Any) -> None:
    words = ("restore", *FAST) if command == "restore" else ("quantize", "--to", "m=4")
    with writing_alone(str(tmp_path / "o.mkv")):
        ran = run(words[0], clip, "-o", tmp_path / "o.mkv", *words[1:])
    assert ran.code == 1
    assert "is being written by another" in ran.err
    assert run(words[0], clip, "-o", tmp_path / "o.mkv", *words[1:]).code == 0


def test_what_the_other_run_keeps_for_going_on_is_not_touched(clip: Path, tmp_path: Path, run: Any) -> None:
    parts = tmp_path / "o.mkv.parts"
    parts.mkdir()
    (parts / "manifest.json").write_text("{}")
    (parts / "000000.packets").write_bytes(b"of the other run")
    with writing_alone(str(tmp_path / "o.mkv")):
        assert run(clip, "-o", tmp_path / "o.mkv", "--resume", *FAST).code == 1
    assert sorted(path.name for path in parts.iterdir()) == ["000000.packets", "manifest.json"]


def test_an_error_leaves_no_lock(tmp_path: Path, run: Any) -> None:
    assert run(tmp_path / "missing.mkv", "-o", tmp_path / "o.mkv", *FAST).code == 1
    assert list(tmp_path.iterdir()) == []


class Heard:
    """A teller that keeps errors and results."""

    def __init__(self) -> None:
        self.errors: list[tuple[Exception, bool]] = []
        self.done_ones: list[str] = []

    def begun(self, source: str, output: str) -> Any:
        from vdequant.observing import Silent

        return Silent()

    def done(self, source: str, summary: Any) -> None:
        self.done_ones.append(source)

    def failed(self, source: str, output: str, error: Exception, *, again: bool) -> None:
        self.errors.append((error, again))

    def kept(self, source: str, output: str) -> None:
        self.done_ones.append("kept")

    def growing(self, source: str) -> None:
        self.done_ones.append("growing")


def test_a_watch_comes_back_to_an_output_that_is_being_written(tmp_path: Path) -> None:
    captures, restored = tmp_path / "in", tmp_path / "in" / "out"
    captures.mkdir()
    make.clip(captures / "a.mkv", count=2)
    settings = Settings(restorer="identity", quantizer="5-5-5", device="cpu", workers=1, lossless=True)

    def look() -> Heard:
        heard = Heard()
        Watch(str(captures), str(restored), settings, heard, ending=".mkv", settle=0).once()
        return heard

    restored.mkdir()
    with writing_alone(str(restored / "a.mkv")):
        ((error, again),) = look().errors
    assert isinstance(error, OutputError)
    assert again
    assert look().done_ones == [str(captures / "a.mkv")]
    assert (restored / "a.mkv").exists()


def test_a_recording_from_python_holds_the_lock_until_it_is_finished(tmp_path: Path) -> None:
    settings = Settings(quantizer="5-5-5", restorer="deband", device="cpu", lossless=True)
    recorder = Recorder(str(tmp_path / "o.mkv"), Fraction(60), settings)
    recorder.add(np.zeros((16, 24, 3), np.uint8))
    with pytest.raises(OutputError, match="being written"), writing_alone(str(tmp_path / "o.mkv")):
        pass
    assert recorder.finish() is not None
    with writing_alone(str(tmp_path / "o.mkv")):
        assert (tmp_path / "o.mkv").exists()
