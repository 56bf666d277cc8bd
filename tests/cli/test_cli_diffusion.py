"""``vdequant picture.png -o out.png --restorer diffusion``: what is drawn, by which seed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vdequant.cli.main import command_parser
from vdequant.restorers.sampling import RESTORING_SAMPLES, RESTORING_STEPS

FAST = ("--restorer", "diffusion", "--sampler", "dpm", "--steps", "2", "--device", "cpu", "--native-grid", "off")


@pytest.fixture
def poster(tmp_path: Path) -> Path:
    """A gradient in 16 colors."""
    y, x = np.mgrid[:24, :40]
    smooth = np.stack([x * 6, y * 10, 255 - (x + y) * 3], -1).astype(np.uint8)
    Image.fromarray(smooth).quantize(16).convert("RGB").save(tmp_path / "poster.png")
    return tmp_path / "poster.png"


def drawn(run: Any, source: Path, *words: str) -> bytes:
    """The pixels of a result."""
    output = source.with_name("drawn.png")
    ran = run(source, "-o", output, "-y", *FAST, *words)
    assert ran.code == 0, ran.err
    return Image.open(output).tobytes()


def test_the_result_is_finer_and_lies_in_the_palettes_cells(run: Any, poster: Path, tmp_path: Path) -> None:
    ran = run(poster, "-o", tmp_path / "fine.png", *FAST, "--quantizer", "palette:16", "--json")
    report = json.loads(ran.out)
    assert (ran.code, report["restorer"], report["certificate"]) == (0, "diffusion", 1.0)
    with Image.open(tmp_path / "fine.png") as fine:
        assert len(np.unique(np.asarray(fine.convert("RGB")).reshape(-1, 3), axis=0)) > 100


def test_the_seed_decides_what_is_drawn(run: Any, poster: Path) -> None:
    first, again = (drawn(run, poster, "--quantizer", "palette:16", "--seed", "7") for _ in range(2))
    assert first == again
    assert drawn(run, poster, "--quantizer", "palette:16", "--seed", "8") != first


def test_the_plan_tells_how_long_it_takes(run: Any, poster: Path, tmp_path: Path) -> None:
    ran = run(poster, "-o", tmp_path / "fine.png", *FAST, "--quantizer", "palette:16")
    assert "; about" in ran.err


def test_video_is_drawn_frame_by_frame_with_one_noise(run: Any, poster: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.png").write_bytes(poster.read_bytes())
    ran = run(folder, "-o", tmp_path / "out", *FAST, "--quantizer", "palette:16", "--no-reuse", "--temporal", "off")
    assert ran.code == 0, ran.err
    one, other = (Image.open(path).tobytes() for path in sorted((tmp_path / "out").glob("*.png")))
    assert one == other


@pytest.mark.parametrize(
    "words",
    [("--steps", "1001"), ("--samples", "101"), ("--seed", "-1"), ("--sampler", "euler")],
    ids=lambda words: " ".join(words),
)
def test_impossible_wishes_are_told_in_one_line(run: Any, poster: Path, tmp_path: Path, words: tuple[str, str]) -> None:
    ran = run(poster, "-o", tmp_path / "fine.png", "--restorer", "diffusion", *words)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert words[0] in ran.err
    assert not (tmp_path / "fine.png").exists()


@pytest.mark.parametrize("word", ["--sampler dpm", "--steps 3", "--seed 7", "--samples 2"])
@pytest.mark.parametrize("restorer", ["auto", "cellnet-s", "map"])
def test_options_of_drawing_are_refused_where_nothing_is_drawn(
    run: Any, poster: Path, tmp_path: Path, restorer: str, word: str
) -> None:
    ran = run(poster, "-o", tmp_path / "fine.png", "--restorer", restorer, *word.split())
    assert ran.code == 2
    assert f"expected --restorer diffusion with {word}" in ran.err
    assert not (tmp_path / "fine.png").exists()


@pytest.mark.parametrize(("command", "words"), [("restore", "default 5 of dpm"), ("palette", "default 27 of ddpm")])
def test_help_states_what_is_drawn_when_nothing_is_said(command: str, words: str) -> None:
    told = " ".join(command_parser(command).format_help().split())
    assert words in told
    assert f"{RESTORING_STEPS} of dpm" in told or command != "restore"
    assert f"take their mean; default {RESTORING_SAMPLES}" in told or command != "restore"
