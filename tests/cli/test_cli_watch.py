"""``vdequant watch``, screenshots and ``--vfr`` through the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from vdequant.cli.naming import video_ending
from vdequant.ledger import STATE_NAME

FAST = ("--restorer", "deband", "--quantizer", "5-5-5", "--device", "cpu", "--workers", "1")
ONCE = ("--once", "--settle", "0", *FAST)
PROGRAM = (sys.executable, "-m", "vdequant", "watch")


def levels(seed: int, size: tuple[int, int] = (32, 48)) -> np.ndarray:
    """A picture of 32 levels a channel, different for each seed."""
    y, x = np.mgrid[: size[0], : size[1]]
    level = np.stack([(x // 2 + seed) % 32, (y + seed) % 32, (x + y) // 3 % 32], -1).astype(np.uint8)
    return level << 3 | level >> 2


@pytest.fixture
def captures(tmp_path: Path, clip: Path) -> Path:
    """A clip and a screenshot in a folder of its own."""
    folder = tmp_path / "captures"
    (folder / "shots").mkdir(parents=True)
    clip.rename(folder / "clip.mkv")
    Image.fromarray(levels(0)).save(folder / "shots" / "a.png")
    return folder


def test_once_restores_what_is_there_and_leaves(captures: Path, tmp_path: Path, run: Any) -> None:
    ran = run("watch", captures, "-o", tmp_path / "fine", *ONCE)
    assert ran.code == 0
    assert ran.out == ""
    assert "2 restored" in ran.err
    assert sorted(p.name for p in (tmp_path / "fine").rglob("*.*")) == [STATE_NAME, "a.png", "clip.mp4"]
    again = run("watch", captures, "-o", tmp_path / "fine", *ONCE)
    assert (again.code, again.err) == (0, "0 restored\n")


def test_json_gives_one_object_for_each_capture(captures: Path, tmp_path: Path, run: Any) -> None:
    (captures / "bad.mkv").write_text("no video")
    ran = run("watch", captures, "-o", tmp_path / "fine", "--json", *ONCE)
    assert ran.code == 1
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [Path(row["input"]).name for row in rows] == ["bad.mkv", "clip.mkv", "a.png"]
    assert "no video" not in rows[0]["error"]
    assert [row.get("frames") for row in rows] == [None, 8, 1]


def test_a_bad_file_is_one_line_and_the_exit_code_tells(captures: Path, tmp_path: Path, run: Any) -> None:
    (captures / "bad.mkv").write_text("no video")
    ran = run("watch", captures, "-o", tmp_path / "fine", "-q", *ONCE)
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert "bad.mkv is not a video" in ran.err
    assert run("watch", captures, "-o", tmp_path / "fine", "-q", *ONCE) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("watch", "{0}"), "expected -o FOLDER/"),
        (("watch", "{0}", "-o", "{0}"), "which holds the captures"),
        (("watch", "{0}", "-o", "out", "--settle", "-1"), "--settle"),
        (("watch", "{0}", "-o", "out", "--codec", "prores", "--container", "webm"), ".webm holds av1, vp9"),
        (("watch", "{0}", "-o", "out", "--quantizer", "nonsense"), "nonsense"),
    ],
)
def test_wrong_command_lines_are_refused_before_anything_is_made(
    words: tuple[str, ...], expected: str, captures: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(captures.parent)
    ran = run(*(word.format(captures) for word in words))
    assert ran.code == 2
    assert expected in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (captures.parent / "out").exists()


@pytest.mark.parametrize(
    ("codec", "lossless", "ending"),
    [("auto", False, ".mp4"), ("auto", True, ".mkv"), ("ffv1", False, ".mkv"), ("prores", False, ".mov")],
)
def test_videos_get_the_ending_that_their_codec_needs(codec: str, lossless: bool, ending: str) -> None:
    assert video_ending(codec, lossless=lossless) == ending


def test_several_lossless_videos_go_into_matroska(clip: Path, tmp_path: Path, run: Any) -> None:
    other = tmp_path / "other.mkv"
    other.write_bytes(clip.read_bytes())
    assert run(clip, other, "-o", f"{tmp_path}/fine/", "--lossless", *FAST).code == 0
    assert sorted(p.name for p in (tmp_path / "fine").iterdir()) == ["clip.mkv", "other.mkv"]


def interrupted(words: list[object], ready: Callable[[str], bool]) -> tuple[int, str]:
    """Run the program, press Ctrl-C once a line of its standard error is the one that is waited for."""
    command = [*PROGRAM, *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if ready(line):
                break
        time.sleep(0.3)  # into the work, or the waiting
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
    return process.returncode, said


def test_control_c_while_it_waits_ends_it_with_the_work_done(captures: Path, tmp_path: Path) -> None:
    words = [captures, "-o", tmp_path / "fine", "--settle", "0.2", *FAST]
    code, said = interrupted(words, lambda line: line.startswith("wrote:") and "a.png" in line)
    assert code == 130, said
    assert said.splitlines()[-1] == "vdequant: error: stopped; 2 restored; the same command goes on from here"
    assert "Traceback" not in said
    state = json.loads((tmp_path / "fine" / STATE_NAME).read_text())
    assert [entry["outcome"] for entry in state["captures"].values()] == ["done", "done"]


def test_control_c_in_the_middle_of_a_video_keeps_nothing_of_it_and_all_before(
    captures: Path, long_clip: Path, tmp_path: Path
) -> None:
    long_clip.rename(captures / "long.mkv")
    words = [captures, "-o", tmp_path / "fine", "--settle", "0", *FAST]
    code, said = interrupted(words, lambda line: line.startswith("writing:") and "long.mp4" in line)
    assert code == 130, said
    assert "stopped; 1 restored, nothing was kept of " in said.splitlines()[-1]
    assert sorted(p.name for p in (tmp_path / "fine").rglob("*")) == [STATE_NAME, "clip.mp4"]
    state = json.loads((tmp_path / "fine" / STATE_NAME).read_text())
    assert [Path(path).name for path in state["captures"]] == ["clip.mkv"]


def test_a_folder_of_screenshots_is_restored_one_by_one(tmp_path: Path, run: Any) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    for i, size in enumerate([(32, 48), (24, 40)]):
        Image.fromarray(levels(i, size)).save(shots / f"Game-230101-12000{i}.png")
    ran = run(shots, "-o", tmp_path / "fine", *FAST)
    assert ran.code == 0
    assert "2 pictures named by the second they were taken: each is restored for itself" in ran.err
    found = {p.name: np.shape(cv2.imread(str(p)))[1::-1] for p in (tmp_path / "fine").iterdir()}
    assert found == {"Game-230101-120000.png": (48, 32), "Game-230101-120001.png": (40, 24)}


def test_pictures_of_two_sizes_make_no_video_and_the_message_says_what_works(tmp_path: Path, run: Any) -> None:
    shots = tmp_path / "snap"
    shots.mkdir()
    for i, size in enumerate([(32, 48), (24, 40)]):
        Image.fromarray(levels(i, size)).save(shots / f"{i:04d}.png")
    ran = run(shots, "-o", tmp_path / "fine.mkv", *FAST)
    assert ran.code == 1
    assert "a video needs one size, -o FOLDER/ takes each picture for itself" in ran.err
    assert run(shots, "-o", tmp_path / "fine", *FAST).code == 0
    assert sorted(p.name for p in (tmp_path / "fine").iterdir()) == ["0000.png", "0001.png"]


def write_sound(path: Path, seconds: float) -> None:
    """A tone in 16 bits at 48 kHz, as cloud-game writes it beside its pictures."""
    wave = (np.sin(np.arange(int(seconds * 48000)) * 0.05) * 9000).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        for start in range(0, len(wave), 480):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 480], format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Four pictures, a list of their durations, which add to 1.2 seconds, and the sound of that time."""
    folder = tmp_path / "dump"
    folder.mkdir()
    lines = ["ffconcat version 1.0"]
    for i, duration in enumerate(["0.1", "0.5", "0.016743", "0.583257"]):
        Image.fromarray(levels(i)).save(folder / f"f{i:07d}.png")
        lines += [f"file f{i:07d}.png", f"duration {duration}"]
    (folder / "input.txt").write_text("\n".join(lines))
    write_sound(folder / "audio.wav", 1.2)
    return folder


