"""What cannot or must not be written is one line before the work, and leaves nothing behind."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import make
import pytest

from vdequant.errors import OutputError, UsageError
from vdequant.frames import Layout
from vdequant.media.memory import MemorySource
from vdequant.media.plan import plan_output
from vdequant.media.sink import open_sink
from vdequant.media.source import open_source
from vdequant.settings import Settings


def _memory() -> MemorySource:
    layout = Layout(24, 16)
    return MemorySource(make.frames(layout, 3), make.info(layout))


def test_output_must_not_be_the_input(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv")
    os.symlink(tmp_path / "in.mkv", tmp_path / "same.mkv")
    with open_source(str(tmp_path / "in.mkv"), Settings()) as source:
        plan = plan_output(str(tmp_path / "same.mkv"), source.info, Settings())
        with pytest.raises(OutputError, match="is the input itself"):
            open_sink(plan, source, overwrite=True)


def test_missing_folder_is_named_with_a_remedy(tmp_path: Path) -> None:
    plan = plan_output(str(tmp_path / "no" / "o.mkv"), _memory().info, Settings())
    with pytest.raises(OutputError, match="mkdir -p"):
        open_sink(plan, _memory(), overwrite=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    plan = plan_output(str(tmp_path / "o.mkv"), _memory().info, Settings())
    with pytest.raises(OutputError, match="may not be written"):
        open_sink(plan, _memory(), overwrite=False)


def test_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    plan = plan_output(str(tmp_path / "o.mkv"), _memory().info, Settings())
    (tmp_path / "o.mkv").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        open_sink(plan, _memory(), overwrite=True)


def test_unknown_encoder_options_are_found_before_the_work(tmp_path: Path) -> None:
    plan = plan_output(str(tmp_path / "o.mkv"), _memory().info, Settings())
    wrong = dataclasses.replace(plan, options={**plan.options, "crff": "3"})
    with pytest.raises(UsageError, match="crff=3"):
        open_sink(wrong, _memory(), overwrite=False)
    assert not list(tmp_path.iterdir())


def test_refusing_encoder_is_found_before_the_work(tmp_path: Path) -> None:
    plan = plan_output(str(tmp_path / "o.mkv"), _memory().info, Settings())
    wrong = dataclasses.replace(plan, codec="libx264", pix_fmt="gbrp10le", options={})
    with pytest.raises(OutputError, match="cannot write"):
        open_sink(wrong, _memory(), overwrite=False)
    assert not list(tmp_path.iterdir())


FULL_DISK = """
import resource, sys
sys.path.insert(0, {tests!r})
import make
from vdequant.errors import OutputError
from vdequant.frames import Layout
from vdequant.media.memory import MemorySource
from vdequant.media.plan import plan_output
from vdequant.media.sink import open_sink
from vdequant.settings import Settings
layout = Layout(64, 64, bits=16)
source = MemorySource([], make.info(layout))
plan = plan_output({target!r}, source.info, Settings(lossless=True, bits=16))
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
try:
    with open_sink(plan, source, overwrite=False) as sink:
        for frame in make.frames(layout, 40):
            sink.write(frame)
        sink.finish()
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["o.mkv", "o.nut", "frames"])
def test_full_disk_is_one_line_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    code = FULL_DISK.format(tests=str(Path(__file__).parents[1]), target=str(tmp_path / name))
    if name == "frames":
        code = code.replace("lossless=True, ", "").replace("20000", "200")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "disk full" in ran.stdout
    assert ran.stdout.count("\n") == 1
    assert ran.stderr == ""
    assert not list(tmp_path.iterdir())
