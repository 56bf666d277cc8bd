"""The recipes for recorders: each file is explained, and what can be recorded here is recorded and restored."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import av
import pytest
import record_captures
from tiny_programs import PLASMA, cartridge

from vdequant.media.containers import REFUSED_INPUTS
from vdequant.media.pixels import storage

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "samples" / "recorders"
README = (RECIPES / "README.md").read_text(encoding="utf-8")


def test_every_file_is_explained() -> None:
    names = {path.name for path in RECIPES.iterdir()} - {"README.md"}
    assert {name for name in names if name not in README} == set()


def test_every_recipe_of_the_table_has_its_section() -> None:
    titles = [
        re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^## (.*)", README, re.M)
    ]
    assert sorted(re.findall(r"\]\(#([a-z-]+)\)", README)) == sorted(titles)


def test_a_refused_input_names_a_program_that_the_recipes_explain() -> None:
    for remedy in REFUSED_INPUTS.values():
        assert any(word in README for word in re.findall(r"(mame|stable_retro|retroarch|fceux|dsda-doom)", remedy))


@pytest.mark.parametrize("name", ["retroarch-ffv1.cfg", "retroarch-x264rgb.cfg", "retroarch-live.cfg"])
def test_a_record_configuration_names_codecs_and_formats_that_are_read(name: str) -> None:
    lines = (RECIPES / name).read_text(encoding="utf-8").splitlines()
    options = dict(line.split(" = ") for line in lines if not line.startswith("#"))
    assert storage(options["pix_fmt"]).model == "rgb"
    for codec in (options["vcodec"], options["acodec"]):
        assert av.Codec(codec, "w").name == codec


def test_the_cartridge_says_its_own_checksum(tmp_path: Path) -> None:
    header = cartridge(tmp_path / "a.gb").read_bytes()[0x134:0x14E]
    check = 0
    for byte in header[:-1]:
        check = (check - byte - 1) & 255
    assert check == header[-1]


def test_the_jumps_of_the_program_meet_instructions() -> None:
    pixel, wait = PLASMA.index(bytes.fromhex("89F8")), PLASMA.index(bytes.fromhex("31FF"))
    for opcode, target in (("72", pixel), ("CD1674", wait)):
        place = PLASMA.rindex(bytes.fromhex(opcode)) + len(opcode) // 2
        assert place + 1 + int.from_bytes(PLASMA[place : place + 1], "big", signed=True) == target


NEEDS = {"pyboy": ("pyboy",), "ale": ("ale_py",), "dosbox": ("dosbox", "Xvfb", "xdotool"),
         "retroarch": ("retroarch", "Xvfb"), "mednafen": ("/usr/games/mednafen", "Xvfb", "xdotool")}  # fmt: skip


def test_every_recorder_is_tested() -> None:
    assert set(NEEDS) == set(record_captures.RECORDERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDS)
def test_what_is_recorded_here_is_restored_within_its_cells(name: str, tmp_path: Path) -> None:
    missing = [need for need in NEEDS[name] if not (shutil.which(need) or ("/" not in need and find_spec(need)))]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    command = [sys.executable, str(ROOT / "scripts/record_captures.py"), str(tmp_path), name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / f"{name}.mp4").stat().st_size > 1000
    assert "100.00% in their cells" in done.stdout
