"""``vdequant`` does what it is told, and says so in the right places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import cv2
import make
import numpy as np
import pytest

import vdequant
from vdequant.cli.naming import batch_outputs, suggested_output
from vdequant.cli.options import scale, seconds
from vdequant.cli.progress import percent, size
from vdequant.errors import UsageError

FAST = ("--restorer", "deband", "--quantizer", "5-5-5", "--device", "cpu", "--workers", "1")


def frames_of(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize(
    "form", [("{0}", "-o", "{1}"), ("restore", "{0}", "-o", "{1}"), ("-i", "{0}", "--output", "{1}")]
)
def test_the_word_restore_is_optional(form: tuple[str, ...], clip: Path, tmp_path: Path, run: Any) -> None:
    target = tmp_path / "out.mkv"
    ran = run(*(word.format(clip, target) for word in form), *FAST)
    assert ran.code == 0
    assert len(frames_of(target)) == 8


def test_people_read_standard_error_and_standard_output_stays_empty(clip: Path, tmp_path: Path, run: Any) -> None:
    ran = run(clip, "-o", tmp_path / "out.mkv", *FAST)
    assert ran.out == ""
    assert "48x32" in ran.err
    assert "deband" in ran.err
    assert "8 frames in" in ran.err
    assert "of samples land back in their cell" in ran.err
    assert str(tmp_path / "out.mkv") in ran.err


def test_quiet_says_nothing(clip: Path, tmp_path: Path, run: Any) -> None:
    assert run(clip, "-o", tmp_path / "out.mkv", "-q", *FAST) == (0, "", "")


def test_json_is_one_object_that_agrees_with_the_file(clip: Path, tmp_path: Path, run: Any) -> None:
    target = tmp_path / "out.mkv"
    ran = run(clip, "-o", target, "--json", *FAST)
    summary = json.loads(ran.out)
    assert summary["frames"] == 8
    assert summary["bytes"] == target.stat().st_size
    assert summary["output"] == str(target)
    assert summary["restorer"] == "deband"


def test_a_preview_restores_only_the_beginning(clip: Path, tmp_path: Path, run: Any) -> None:
    ran = run(clip, "-o", tmp_path / "out.mkv", "--preview", "0.05", "--json", *FAST)
    assert json.loads(ran.out)["frames"] == 3


def test_fidelity_one_certifies_everything(clip: Path, tmp_path: Path, run: Any) -> None:
    ran = run(clip, "-o", tmp_path / "out.mkv", "--json", "--lossless", *FAST)
    assert json.loads(ran.out)["certificate"] == 1.0


def test_a_picture_becomes_a_picture_of_16_bits(still: Path, tmp_path: Path, run: Any) -> None:
    assert run(still, "-o", tmp_path / "out.png", *FAST).code == 0
    written = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint16
    assert written.shape == (32, 48, 3)


def test_a_folder_keeps_its_names(frames_folder: Path, tmp_path: Path, run: Any) -> None:
    assert run(frames_folder, "-o", tmp_path / "fine", *FAST).code == 0
    assert sorted(p.name for p in (tmp_path / "fine").iterdir()) == ["f1.png", "f10.png", "f2.png"]


def test_an_existing_output_is_replaced_only_when_asked(clip: Path, tmp_path: Path, run: Any) -> None:
    target = tmp_path / "out.mkv"
    target.write_text("precious")
    assert run(clip, "-o", target, *FAST).code == 1
    assert target.read_text() == "precious"
    assert run(clip, "-y", "-o", target, *FAST).code == 0
    assert len(frames_of(target)) == 8


def test_several_inputs_go_on_after_a_bad_one(clip: Path, still: Path, tmp_path: Path, run: Any) -> None:
    bad, folder = tmp_path / "bad.mp4", tmp_path / "all"
    bad.write_text("no video")
    ran = run(bad, clip, still, "-o", f"{folder}/", *FAST)
    assert ran.code == 1
    assert sorted(p.name for p in folder.iterdir()) == ["clip.mp4", "still.png"]
    assert "restored 2 of 3" in ran.err
    assert f"vdequant: error: {bad}: " in ran.err


def test_several_inputs_give_one_json_object(clip: Path, still: Path, tmp_path: Path, run: Any) -> None:
    (tmp_path / "all").mkdir()
    ran = run(clip, tmp_path / "missing.mkv", still, "-o", tmp_path / "all", "--json", *FAST)
    answer = json.loads(ran.out)
    assert answer["failed"] == 1
    assert [row.get("frames") for row in answer["files"]] == [8, None, 1]
    assert "missing.mkv" in answer["files"][1]["error"]


def test_a_folder_made_for_nothing_is_removed(tmp_path: Path, run: Any) -> None:
    ran = run(tmp_path / "a.mkv", tmp_path / "b.mkv", "-o", f"{tmp_path}/all/", *FAST)
    assert ran.code == 1
    assert not (tmp_path / "all").exists()


def test_probe_prints_what_was_lost_and_writes_nothing(clip: Path, tmp_path: Path, run: Any) -> None:
    before = sorted(tmp_path.iterdir())
    ran = run("probe", clip, "--device", "cpu")
    assert ran.code == 0
    assert "48x32" in ran.out
    assert sorted(tmp_path.iterdir()) == before


def test_probe_gives_json(clip: Path, run: Any) -> None:
    values = json.loads(run("probe", clip, "--json", "--device", "cpu").out)
    assert values["source"]["frames"] in (8, None)
    assert values["source"]["layout"]["width"] == 48
    assert values["source"]["layout"]["matrix"] == "RGB"


def test_devices_lists_the_cpu(run: Any) -> None:
    assert run("devices").out.splitlines()[-1].startswith("cpu ")
    assert "cpu" in json.loads(run("devices", "--json").out)["devices"]


def test_python_callers_get_the_same_from_paths(clip: Path, tmp_path: Path) -> None:
    settings = vdequant.Settings(restorer="deband", quantizer="5-5-5", device="cpu", workers=1)
    summary = vdequant.restore(clip, tmp_path / "out.mkv", settings)
    assert summary.frames == 8
    assert vdequant.probe(clip, settings).restorer == "deband"


def test_the_program_runs_as_a_module(clip: Path, tmp_path: Path, run_process: Any) -> None:
    ran = run_process(clip, "-o", tmp_path / "out.mkv", "--json", *FAST)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["frames"] == 8


@pytest.mark.parametrize(
    ("text", "value"), [("1.5", 1.5), ("90", 90), ("1:02", 62), ("1:02:03.5", 3723.5), ("00:00:04", 4)]
)
def test_times_are_read_as_seconds_or_as_clocks_show_them(text: str, value: float) -> None:
    assert seconds(text) == value


def test_scale_reads_auto_and_whole_numbers() -> None:
    assert [scale(text) for text in ("auto", "1", "3x")] == [0, 1, 3]


def test_a_percentage_never_rounds_up_to_all() -> None:
    assert [percent(share) for share in (1.0, 0.999999, 0.5)] == ["100 %", "99.99 %", "50.00 %"]


def test_sizes_are_readable() -> None:
    assert [size(n) for n in (999, 1000, 123_456, 12_300_000)] == ["999 bytes", "1 kB", "123 kB", "12.3 MB"]


def test_outputs_of_several_inputs_take_their_names_and_the_default_suffix(frames_folder: Path) -> None:
    names = batch_outputs(["a/x.avi", "y.PNG", str(frames_folder)], "out")
    assert names == ["out/x.mp4", "out/y.png", "out/frames"]


def test_inputs_that_would_share_an_output_are_refused() -> None:
    with pytest.raises(UsageError, match=r"a/x\.avi and b/x\.mkv"):
        batch_outputs(["a/x.avi", "b/x.mkv"], "out")


def test_the_suggested_output_is_never_the_input(frames_folder: Path) -> None:
    assert suggested_output("a/game.mp4") == "a/game_restored.mp4"
    assert suggested_output("-") == "restored.mp4"
    assert suggested_output(str(frames_folder)) == f"{frames_folder}_restored"


def test_what_a_name_becomes_is_told_by_what_the_file_holds(tmp_path: Path) -> None:
    make.animation(tmp_path / "one.gif", [20])
    make.animation(tmp_path / "two.gif", [20, 20])
    make.picture(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "b.tga")
    names = batch_outputs([str(tmp_path / name) for name in ("one.gif", "two.gif", "b.tga", "missing.pcx")], "out")
    assert [Path(name).name for name in names] == ["one.png", "two.mp4", "b.png", "missing.png"]


def test_names_behind_two_dashes_may_begin_with_one(
    still: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    still.rename(tmp_path / "-odd.png")
    monkeypatch.chdir(tmp_path)
    ran = run("-o", "out.png", "--restorer", "identity", "--", "-odd.png")
    assert ran.code == 0, ran.err
    assert (tmp_path / "out.png").exists()


def test_a_mistyped_command_is_recognized(run: Any) -> None:
    ran = run("quantise", "a.png", "-o", "b.png", "--to", "m=4")
    assert ran.code == 2
    assert "did you mean: vdequant quantize" in ran.err
