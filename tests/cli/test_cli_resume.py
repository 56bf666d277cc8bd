"""Real runs that end in their middle: killed, stopped, or out of disk; the same command then goes on."""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import make
import numpy as np
import pytest

PROGRAM = (sys.executable, "-m", "vdequant")
OPTIONS = ("--restorer", "deband", "--quantizer", "5-5-5", "--device", "cpu", "--workers", "1", "--scale", "1")


def picture(moment: int) -> np.ndarray:
    """A moving gradient in 32 levels a channel; every 13 moments another one."""
    y, x = np.mgrid[:32, :48]
    shot = moment // 13
    rgb = np.stack([(x * 3 + moment) % 256, y * 5 + 40, (x + y + moment * 2) % 256], -1) / 255 / (1, 2, 6)[shot % 3]
    level = np.round(rgb * 31).astype(np.uint8)
    return level << 3 | level >> 2


def write_slow_clip(path: Path, count: int = 240) -> Path:
    """One picture a second, so that minutes of video are done in seconds; shots of 13 frames, and sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=1)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "bgr0"
        sound = container.add_stream("flac", rate=8000, layout="mono")
        for moment in range(count):
            frame = av.VideoFrame.from_ndarray(picture(moment), "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = moment, Fraction(1)
            container.mux(stream.encode(frame))
            beep = av.AudioFrame.from_ndarray(np.full((1, 8000), moment, np.int16), format="s16", layout="mono")
            beep.sample_rate, beep.pts, beep.time_base = 8000, moment * 8000, Fraction(1, 8000)
            container.mux(sound.encode(beep))
        container.mux(stream.encode(None))
        container.mux(sound.encode(None))
    return path


def content(path: Path) -> tuple[list[Any], list[Any]]:
    """Decoded pictures with their times, and sound packets with theirs."""
    with av.open(str(path)) as film:
        return make.samples(path), [(p.pts, p.dts, bytes(p)) for p in film.demux(audio=0) if p.size]


def finished(target: Path) -> int:
    """Segments that the manifest names."""
    try:
        return len(json.loads(Path(f"{target}.parts/manifest.json").read_text())["segments"])
    except FileNotFoundError:
        return 0


def interrupted(number: int, source: Path, target: Path, *options: str) -> str:
    """Start a run and send it a signal when its first segment is finished; what it said."""
    words = [*PROGRAM, str(source), "-o", str(target), *OPTIONS, *options]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        before = finished(target)
        while finished(target) <= before and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(number)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == (-number if number == signal.SIGKILL else 130), said
    assert not target.exists()
    return said


@pytest.fixture(scope="module")
def slow_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slow_clip(tmp_path_factory.mktemp("slow") / "in.mkv")


def test_a_run_that_was_killed_twice_goes_on_and_gives_the_frames_of_one_that_was_not(
    slow_clip: Path, tmp_path: Path, run: Any
) -> None:
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    for _ in range(2):
        interrupted(signal.SIGKILL, slow_clip, cut)
    done = run(slow_clip, "-o", cut, *OPTIONS)
    assert done.code == 0, done.err
    assert "going on: " in done.err
    assert run(slow_clip, "-o", whole, *OPTIONS).code == 0
    pictures, sound = content(cut)
    assert len(pictures) == 240
    assert (pictures, sound) == content(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mkv", "whole.mkv"]


def test_control_c_keeps_finished_segments_and_says_so(slow_clip: Path, tmp_path: Path, run: Any) -> None:
    target = tmp_path / "out.mp4"
    said = interrupted(signal.SIGINT, slow_clip, target)
    kept = f"stopped; what is finished is kept in {target}.parts; the same command goes on from there"
    assert said.splitlines()[-1] == f"vdequant: error: {kept}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4.parts"]
    done = run(slow_clip, "-o", target, *OPTIONS, "--resume", "--json")
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert summary["frames"] == 240
    assert 0 < summary["kept_frames"] < 240
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_full_disk_keeps_what_is_finished_and_a_run_with_more_room_goes_on(
    slow_clip: Path, tmp_path: Path, run: Any
) -> None:
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    assert run(slow_clip, "-o", whole, *OPTIONS, "--lossless").code == 0
    room = whole.stat().st_size * 2 // 3
    done = subprocess.run(
        [*PROGRAM, str(slow_clip), "-o", str(target), *OPTIONS, "--lossless", "-q"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert done.returncode == 1
    warning, error = done.stderr.splitlines()
    assert f"frames are kept in {target}.parts; the same command goes on from there" in warning
    assert "disk full" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mkv.parts", "whole.mkv"]
    done = run(slow_clip, "-o", target, *OPTIONS, "--lossless")
    assert done.code == 0, done.err
    assert content(target) == content(whole)


def test_another_input_of_the_same_name_starts_anew_with_one_line(tmp_path: Path, run: Any) -> None:
    source, target = write_slow_clip(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    interrupted(signal.SIGKILL, source, target)
    write_slow_clip(source, 100)
    done = run(source, "-o", target, *OPTIONS)
    assert done.code == 0, done.err
    (line,) = [line for line in done.err.splitlines() if line.startswith("starting over: ")]
    assert "another input" in line
    assert len(content(target)[0]) == 100


def test_no_resume_starts_anew_without_a_word(slow_clip: Path, tmp_path: Path, run: Any) -> None:
    target = tmp_path / "out.mkv"
    interrupted(signal.SIGKILL, slow_clip, target)
    done = run(slow_clip, "-o", target, *OPTIONS, "--no-resume", "--json")
    assert json.loads(done.out)["kept_frames"] == 0
    assert "going on" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


@pytest.mark.slow
def test_20_kills_at_random_moments_lose_no_frame(tmp_path: Path, run: Any) -> None:
    source, whole, cut = write_slow_clip(tmp_path / "in.mkv", 1200), tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    options, moments = (*OPTIONS, "--lossless", "--tta"), random.Random(0)
    assert run(source, "-o", whole, *options).code == 0
    for _ in range(20):
        process = subprocess.Popen([*PROGRAM, str(source), "-q", "-o", str(cut), *options])
        before, limit = finished(cut), time.monotonic() + 30
        while process.poll() is None and finished(cut) == before and time.monotonic() < limit:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        assert process.wait(timeout=30) == -signal.SIGKILL
        assert not cut.exists()
        assert finished(cut) > before
    done = run(source, "-o", cut, *options)
    assert done.code == 0, done.err
    assert content(cut) == content(whole)
    assert len(content(cut)[0]) == 1200
