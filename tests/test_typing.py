"""Programs that use vdequant can have their types checked, and ask for its own while they run."""

from __future__ import annotations

import typing
import zipfile
from pathlib import Path

import pytest

import vdequant

ROOT = Path(__file__).resolve().parents[1]


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(vdequant.__file__).parent / "py.typed").is_file()


@pytest.mark.slow
def test_a_wheel_says_that_it_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = pytest.importorskip("hatchling.build")
    monkeypatch.chdir(ROOT)
    wheel = build.build_wheel(str(tmp_path))
    with zipfile.ZipFile(tmp_path / wheel) as packed:
        assert "vdequant/py.typed" in packed.namelist()


@pytest.mark.parametrize("function", [vdequant.quantize, vdequant.dequantize, vdequant.restore_frames])
def test_types_of_what_takes_pictures_can_be_asked_for(function: typing.Any) -> None:
    assert "return" in typing.get_type_hints(function)
