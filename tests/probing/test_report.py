"""The whole answer of ``vdequant probe``, on real files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import make
import numpy as np
import pytest
import torch

from vdequant.cli.probe import native_values
from vdequant.probing.report import Report, examine, report_lines, report_values
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.settings import Settings

STEPS = [(k * 33) >> 2 for k in range(32)]
LATTICE = [(STEPS[(5 * i) % 32], STEPS[(11 * i + 3) % 32], STEPS[(7 * i + 20) % 32]) for i in range(20)]
CPU = Settings(device="cpu")


def rough(moment: int = 0) -> np.ndarray:
    """Art in which something changes at every row and column, ``(64, 80, 3)``."""
    return np.array(LATTICE, np.uint8)[np.random.default_rng(moment).integers(0, 20, (64, 80))]


def folder(path: Path, pictures: list[np.ndarray]) -> str:
    path.mkdir()
    for i, picture in enumerate(pictures):
        cv2.imwrite(str(path / f"{i}.png"), np.ascontiguousarray(picture[..., ::-1]))
    return str(path)


@pytest.fixture
def scrolling(tmp_path: Path) -> Report:
    pictures = [make.tile_scene(LATTICE, moment // 2) for moment in range(8)]
    return examine(folder(tmp_path / "in", pictures), CPU)


def test_a_drawn_clip_is_described_with_its_motion(scrolling: Report) -> None:
    values = report_values(scrolling)
    assert values["lattice"] == "5 bits per channel"
    assert values["levels"] == [32, 32, 32]
    assert values["black_and_white"] == [[0, 0, 0], [255, 255, 255]]
    assert values["lossless"] is True
    assert values["tolerance"] == 0
    assert values["motion"]["repeated_share"] == pytest.approx(4 / 7, abs=1e-4)
    assert values["motion"]["shifts"][0] == {"right": -1, "down": 0, "frames": 3}
    assert values["palettes"]["colors"] == 20
    json.dumps(values)


def test_people_get_a_few_lines(scrolling: Report) -> None:
    lines = report_lines(scrolling)
    assert lines[0].startswith("found: 80x64 png")
    assert any(line.startswith("why: ") for line in lines)
    assert any("scroll by whole pixels (x,y -1,+0)" in line for line in lines)
    assert len(lines) <= 9


def test_a_lossy_clip_states_tolerance_matrix_and_what_was_snapped(tmp_path: Path) -> None:
    make.enlarged_clip(tmp_path / "in.mp4", [make.tile_scene(LATTICE, moment) for moment in range(6)])
    report = examine(str(tmp_path / "in.mp4"), CPU)
    values = report_values(report)
    assert values["lossless"] is False
    assert 2 <= values["tolerance"] <= 8
    assert values["snapped"] > 0.9
    assert len(values["palette"]["colors"]) >= 20
    assert report.plan.native == (3, 3)
    assert report.palettes.colors <= 60


def test_borders_and_the_enlargement_within_them_are_used_and_said(tmp_path: Path) -> None:
    pictures = []
    for moment in range(3):
        canvas = np.full((170, 200, 3), 7, np.uint8)
        canvas[11:139, 21:181] = rough(moment).repeat(2, 0).repeat(2, 1)
        pictures.append(canvas)
    report = examine(folder(tmp_path / "in", pictures), CPU)
    native = native_values(report.plan)
    assert native["borders"] == {"left": 21, "top": 11, "right": 19, "bottom": 31}
    assert (native["width"], native["height"], native["scale"]) == (80, 64, [2, 2])
    words = "restored at its native 80x64 and enlarged again (2 columns a pixel, 2 rows a pixel) and put back into its"
    assert any(words in line for line in report_lines(report))


def test_a_picture_that_is_enlarged_by_a_fraction_is_folded_and_says_so(tmp_path: Path) -> None:
    native = rough()
    places = [np.arange(int(size * 2.5)) * 2 // 5 for size in native.shape[:2]]
    report = examine(folder(tmp_path / "in", [native[places[0]][:, places[1]]]), CPU)
    assert native_values(report.plan)["scale"] == [2.5, 2.5]
    assert any("2 and 3 columns a pixel, 2 and 3 rows a pixel" in line for line in report_lines(report))


def test_flat_edges_that_are_no_bars_are_named_and_kept_in_the_picture(tmp_path: Path) -> None:
    pictures = [np.concatenate([np.full((12, 80, 3), 120, np.uint8), rough(moment)]) for moment in range(2)]
    report = examine(folder(tmp_path / "in", pictures), CPU)
    assert report.plan.grid is None
    assert any("flat edges of 0, 12, 0, 0 pixels" in line for line in report_lines(report))


def test_a_jpeg_file_tells_its_quality(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.jpg"), make.grained(1, 64), [cv2.IMWRITE_JPEG_QUALITY, 30])
    report = examine(str(tmp_path / "in.jpg"), CPU)
    assert report_values(report)["jpeg"]["quality"] == 30
    assert any("JPEG quality 30" in line for line in report_lines(report))


@pytest.mark.parametrize(("kind", "name"), [("bayer4", "bayer4"), ("bayer8", "bayer8"), ("fs", "error diffusion")])
def test_dither_between_levels_is_called_what_it_is(tmp_path: Path, kind: str, name: str) -> None:
    rows, columns = np.mgrid[:192, :256] / 256
    waves = np.stack([rows, columns, 0.5 + 0.4 * np.sin(7 * rows + 5 * columns)])
    shades = torch.from_numpy(waves)[None].float()
    stored = DitherQuantizer(UniformQuantizer.of_bits((3, 3, 2)), kind).quantize(shades)
    picture = (stored[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert examine(folder(tmp_path / "in", [picture]), CPU).dither == name
