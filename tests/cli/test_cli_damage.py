"""What the program says and returns when its input is damaged, and when it is asked to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import make
import pytest

from vdequant.cli.main import main
from vdequant.cli.stopping import StopsLikeControlC

FAST = ("--restorer", "deband", "--quantizer", "5-5-5", "--device", "cpu", "--workers", "1", "--scale", "1")
DAMAGED = 3


def damaged(path: Path) -> Path:
    """12 pictures of which three do not decode, and sound."""
    pictures, heard = path.with_name("pictures.mov"), path.with_name("sound.mov")
    make.damaged_clip(pictures, 12, bad=[4, 5, 9])
    make.clip(heard, codec="png", pix_fmt="rgb24", count=12, audio="pcm_s16le")
    with av.open(str(pictures)) as seen, av.open(str(heard)) as sounding, av.open(str(path), "w") as out:
        streams = [seen.streams.video[0], sounding.streams.audio[0]]
        copies = [out.add_stream_from_template(stream, opaque=True) for stream in streams]
        for source, stream, copy in zip((seen, sounding), streams, copies, strict=True):
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = copy
                    out.mux(packet)
    pictures.unlink()
    heard.unlink()
    return path


def warnings_of(err: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith("vdequant: warning: ")]


def packets(path: Path, kind: str) -> list[tuple[int, bytes]]:
    """Milliseconds and content of the packets of one kind; times alone for pictures."""
    with av.open(str(path)) as source:
        found = [packet for packet in source.demux(**{kind: 0}) if packet.size]
        times = [round(packet.pts * Fraction(packet.time_base) * 1000) for packet in found]
        return [(t, b"" if kind == "video" else bytes(p)) for t, p in zip(times, found, strict=True)]


def test_a_damaged_input_is_restored_with_exit_code_3_and_one_line(tmp_path: Path, run: Any) -> None:
    source, target = damaged(tmp_path / "in.mov"), tmp_path / "out.mkv"
    ran = run(source, "-o", target, *FAST, "--codec", "ffv1", "--json")
    assert ran.code == DAMAGED
    (line,) = warnings_of(ran.err)
    assert line.endswith("the input is damaged: 3 pictures could not be decoded (the one before is repeated)")
    summary = json.loads(ran.out)
    assert (summary["frames"], summary["damaged_frames"]) == (12, 3)
    assert summary["damage"] in line
    assert sorted(packets(target, "video")) == sorted(packets(source, "video"))
    assert packets(target, "audio") == packets(source, "audio")
    shown = [samples for _, samples in make.samples(target)]
    assert [i for i in range(1, 12) if shown[i] == shown[i - 1]] == [4, 5, 9]


def test_quantizing_a_damaged_input_says_so_too(tmp_path: Path, run: Any) -> None:
    source, target = damaged(tmp_path / "in.mov"), tmp_path / "out.mkv"
    ran = run("quantize", str(source), "-o", str(target), "--to", "m=4", "--json")
    assert ran.code == 3
    assert "3 pictures could not be decoded" in json.loads(ran.out)["damage"]
    assert target.exists()


def test_a_whole_input_is_no_damage(clip: Path, tmp_path: Path, run: Any) -> None:
    ran = run(clip, "-o", tmp_path / "out.mkv", *FAST, "--json")
    assert ran.code == 0
    assert (json.loads(ran.out)["damaged_frames"], json.loads(ran.out)["damage"]) == (0, "")


def test_a_truncated_input_says_what_it_promised_and_what_it_holds(tmp_path: Path, run: Any) -> None:
    make.clip(tmp_path / "in.mkv", count=50, size=(48, 64), audio="flac")
    data = (tmp_path / "in.mkv").read_bytes()
    (tmp_path / "in.mkv").write_bytes(data[: len(data) // 2])
    ran = run(tmp_path / "in.mkv", "-o", tmp_path / "out.mkv", *FAST, "-q")
    assert ran.code == DAMAGED
    (line,) = ran.err.splitlines()
    assert "promises 1.00 s (about 50 pictures) and holds" in line
    assert 10 < len(packets(tmp_path / "out.mkv", "video")) < 40


def test_damage_and_failures_of_several_inputs_are_in_the_table_and_the_exit_code(
    clip: Path, tmp_path: Path, run: Any
) -> None:
    (tmp_path / "harm").mkdir()
    source, bad = damaged(tmp_path / "harm/in.mov"), tmp_path / "bad.mkv"
    bad.write_bytes(b"not a video")
    folder = tmp_path / "out"
    ran = run(source, clip, "-o", f"{folder}/", *FAST)
    assert ran.code == DAMAGED
    table = ran.err.splitlines()[-2:]
    assert "12 frames, 3 of them damaged in the input" in table[0]
    assert "damaged" not in table[1]
    ran = run(source, bad, clip, "-y", "-o", f"{folder}/", *FAST, "--json")
    assert ran.code == 1
    answer = json.loads(ran.out)
    assert [("error" in row, row.get("damaged_frames")) for row in answer["files"]] == [
        (False, 3),
        (True, None),
        (False, 0),
    ]


def test_watch_tells_damage_by_its_exit_code(tmp_path: Path, run: Any) -> None:
    captures = tmp_path / "captures"
    captures.mkdir()
    source = damaged(captures / "in.mov")
    os.utime(source, (time.time() - 60,) * 2)
    ran = run("watch", captures, "-o", tmp_path / "out", "--once", "--settle", "0", *FAST)
    assert ran.code == DAMAGED
    assert "1 restored, 1 of damaged captures" in ran.err
    assert run("watch", captures, "-o", tmp_path / "out", "--once", "--settle", "0", *FAST).code == 0


# ---- being asked to end --------------------------------------------------------------------------------------------


def test_a_request_to_end_that_comes_while_a_text_is_run_as_code_is_the_exit_code_too(tmp_path: Path) -> None:
    """Python makes dataclasses so, and run with -m it remembers an interrupt that comes meanwhile until it ends."""
    script = """
import sys
from vdequant.cli import main as program

def run(words):
    try:
        exec("import os, signal; os.kill(os.getpid(), signal.SIGTERM); [None for _ in range(100000)]")
    except KeyboardInterrupt:
        return program.STOPPED

program._run = run
sys.argv = ["vdequant"]
sys.exit(program.main())
"""
    (tmp_path / "interrupted.py").write_text(script)
    ended = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, check=False)
    assert ended.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_cleans_up_and_is_the_exit_code(
    number: signal.Signals, long_clip: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    target.write_bytes(b"what was here before")
    words = [sys.executable, "-m", "vdequant", str(long_clip), "-y", "-o", str(target), *FAST]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(timeout=30) == 128 + number, said
    assert said.splitlines()[-1].startswith(f"vdequant: error: stopped; what was at {target} before is untouched")
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [long_clip.name, "out.mkv"]
    assert target.read_bytes() == b"what was here before"


def test_handlers_of_whoever_calls_from_python_stay_as_they_are() -> None:
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopsLikeControlC():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # nohup
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert main(["--version"]) == 0
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, ignored)
