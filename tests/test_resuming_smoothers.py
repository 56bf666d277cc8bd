"""Segments that end without a cut while a smoother remembers earlier frames, and what else makes a job another one."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import make
import numpy as np
import pytest

from vdequant.media.segment_store import MANIFEST
from vdequant.pipeline import Plan, restore
from vdequant.resuming import LONGEST, identity_of
from vdequant.settings import Settings

FAST = {"restorer": "deband", "quantizer": "5-5-5", "device": "cpu", "workers": 1, "scale": 1, "lossless": True}
FRAMES = 75  # one a second, without a cut: segments end at 30 and 60 s because they must


class Stopping:
    """Stops the work after some frames."""

    def __init__(self, after: int | None = None) -> None:
        self.after, self.lines = after, list[str]()
        self.warnings: list[str] = []

    def planned(self, plan: Plan) -> None:
        self.lines = plan.lines()

    def progressed(self, done: int, total: int | None) -> None:
        if done == self.after:
            raise OSError("stopped")

    def warned(self, text: str) -> None:
        self.warnings.append(text)


def one_shot(path: Path, codec: str = "ffv1") -> Path:
    """A minute and a quarter of one scene in which a square moves and the light flickers by one level."""
    still = np.random.default_rng(0).integers(40, 200, (32, 48, 3))
    with av.open(str(path), "w") as out:
        film = out.add_stream(codec, rate=1)
        film.width, film.height, film.pix_fmt = 48, 32, "bgr0" if codec == "ffv1" else "yuv420p"
        film.codec_context.thread_count = 1
        for i in range(FRAMES):
            shown = still + i % 3
            shown[8:16, i % 40 : i % 40 + 8] = 220
            picture = (shown & 0xF8).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=film.pix_fmt)
            frame.pts, frame.time_base = i, Fraction(1)
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
    return path


@pytest.mark.parametrize(("temporal", "after"), [("lock", 45), ("flow", 70)])
def test_a_job_that_goes_on_behind_a_forced_end_gives_the_frames_of_one_that_never_stopped(
    temporal: str, after: int, tmp_path: Path
) -> None:
    source = str(one_shot(tmp_path / "in.mkv", "libx264" if temporal == "flow" else "ffv1"))
    settings = Settings(**FAST, temporal=temporal)
    restore(source, str(tmp_path / "whole.mkv"), settings)
    with pytest.raises(OSError, match="stopped"):
        restore(source, str(tmp_path / "cut.mkv"), settings, Stopping(after))
    summary = restore(source, str(tmp_path / "cut.mkv"), settings)
    assert summary.kept_frames == after // LONGEST * LONGEST
    assert make.samples(tmp_path / "cut.mkv") == make.samples(tmp_path / "whole.mkv")


@pytest.mark.parametrize(("temporal", "before"), [("lock", 0), ("flow", 16)])
def test_a_forced_end_changes_little_against_a_job_without_segments(temporal: str, before: int, tmp_path: Path) -> None:
    source = str(one_shot(tmp_path / "in.mkv", "libx264" if temporal == "flow" else "ffv1"))
    pictures = {}
    for resume in (True, False):
        target = tmp_path / f"{resume}.mkv"
        restore(source, str(target), Settings(**FAST, temporal=temporal, resume=resume))
        with av.open(str(target)) as film:
            pictures[resume] = [
                frame.to_ndarray(format="gbrp16le").astype(int) / 65535 for frame in film.decode(video=0)
            ]
    differences = [np.abs(a - b) * 255 for a, b in zip(pictures[True], pictures[False], strict=True)]
    assert max(a.max() for a in differences[:LONGEST]) <= before  # it began alike, but cannot look beyond its end
    assert max(a.mean() for a in differences) < 2  # codes of 255: a level of the input is 8


def test_the_manifest_holds_what_the_frames_depend_on(tmp_path: Path) -> None:
    source = str(one_shot(tmp_path / "in.mkv"))
    with pytest.raises(OSError, match="stopped"):
        restore(source, str(tmp_path / "out.mkv"), Settings(**(FAST | {"restorer": "cellnet-s"})), Stopping(40))
    identity = json.loads((tmp_path / "out.mkv.parts" / MANIFEST).read_text())["identity"]
    assert set(identity["input"]) == {"size", "modified", "content"}
    assert identity["settings"]["restorer"] == "cellnet-s"
    assert [len(digest) for digest in identity["plan"]["files"]["cellnet-s"].split()] == [64] * 4  # SHA-256
    assert "max_pixels" not in identity["settings"]


def test_other_weights_under_the_same_name_start_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = str(one_shot(tmp_path / "in.mkv"))
    settings = Settings(**(FAST | {"restorer": "cellnet-s"}))
    with pytest.raises(OSError, match="stopped"):
        restore(source, str(tmp_path / "out.mkv"), settings, Stopping(40))
    monkeypatch.setattr("vdequant.resuming._digest", lambda name: "another" if name else "")
    told = Stopping()
    assert restore(source, str(tmp_path / "out.mkv"), settings, told).kept_frames == 0
    assert "starting over: " in told.lines[-1]
    assert "files" in told.lines[-1] or "another plan" in told.lines[-1]
    assert identity_of.__doc__


def test_more_pixels_allowed_is_no_other_job(tmp_path: Path) -> None:
    source = str(one_shot(tmp_path / "in.mkv"))
    with pytest.raises(OSError, match="stopped"):
        restore(source, str(tmp_path / "out.mkv"), Settings(**FAST), Stopping(40))
    assert restore(source, str(tmp_path / "out.mkv"), Settings(**FAST, max_frames=1000)).kept_frames == 30