@pytest.mark.parametrize(("name", "codec"), [("fine.mkv", "av1"), ("fine.mp4", "av1"), ("fine.mp4", "h264")])
def test_a_list_becomes_a_video_with_its_durations_and_the_sound_beside_it(
    name: str, codec: str, dump: Path, run: Any
) -> None:
    target = dump.parent / name
    assert run(dump / "input.txt", "-o", target, "--scale", "1", "--codec", codec, *FAST).code == 0
    with av.open(str(target)) as fine:
        starts = [float(frame.pts * frame.time_base) for frame in fine.decode(video=0)]
        assert starts == pytest.approx([0, 0.1, 0.6, 0.616743], abs=0.6e-3)
        film = fine.streams.video[0]
        length = film.duration * film.time_base if film.duration else Fraction(fine.duration or 0, 10**6)
        assert float(length) == pytest.approx(1.2, abs=2e-3)
    with av.open(str(target)) as fine:
        sound = [frame for frame in fine.decode(audio=0)]
        assert sum(frame.samples for frame in sound) / 48000 == pytest.approx(1.2, abs=0.03)


def test_a_part_of_a_list_takes_its_part_of_the_sound(dump: Path, run: Any) -> None:
    target = dump.parent / "fine.mkv"
    assert run(dump, "-o", target, "--scale", "1", "--start", "0.1", "--duration", "0.5", *FAST).code == 0
    with av.open(str(dump / "audio.wav")) as whole, av.open(str(target)) as fine:
        before = np.concatenate([frame.to_ndarray()[0] for frame in whole.decode(audio=0)])
        kept = [(frame.pts, frame.to_ndarray()[0]) for frame in fine.decode(audio=0)]
    first = round(float(kept[0][0]) * 48)  # Matroska counts milliseconds
    samples = np.concatenate([part for _, part in kept])
    assert len(samples) / 48000 == pytest.approx(0.5, abs=0.1)
    offset = 4800 + first
    place = min(
        range(offset - 60, offset + 60), key=lambda at: int(np.abs(before[at : at + 4000] - samples[:4000]).sum())
    )
    assert np.array_equal(before[place : place + 4000], samples[:4000])


