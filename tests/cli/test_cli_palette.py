"""``vdequant palette`` and ``vdequant recolor`` do what they are told, and refuse the rest in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_diffusion import ship_tiny

WARM = "#201008,#603018,#b06030,#f0d0a0,#fff8e0"


def test_a_picture_gets_another_palette_and_people_are_told(still: Path, tmp_path: Path, run: Any) -> None:
    ran = run("palette", still, "--from", WARM, "-o", tmp_path / "out.png")
    assert ran.code == 0
    assert ran.out == ""
    assert "5 colors to those of #201008" in ran.err
    assert "100 % of samples have the color that was asked for; palette error" in ran.err
    assert f"wrote: {tmp_path / 'out.png'} 48x32" in ran.err


def test_json_tells_the_palette_error_of_a_clip(clip: Path, tmp_path: Path, run: Any) -> None:
    words = ("--from", clip, "--colors", 8, "--method", "negative-color", "--texture", "off", "--restorer", "deband")
    ran = run("palette", clip, *words, "-o", tmp_path / "out.mkv", "--lossless", "--json", "-q")
    summary = json.loads(ran.out)
    assert (summary["frames"], summary["colors"], summary["method"]) == (8, 8, "negative-color")
    assert summary["restorer"] == "deband"
    assert summary["palette_psnr"] > 5
    assert summary["palette_ssim"] <= 1
    assert summary["bytes"] == (tmp_path / "out.mkv").stat().st_size
    assert summary["measured_frames"] == 1
    told = run("palette", clip, *words, "-o", tmp_path / "again.mkv", "--lossless").err
    assert "(1 of 8 frames measured)" in told


def test_a_mapping_is_saved_edited_and_used(still: Path, tmp_path: Path, run: Any) -> None:
    saved = tmp_path / "m.json"
    out = tmp_path / "out.png"
    assert run("palette", still, "--from", WARM, "-o", out, "--save-mapping", saved).code == 0
    first = json.loads(saved.read_text())["shots"][0]["map"][0]["from"]
    ran = run("palette", still, "--mapping", saved, "--map", f"{first}=#00ff00", "-o", out, "-y", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["colors"] == 5


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "-o OUTPUT, for example: vdequant palette"),
        (("-o", "{}/out.png"), 2, "expected --from PALETTE"),
        (("-o", "{}/out.png", "--from", WARM, "--method", "hue"), 2, "negative-color"),
        (("-o", "{}/out.png", "--from", WARM, "--texture", "T", "--restorer", "deband"), 2, "--restorer diffusion"),
        (("-o", "{}/out.png", "--from", WARM, "--colors", "9"), 2, "at most 5"),
        (("-o", "{}/out.png", "--from", "{}/none.gpl"), 1, "none.gpl"),
        (("-o", "{}/out.png", "--from", WARM, "--restorer", "none"), 2, "--restorer"),
        (("-o", "{}/out.png", "--from", WARM, "--samples", "2"), 2, "--restorer diffusion"),
        (("-o", "{}/out.mp4", "--from", WARM), 2, "picture name"),
    ],
)
def test_bad_wishes_end_in_one_line(
    still: Path, tmp_path: Path, run: Any, words: tuple[str, ...], code: int, message: str
) -> None:
    before = sorted(tmp_path.iterdir())
    ran = run("palette", still, *(word.replace("{}", str(tmp_path)) for word in words))
    assert ran.code == code
    assert message in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_part_is_recolored_and_people_are_told(still: Path, tmp_path: Path, run: Any) -> None:
    out = tmp_path / "out.png"
    ran = run("recolor", still, "--rect", "4,4,20,20", "--color", "#3060c0", "-o", out)
    assert ran.code == 0
    assert "26.0% of the picture, asked for #3060c0, mean now #" in ran.err
    assert f"wrote: {out} 48x32" in ran.err
    words = ("--point", "8,8", "--tolerance", 40, "--color", "mean", "--texture", "off", "--feather", 0)
    summary = json.loads(run("recolor", still, *words, "-o", out, "-y", "--json").out)
    assert summary["texture"] == "off"
    assert summary["color"] == summary["got"]
    assert summary["palette_psnr"] is None  # the flat color is what the result is compared with


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--point", "1,1", "--color", "mean"), "-o OUTPUT, for example: vdequant recolor"),
        (("--point", "1,1", "-o", "{}/out.png"), "--color COLOR"),
        (("--color", "mean", "-o", "{}/out.png"), "one of --mask"),
        (("--mask", "{}/none.png", "--color", "mean", "-o", "{}/out.png"), "none.png"),
        (("--rect", "0,0,48,32", "--grabcut", "--color", "mean", "-o", "{}/out.png"), "surroundings"),
        (("--point", "1,1", "--color", "mean", "-o", "{}/out.png", "--samples", "2"), "--restorer diffusion"),
        (("--point", "1,1", "--color", "mean", "-o", "{}/out.png", "--steps", "5000"), "--steps of at most 1000"),
    ],
)
def test_bad_recolorings_end_in_one_line(
    still: Path, tmp_path: Path, run: Any, words: tuple[str, ...], message: str
) -> None:
    before = sorted(tmp_path.iterdir())
    ran = run("recolor", still, *(word.replace("{}", str(tmp_path)) for word in words))
    assert ran.code in (1, 2)
    assert message in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_several_pictures_are_drawn_and_named(
    still: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship_tiny(monkeypatch)
    words = ("--sampler", "dpm", "--steps", 2, "--seed", 3, "--samples", 2, "-o", tmp_path / "out.png")
    ran = run("palette", still, "--from", WARM, "--texture", "T", *words)
    assert ran.code == 0
    assert "dequantized by diffusion (dpm, 2 steps, seed 3, 2 samples)" in ran.err
    assert "done: 2 pictures in" in ran.err
    assert f"wrote: {tmp_path / 'out-1.png'}, {tmp_path / 'out-2.png'} 48x32" in ran.err
    part = ("--rect", "4,4,9,9", "--color", "mean", "--restorer", "diffusion")
    summary = json.loads(run("recolor", still, *part, *words, "--json", "-q", "-y").out)
    assert (summary["texture"], summary["restorer"], summary["seed"]) == ("G", "diffusion", 3)
    assert summary["outputs"] == [str(tmp_path / "out-1.png"), str(tmp_path / "out-2.png")]
