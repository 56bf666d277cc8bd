"""``vdequant quantize`` does what it is told, and refuses the rest in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from vdequant.cli.naming import batch_outputs, suggested_output


def colors(path: Path) -> int:
    return len(np.unique(cv2.imread(str(path)).reshape(-1, 3), axis=0))


def test_a_picture_is_quantized_and_people_are_told(still: Path, tmp_path: Path, run: Any) -> None:
    ran = run("quantize", still, "-o", tmp_path / "out.png", "--to", "palette:8", "--dither", "fs")
    assert ran.code == 0
    assert ran.out == ""
    assert "a palette of 8 colors, dithered (fs)" in ran.err
    assert f"wrote: {tmp_path / 'out.png'} 48x32" in ran.err
    assert colors(tmp_path / "out.png") <= 8


def test_json_agrees_with_the_file(clip: Path, tmp_path: Path, run: Any) -> None:
    target = tmp_path / "out.mkv"
    summary = json.loads(run("quantize", clip, "-o", target, "--to", "m=4", "--json", "-q").out)
    assert summary["frames"] == 8
    assert summary["bytes"] == target.stat().st_size
    assert summary["quantizer"] == "4 levels per channel"
    with av.open(str(target)) as found:
        assert found.streams.video[0].codec_context.pix_fmt == "bgr0"


def test_quiet_says_nothing(still: Path, tmp_path: Path, run: Any) -> None:
    assert run("quantize", still, "-o", tmp_path / "out.png", "--to", "m=4", "-q") == (0, "", "")


def test_several_inputs_go_into_a_directory_and_a_bad_one_stops_no_other(
    still: Path, clip: Path, tmp_path: Path, run: Any
) -> None:
    (tmp_path / "bad.png").write_text("not a picture")
    ran = run("quantize", still, clip, tmp_path / "bad.png", "-o", f"{tmp_path}/out/", "--to", "gameboy", "--json")
    assert ran.code == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip.mkv", "still.png"]
    assert json.loads(ran.out)["failed"] == 1
    assert "quantized 2 of 3" in ran.err


def test_only_a_part_is_quantized_when_asked(clip: Path, tmp_path: Path, run: Any) -> None:
    ran = run("quantize", clip, "-o", tmp_path / "out.mkv", "--to", "m=4", "--duration", "0.05", "--json")
    assert json.loads(ran.out)["frames"] == 3


def test_a_console_brings_its_size(still: Path, tmp_path: Path, run: Any) -> None:
    assert run("quantize", still, "-o", tmp_path / "out.png", "--to", "zx", "--size", "native").code == 0
    assert cv2.imread(str(tmp_path / "out.png")).shape == (192, 256, 3)
    assert run("quantize", still, "-o", tmp_path / "b.png", "--to", "zx", "--size", "24x16").code == 0
    assert cv2.imread(str(tmp_path / "b.png")).shape == (16, 24, 3)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "expected an INPUT"),
        (("a.png",), "expected -o OUTPUT"),
        (("a.png", "-o", "b.png"), "expected --to TEXT, for example: vdequant quantize a.png -o b.png --to 5-5-5"),
        (("a.png", "c.png", "-o", "b.png", "--to", "m=4"), "expected -o DIRECTORY/"),
        (("a.png", "-o", "b.png", "--to", "mp3"), "m=LEVELS"),
        (("a.png", "-o", "b.png", "--to", "palette:70000"), "1 to 4096"),
        (("a.png", "-o", "b.png", "--to", "m=4", "--dither", "no"), "invalid choice"),
        (("a.png", "-o", "b.png", "--to", "m=4", "--size", "big"), "native or WIDTHxHEIGHT"),
        (("a.png", "-o", "b.png", "--to", "nes", "--dither", "fs"), "palette:nes+fs"),
        (("a.png", "-o", "-", "--to", "m=4", "--json"), "expected a file for -o"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_code_2(words: tuple[str, ...], expected: str, run: Any) -> None:
    ran = run("quantize", *words)
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert line.startswith("vdequant: error: ")
    assert expected in line


def test_what_cannot_be_read_or_written_is_one_line_and_code_1(still: Path, tmp_path: Path, run: Any) -> None:
    (tmp_path / "there.png").write_text("precious")
    for words in (
        (tmp_path / "missing.png", "-o", tmp_path / "out.png", "--to", "m=4"),
        (still, "-o", tmp_path / "there.png", "--to", "m=4"),
        (still, "-o", tmp_path / "out.png", "--to", f"palette:{tmp_path}/none.gpl"),
    ):
        ran = run("quantize", *words)
        assert ran.code == 1
        assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "out.png").exists()
    assert (tmp_path / "there.png").read_text() == "precious"


def test_video_goes_into_containers_that_hold_exact_values() -> None:
    assert batch_outputs(["a.mp4", "b.png"], "out", ".mkv") == ["out/a.mkv", "out/b.png"]
    assert suggested_output("a.mp4", "quantized", ".mkv") == "a_quantized.mkv"
    assert suggested_output("-", "quantized", ".mkv") == "quantized.mkv"
