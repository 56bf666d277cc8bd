"""Where segments begin, which jobs keep them, and what makes a job another one."""

from __future__ import annotations

import os
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import make
import numpy as np
import pytest
import torch

from vdequant.errors import UsageError
from vdequant.frames import AlreadyDone, Frame, Layout, SegmentStart, SidePacket
from vdequant.media.ffmpeg_cli import find_ffmpeg
from vdequant.media.segment_store import MANIFEST
from vdequant.pipeline import Plan, restore
from vdequant.resuming import LONGEST, SHORTEST, Segments
from vdequant.settings import Settings

LAYOUT = Layout(24, 16)
DARKER = (1, 2, 6)  # by which shots that follow each other differ


def shots(*lengths: int) -> list[Frame]:
    """A frame a second; every shot is a picture of its own that moves a little."""
    frames = []
    for number, length in enumerate(lengths):
        scene = (
            torch.randint(0, 200, (3, 16, 24), generator=torch.Generator().manual_seed(number)) // DARKER[number % 3]
        )
        for moment in range(length):
            planes = tuple((plane + moment % 3).to(torch.uint8) for plane in scene)
            frames.append(Frame(planes, LAYOUT, len(frames), Fraction(1)))
    return frames


def starts(items: list[Frame], done: int = 0) -> list[int]:
    return [item.first for item in Segments(items, done=done) if isinstance(item, SegmentStart)]


def test_segments_begin_at_the_first_cut_after_their_shortest_length() -> None:
    assert (SHORTEST, LONGEST) == (10, 30)
    assert starts(shots(4, 9, 7, 12, 5)) == [0, 13, 32]


def test_without_cuts_a_segment_ends_at_its_longest_length() -> None:
    assert starts(shots(70)) == [0, 30, 60]


def test_where_segments_begin_does_not_depend_on_where_a_run_begins() -> None:
    frames = shots(4, 9, 13, 12, 45, 11, 3, 20)
    expected = starts(frames)
    assert len(expected) > 4
    for done in expected:
        assert starts(frames, done) == [start for start in expected if start >= done]


def test_finished_frames_are_replaced_and_everything_else_keeps_its_place() -> None:
    frames = shots(12)
    packet = SidePacket(b"sound", 1)
    restarts: list[int] = []
    items = list(Segments([*frames[:2], packet, *frames[2:]], done=11, restart=lambda: restarts.append(1)))
    kinds = [type(item) for item in items]
    assert kinds == [*[AlreadyDone] * 2, SidePacket, *[AlreadyDone] * 9, SegmentStart, Frame]
    assert [item.instant for item in items if isinstance(item, AlreadyDone)] == list(range(11))
    assert items[-1] is frames[-1]
    assert len(restarts) == 1


def test_sources_with_more_than_8_bits_and_subsampled_chroma_are_cut_as_well() -> None:
    layout = Layout(24, 16, "yuv", 10, (1, 1), matrix=make.Matrix.BT709)
    planes = [torch.full(layout.plane_shape(i), 500, dtype=torch.uint16) for i in range(3)]
    dark = [Frame(tuple(planes), layout, i, Fraction(1)) for i in range(15)]
    bright = [torch.full(layout.plane_shape(i), 900, dtype=torch.uint16) for i in range(3)]
    light = [Frame(tuple(bright), layout, i, Fraction(1)) for i in range(15, 20)]
    assert starts([*dark, *light]) == [0, 15]


# ---- jobs ---------------------------------------------------------------------------------------------------------

FAST = {"restorer": "deband", "quantizer": "5-5-5", "device": "cpu", "workers": 1, "scale": 1, "lossless": True}


class Stopping:
    """Stops the work after some frames, and remembers what was said."""

    def __init__(self, after: int | None = None, error: type[BaseException] = OSError) -> None:
        self.after, self.error = after, error
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.done: list[int] = []

    def planned(self, plan: Plan) -> None:
        self.lines = plan.lines()

    def progressed(self, done: int, total: int | None) -> None:
        self.done.append(done)
        if done == self.after:
            raise self.error("stopped")

    def warned(self, text: str) -> None:
        self.warnings.append(text)


