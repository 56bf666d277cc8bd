"""Smoothing in the pipeline: chosen by source, every frame finished once, flicker gone, packets in place."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from make import clip as write_clip
from make import enlarged_clip, grained, sound

from vdequant.color import to_rgb
from vdequant.frames import Frame
from vdequant.media.source import open_source
from vdequant.metrics.fidelity import psnr
from vdequant.metrics.temporal import flicker
from vdequant.observing import Observer
from vdequant.pipeline import Summary, restore
from vdequant.planning import Plan
from vdequant.settings import Settings
from vdequant.temporal.chain import Chain, make_smoother
from vdequant.temporal.looking_ahead import AHEAD, BLOCK

FAST = {"restorer": "deband", "device": "cpu", "workers": 2, "lossless": True}


def pictures_of(path: Path) -> torch.Tensor:
    with open_source(str(path), Settings()) as source:
        return torch.stack([to_rgb(item.planes, item.layout) for item in source if isinstance(item, Frame)])


def with_box(moment: int, levels: int = 8) -> np.ndarray:
    """A coarse smooth picture with a box that moves over it."""
    picture = grained(1, 64) // (256 // levels) * (256 // levels) + 128 // levels
    picture[20:36, 3 * moment : 3 * moment + 12] = 240
    return picture.astype(np.uint8)


def lossless_clip(path: Path, count: int = 8) -> torch.Tensor:
    import av

    with av.open(str(path), "w") as out:
        film = out.add_stream("ffv1", rate=60)
        film.height, film.width, film.pix_fmt = 64, 64, "bgr0"
        for moment in range(count):
            frame = av.VideoFrame.from_ndarray(with_box(moment), "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = moment, Fraction(1, 60)
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
    return pictures_of(path)


def run(source: Path, target: Path, **settings: object) -> tuple[Summary, torch.Tensor]:
    summary = restore(str(source), str(target), Settings(**{**FAST, **settings}, overwrite=True))  # type: ignore[arg-type]
    return summary, pictures_of(target)


class _Plans(Observer[Plan]):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def planned(self, plan: Plan) -> None:
        self.lines = plan.lines()

    def progressed(self, done: int, total: int | None) -> None: ...

    def warned(self, text: str) -> None: ...


def test_a_lossless_clip_is_locked_and_nothing_flickers_that_stood_still(tmp_path: Path) -> None:
    truth = lossless_clip(tmp_path / "in.mkv")
    _, single = run(tmp_path / "in.mkv", tmp_path / "off.mkv", temporal="off")
    summary, steady = run(tmp_path / "in.mkv", tmp_path / "auto.mkv")
    assert summary.temporal == "lock"
    assert summary.certificate == 1.0
    assert flicker(single, truth) > 0
    assert flicker(steady, truth) == 0


def test_a_lossy_clip_is_smoothed_along_the_flow(tmp_path: Path) -> None:
    enlarged_clip(tmp_path / "in.mp4", [grained(1, 64) for _ in range(2)] + [grained(1, 64)] * 6, (1, 1), crf=30)
    summary, found = run(tmp_path / "in.mp4", tmp_path / "out.mkv")
    assert summary.temporal == "flow"
    assert len(found) == summary.frames == 8


def dotted_wall(moment: int) -> np.ndarray:
    """A wall with dots before a sky of the same luma, ``(96, 128, 3)`` uint8, which scrolls in after a while."""
    world = np.full((96, 240, 3), (192, 223, 255), np.uint8)
    world[8:88, 130:], world[8:88, 130], world[8, 130:] = (247, 216, 165), (153, 76, 0), (153, 76, 0)
    world[12:86:8, 134::8], world[88:] = (153, 89, 13), (76, 217, 51)
    return world[:, 2 * max(0, moment - 12) :][:, :128]


def test_a_wall_that_scrolls_over_a_sky_of_its_luma_keeps_nothing_of_it(tmp_path: Path) -> None:
    pictures = [dotted_wall(moment) for moment in range(48)]
    enlarged_clip(tmp_path / "in.mp4", pictures, (1, 1), crf=25)
    truth = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 255
    _, single = run(tmp_path / "in.mp4", tmp_path / "a.mkv", quantizer="lossy:4", temporal="off", restorer="identity")
    _, steady = run(tmp_path / "in.mp4", tmp_path / "b.mkv", quantizer="lossy:4", temporal="flow", restorer="identity")
    ghosts = ((steady - truth).abs() - (single - truth).abs()).amax(1) > 40 / 255
    assert ghosts.float().mean() < 0.005
    assert psnr(steady, truth).mean() > psnr(single, truth).mean()


@pytest.mark.parametrize("reuse", [True, False])
def test_the_result_does_not_depend_on_reuse(tmp_path: Path, reuse: bool) -> None:
    lossless_clip(tmp_path / "in.mkv")
    _, usual = run(tmp_path / "in.mkv", tmp_path / "a.mkv", workers=1, reuse=False)
    _, other = run(tmp_path / "in.mkv", tmp_path / "b.mkv", reuse=reuse)
    assert torch.equal(usual, other)


def test_frames_keep_their_times_and_packets_theirs_when_smoothing_looks_ahead(tmp_path: Path) -> None:
    stamps = write_clip(tmp_path / "in.mkv", audio="flac", pts=[0, 20, 50, 60, 95, 110])
    run(tmp_path / "in.mkv", tmp_path / "out.mkv", flicker="blend")
    with open_source(str(tmp_path / "out.mkv"), Settings()) as source:
        found = [round(item.seconds * 1000) for item in source if isinstance(item, Frame)]
    assert found == stamps
    assert sound(tmp_path / "out.mkv") == sound(tmp_path / "in.mkv")


def test_a_single_picture_is_not_smoothed(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "in.png"), with_box(0))
    summary = restore(str(tmp_path / "in.png"), str(tmp_path / "out.png"), Settings(restorer="deband", temporal="flow"))
    assert summary.temporal == "off"


def test_the_plan_says_which_smoother_and_why(tmp_path: Path) -> None:
    lossless_clip(tmp_path / "in.mkv", 2)
    plans = _Plans()
    restore(str(tmp_path / "in.mkv"), str(tmp_path / "out.mkv"), Settings(**FAST), plans)  # type: ignore[arg-type]
    assert any("over time: lock (no codec in the way" in line for line in plans.lines)


def test_words_become_smoothers() -> None:
    assert make_smoother("off", "keep") is None
    lock, both = make_smoother("lock", "keep"), make_smoother("flow", "blend")
    assert isinstance(lock, Chain)
    assert lock.look_ahead == 0
    assert both is not None
    assert both.look_ahead == 3 + AHEAD + BLOCK - 1


def test_the_summary_is_json(tmp_path: Path) -> None:
    lossless_clip(tmp_path / "in.mkv", 2)
    summary, _ = run(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert json.loads(json.dumps(summary.as_dict()))["temporal"] == "lock"
