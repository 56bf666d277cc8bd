"""Whatever goes wrong: one line with cause and remedy, the right exit code, and nothing at the output path."""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from vdequant.cli import COMMANDS
from vdequant.cli.console import Console

FAST = ("--restorer", "deband", "--quantizer", "5-5-5", "--device", "cpu", "--workers", "1")
PROGRAM = (sys.executable, "-m", "vdequant")


def crash() -> argparse.ArgumentParser:
    """A command with a bug in it."""
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=_crash, json=False, verbose=False, quiet=False)
    parser.add_argument("-v", dest="verbose", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--stop", action="store_true")
    return parser


def _crash(args: argparse.Namespace, console: Console) -> int:
    if args.stop:
        raise KeyboardInterrupt
    raise ZeroDivisionError("a bug\nin two lines")


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a command that crashes."""
    monkeypatch.setitem(COMMANDS, "crash", f"{__name__}:crash")
    return "crash"


def the_line(err: str) -> str:
    """The only line of ``err``, which has to be an error of ours."""
    (line,) = err.splitlines()
    assert line.startswith("vdequant: error: ")
    return line


def left_behind(folder: Path, *known: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path not in known)


def no_such_file(folder: Path) -> Path:
    return folder / "missing.mkv"


def text_named_mp4(folder: Path) -> Path:
    (folder / "text.mp4").write_text("not a video at all\n" * 50)
    return folder / "text.mp4"


def empty_file(folder: Path) -> Path:
    (folder / "empty.mkv").touch()
    return folder / "empty.mkv"


def empty_folder(folder: Path) -> Path:
    (folder / "nothing").mkdir()
    return folder / "nothing"


def folder_without_pictures(folder: Path) -> Path:
    (folder / "texts").mkdir()
    (folder / "texts/a.txt").write_text("a")
    return folder / "texts"


def text_named_png(folder: Path) -> Path:
    (folder / "text.png").write_text("not a picture")
    return folder / "text.png"


BAD_INPUTS = (no_such_file, text_named_mp4, empty_file, empty_folder, folder_without_pictures, text_named_png)


@pytest.mark.parametrize("make", BAD_INPUTS)
def test_a_bad_input_is_named_in_one_line(make: Any, tmp_path: Path, run: Any) -> None:
    source = make(tmp_path)
    before = left_behind(tmp_path)
    ran = run(source, "-o", tmp_path / "out.mp4", *FAST)
    assert ran.code == 1
    assert source.name in the_line(ran.err)
    assert ran.out == ""
    assert left_behind(tmp_path) == before


def test_an_mp4_without_its_index_is_refused(clip: Path, tmp_path: Path, run: Any) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    assert run(clip, "-o", whole, "--codec", "h264", *FAST).code == 0
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    ran = run(cut, "-o", tmp_path / "out.mp4", *FAST)
    assert ran.code == 1
    assert "cut.mp4" in the_line(ran.err)
    assert left_behind(tmp_path, clip, whole, cut) == []


def test_the_input_is_never_the_output(clip: Path, tmp_path: Path, run: Any) -> None:
    before = clip.read_bytes()
    ran = run(clip, "-y", "-o", tmp_path / "." / "clip.mkv", *FAST)
    assert ran.code in (1, 2)
    assert "clip.mkv" in the_line(ran.err)
    assert clip.read_bytes() == before
    assert left_behind(tmp_path, clip) == []


def test_an_existing_output_is_not_replaced(clip: Path, tmp_path: Path, run: Any) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("precious")
    ran = run(clip, "-o", target, *FAST)
    assert ran.code == 1
    assert "--overwrite" in the_line(ran.err)
    assert target.read_text() == "precious"


@pytest.mark.parametrize("place", ["file/out.mp4", "none/such/out.mp4"])
def test_an_output_that_cannot_be_created_is_named(place: str, clip: Path, tmp_path: Path, run: Any) -> None:
    (tmp_path / "file").touch()
    ran = run(clip, "-o", tmp_path / place, *FAST)
    assert ran.code == 1
    assert str((tmp_path / place).parent) in the_line(ran.err)
    assert left_behind(tmp_path, clip, tmp_path / "file") == []


def test_an_output_of_unknown_kind_is_named(clip: Path, tmp_path: Path, run: Any) -> None:
    ran = run(clip, "-o", tmp_path / "out.xyz", *FAST)
    assert ran.code in (1, 2)
    assert ".xyz" in the_line(ran.err)
    assert left_behind(tmp_path, clip) == []


WRONG_LINES: dict[tuple[str, ...], str] = {
    (): "vdequant game.mkv -o restored.mp4",
    ("game.mkv",): "vdequant game.mkv -o game_restored.mp4",
    ("my game.mkv",): "vdequant 'my game.mkv' -o 'my game_restored.mp4'",
    ("a.mkv", "b.mkv", "-o", "c.mp4"): "-o restored/",
    ("a.mkv", "-o", "b.mp4", "--fidelity", "2"): "between 0 and 1",
    ("a.mkv", "-o", "b.mp4", "--fidelity", "much"): "--fidelity",
    ("a.mkv", "-o", "b.mp4", "--restorer", "magic"): "cellnet-s",
    ("a.mkv", "-o", "b.mp4", "--scaler", "magic"): "nearest, xbr or a .pth",
    ("a.mkv", "-o", "b.mp4", "--native-grid", "on"): "off",
    ("a.mkv", "-o", "b.mp4", "--scale", "0"): "from 1 to 16",
    ("a.mkv", "-o", "b.mp4", "--bits", "7"): "between 8 and 16",
    ("a.mkv", "-o", "b.mp4", "--start", "soon"): "hh:mm:ss",
    ("a.mkv", "-o", "b.mp4", "--start", "-1"): "from 0 to 100000000 seconds",
    ("a.mkv", "-o", "b.mp4", "--duration", "nan"): "hh:mm:ss",
    ("a.mkv", "-o", "b.mp4", "--start", "1e30"): "from 0 to 100000000 seconds",
    ("a.mkv", "-o", "b.mp4", "--workers", "1025"): "from 0 to 1024",
    ("quantize", "a.png", "-o", "b.png", "--to", "palette:4/kmeans", "--seed", "-1"): "from 0 to 4294967295",
    ("a.mkv", "-o", "b.mp4", "--duration", "1", "--preview", "1"): "--duration",
    ("a.mkv", "-o", "b.mp4", "--no-such-option"): "--no-such-option",
    ("a.mkv", "-o", "-", "--json"): "standard output",
    ("probe",): "INPUT",
}


@pytest.mark.parametrize("words", WRONG_LINES, ids=" ".join)
def test_a_wrong_command_line_exits_with_2_and_says_what_is_right(words: tuple[str, ...], run: Any) -> None:
    ran = run(*words)
    assert ran.code == 2
    assert WRONG_LINES[words] in the_line(ran.err)


@pytest.mark.parametrize("option", [("--quantizer", "nonsense"), ("--device", "abacus"), ("--codec", "mpeg0")])
def test_a_wrong_value_that_is_found_later_exits_with_2_too(
    option: tuple[str, str], clip: Path, tmp_path: Path, run: Any
) -> None:
    ran = run(clip, "-o", tmp_path / "out.mp4", *FAST, *option)
    assert ran.code == 2
    assert option[1] in the_line(ran.err)
    assert left_behind(tmp_path, clip) == []


def test_json_carries_the_error_on_standard_output(tmp_path: Path, run: Any) -> None:
    ran = run(tmp_path / "missing.mkv", "-o", tmp_path / "out.mp4", "--json")
    assert ran.code == 1
    assert json.loads(ran.out)["error"] == the_line(ran.err).removeprefix("vdequant: error: ")


def test_json_carries_an_error_of_the_command_line(run: Any) -> None:
    ran = run("--json", "--no-such-option")
    assert "--no-such-option" in json.loads(ran.out)["error"]


def test_a_bug_is_one_line_that_says_how_to_learn_more(crashing: str, run: Any) -> None:
    ran = run(crashing)
    assert ran.code == 1
    assert the_line(ran.err).endswith(
        "unexpected ZeroDivisionError: a bug in two lines; run again with -v for the traceback"
    )


def test_verbose_shows_the_traceback(crashing: str, run: Any) -> None:
    ran = run(crashing, "-v")
    assert "Traceback (most recent call last)" in ran.err
    assert "_crash" in ran.err


def test_stopping_any_command_exits_with_130(crashing: str, run: Any) -> None:
    ran = run(crashing, "--stop")
    assert ran.code == 130
    assert the_line(ran.err) == "vdequant: error: stopped"


def test_control_c_keeps_nothing_and_says_so(long_clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    words = [*PROGRAM, str(long_clip), "-o", str(target), *FAST]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        plan = process.stderr.readline()
        time.sleep(0.3)  # into the work
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130, plan + rest
    assert f"stopped; nothing was kept at {target}" in rest
    assert "Traceback" not in rest
    assert left_behind(tmp_path, long_clip) == []


def test_a_full_disk_leaves_nothing(long_clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    done = subprocess.run(
        [*PROGRAM, str(long_clip), "-q", "-o", str(target), "--lossless", "--preview", "2", *FAST],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert done.returncode == 1
    assert "out.mkv" in the_line(done.stderr)
    assert left_behind(tmp_path, long_clip) == []


def test_a_reader_that_goes_away_ends_the_run_quietly(long_clip: Path) -> None:
    words = [*PROGRAM, str(long_clip), "-q", "-o", "-", *FAST]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 1


def test_an_error_in_a_process_of_its_own_is_one_line(tmp_path: Path, run_process: Any) -> None:
    source = text_named_mp4(tmp_path)
    ran = run_process(source, "-o", tmp_path / "out.mp4")
    assert ran.code == 1
    assert "text.mp4" in the_line(ran.err)


@pytest.mark.parametrize(("words", "told"), [(("help",), "[restore] INPUT"), (("help", "probe"), "vdequant probe")])
def test_help_is_asked_for_by_that_word_as_well(run: Any, words: tuple[str, ...], told: str) -> None:
    ran = run(*words)
    assert ran.code == 0
    assert told in ran.out.splitlines()[0]