def test_a_list_becomes_a_list_and_the_plan_says_that_sound_is_lost(dump: Path, run: Any) -> None:
    ran = run(dump, "-o", dump.parent / "fine", *FAST)
    assert ran.code == 0
    assert "a folder of pictures holds no sound" in ran.err
    listed = (dump.parent / "fine" / "input.txt").read_text().splitlines()
    assert [line for line in listed if line.startswith("duration")] == [
        f"duration {d}" for d in ("0.100000", "0.500000", "0.016743", "0.583257")
    ]


def slow_game(path: Path, runs: list[int]) -> Path:
    """A 60 fps grab in which picture i stays for ``runs[i]`` refreshes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=60)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "bgr0"
        stream.codec_context.time_base = Fraction(1, 60)
        moment = 0
        for seed, run in enumerate(runs):
            for _ in range(run):
                frame = av.VideoFrame.from_ndarray(levels(seed), format="rgb24").reformat(format="bgr0")
                frame.pts, frame.time_base, moment = moment, Fraction(1, 60), moment + 1
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_vfr_writes_each_picture_of_a_slow_game_once_for_as_long_as_it_was_shown(tmp_path: Path, run: Any) -> None:
    grab = slow_game(tmp_path / "grab.nut", [4, 6, 1, 30])
    ran = run(grab, "-o", tmp_path / "fine.mp4", "--vfr", "--json", "--scale", "1", *FAST)
    assert ran.code == 0
    assert "equal pictures in a row are written once" in ran.err
    assert json.loads(ran.out)["frames"] == 41
    with av.open(str(tmp_path / "fine.mp4")) as fine:
        starts = [float(frame.pts * frame.time_base) for frame in fine.decode(video=0)]
        assert starts == pytest.approx([0, 4 / 60, 10 / 60, 11 / 60], abs=1e-4)
        assert (fine.duration or 0) / 1e6 == pytest.approx(41 / 60, abs=1e-3)
    assert run(grab, "-o", tmp_path / "dump", "--vfr", *FAST).code == 0
    listed = (tmp_path / "dump" / "input.txt").read_text().splitlines()
    assert [line.split()[1] for line in listed if line.startswith("duration")] == [
        "0.066667",
        "0.100000",
        "0.016666",
        "0.500000",
    ]


def test_vfr_is_refused_for_outputs_without_durations(clip: Path, tmp_path: Path, run: Any) -> None:
    ran = run(clip, "-o", tmp_path / "o.nut", "--vfr", *FAST)
    assert ran.code == 2
    assert "keeps no durations" in ran.err