def slow_clip(path: Path, count: int = 64, rate: int = 1) -> Path:
    """A noisy picture a second: a minute of video in 64 frames, in shots of 13."""
    with av.open(str(path), "w") as out:
        film = out.add_stream("ffv1", rate=rate)
        film.width, film.height, film.pix_fmt = 24, 16, "bgr0"
        for i in range(count):
            noise = np.random.default_rng(i // 13).integers(0, 200, (16, 24, 3)) + 4 * (i // 3 % 4)
            picture = (noise // DARKER[i // 13 % 3] & 0xF8).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = i, Fraction(1, rate)
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
    return path


def stop(source: Path, target: Path, after: int = 50, **changes: object) -> Stopping:
    stopping = Stopping(after)
    with pytest.raises(OSError, match="stopped"):
        restore(str(source), str(target), Settings(**(FAST | changes)), stopping)
    assert not target.exists()
    return stopping


def test_a_job_on_raw_pictures_whose_palette_comes_once_goes_on(tmp_path: Path) -> None:
    words = [find_ffmpeg(), "-v", "error", "-i", slow_clip(tmp_path / "in.mkv")]
    subprocess.run([*words, "-c:v", "rawvideo", "-pix_fmt", "pal8", tmp_path / "in.avi"], check=True)
    chosen = FAST | {"start": 2.0}
    restore(str(tmp_path / "in.avi"), str(tmp_path / "whole.mkv"), Settings(**chosen))
    stop(tmp_path / "in.avi", tmp_path / "cut.mkv", start=2.0)
    assert restore(str(tmp_path / "in.avi"), str(tmp_path / "cut.mkv"), Settings(**chosen)).kept_frames > 0
    shown = make.samples(tmp_path / "cut.mkv")
    assert shown == make.samples(tmp_path / "whole.mkv")
    assert all(any(pixels) for _, pixels in shown)


@pytest.mark.parametrize("chosen", [{}, {"temporal": "lock"}, {"flicker": "blend"}, {"reuse": False}, {"vfr": True}])
def test_a_job_that_goes_on_gives_the_frames_and_the_numbers_of_one_that_never_stopped(
    tmp_path: Path, chosen: dict
) -> None:
    source = slow_clip(tmp_path / "in.mkv")
    expected = restore(str(source), str(tmp_path / "whole.mkv"), Settings(**(FAST | chosen)))
    stopped = stop(source, tmp_path / "cut.mkv", **chosen)
    assert stopped.warnings == [f"39 frames are kept in {tmp_path}/cut.mkv.parts; the same command goes on from there"]
    observer = Stopping()
    summary = restore(str(source), str(tmp_path / "cut.mkv"), Settings(**(FAST | chosen)), observer)
    assert make.samples(tmp_path / "cut.mkv") == make.samples(tmp_path / "whole.mkv")
    assert summary.kept_frames == 39
    assert observer.lines[-1].startswith("going on: 39 frames are kept in ")
    assert observer.done[0] == 40
    same = ("frames", "certificate", "certified_frames")
    assert {name: summary.as_dict()[name] for name in same} == {name: expected.as_dict()[name] for name in same}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mkv", "in.mkv", "whole.mkv"]


def test_a_folder_of_frames_goes_on_as_well(tmp_path: Path) -> None:
    source = slow_clip(tmp_path / "in.mkv")
    chosen = {"lossless": False}
    restore(str(source), str(tmp_path / "whole"), Settings(**(FAST | chosen)))
    stop(source, tmp_path / "cut", **chosen)
    summary = restore(str(source), str(tmp_path / "cut"), Settings(**(FAST | chosen)))
    assert summary.kept_frames > 0
    files = [{p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("whole", "cut")]
    assert files[0] == files[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "in.mkv", "whole"]


@pytest.mark.parametrize(
    ("change", "said"),
    [("touched", "another input"), ("other", "another input"), ("settings", "other settings (bits)")],
)
def test_a_changed_input_or_setting_starts_anew_and_says_so(tmp_path: Path, change: str, said: str) -> None:
    source, target = slow_clip(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    stop(source, target)
    if change == "touched":
        os.utime(source, ns=(0, 0))
    if change == "other":
        slow_clip(source, 63)
    settings = Settings(**(FAST | ({"bits": 12} if change == "settings" else {})))
    observer = Stopping()
    summary = restore(str(source), str(target), settings, observer)
    assert summary.kept_frames == 0
    assert said in observer.lines[-1]
    assert observer.lines[-1].startswith("starting over: ")
    assert len(make.stamps(target)) == (63 if change == "other" else 64)
    assert not (tmp_path / "out.mkv.parts").exists()


def test_settings_of_the_machine_do_not_make_a_job_another_one(tmp_path: Path) -> None:
    source, target = slow_clip(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    stop(source, target)
    assert restore(str(source), str(target), Settings(**(FAST | {"workers": 2}))).kept_frames > 0


def test_a_damaged_manifest_starts_anew(tmp_path: Path) -> None:
    source, target = slow_clip(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    stop(source, target)
    (tmp_path / "out.mkv.parts" / MANIFEST).write_text('{"version": 1')
    observer = Stopping()
    assert restore(str(source), str(target), Settings(**FAST), observer).kept_frames == 0
    assert "damaged" in observer.lines[-1]


def test_short_jobs_are_one_pass_unless_asked(tmp_path: Path) -> None:
    source, target = slow_clip(tmp_path / "in.mkv", 29), tmp_path / "out.mkv"
    stop(source, target, 25)
    assert not (tmp_path / "out.mkv.parts").exists()
    stop(source, target, 25, resume=True)
    assert (tmp_path / "out.mkv.parts" / MANIFEST).exists()
    assert restore(str(source), str(target), Settings(**FAST, resume=True)).kept_frames > 0


def test_a_job_without_segments_keeps_nothing_and_forgets_what_was_kept_when_it_is_done(tmp_path: Path) -> None:
    source, target = slow_clip(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    assert stop(source, target, resume=False).warnings == []
    assert not (tmp_path / "out.mkv.parts").exists()
    stop(source, target)
    assert restore(str(source), str(target), Settings(**FAST, resume=False)).kept_frames == 0
    assert not (tmp_path / "out.mkv.parts").exists()


def test_a_job_that_stops_before_its_first_segment_is_done_leaves_nothing(tmp_path: Path) -> None:
    source, target = slow_clip(tmp_path / "in.mkv"), tmp_path / "out.mkv"
    assert stop(source, target, 5).warnings == []
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_resume_is_refused_where_it_cannot_be(tmp_path: Path) -> None:
    source = slow_clip(tmp_path / "in.mkv", 3)
    chosen = FAST | {"lossless": False, "resume": True}
    with pytest.raises(UsageError, match="drop --resume"):
        restore(str(source), str(tmp_path / "out.apng"), Settings(**chosen))
