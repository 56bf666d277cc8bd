"""``--vfr``: what stands still is written once, for as long as it stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import make
import pytest
import torch

from vdequant.color import from_rgb, to_rgb
from vdequant.errors import UsageError
from vdequant.frames import Frame, Layout, SegmentStart, SidePacket
from vdequant.media.folding import FoldingSink
from vdequant.media.memory import MemorySink, MemorySource
from vdequant.media.plan import OutputPlan, plan_output
from vdequant.media.sink import open_sink
from vdequant.media.source import open_source
from vdequant.settings import Settings

LAYOUT = Layout(24, 16)
SIXTIETH = Fraction(1, 60)


def grab(runs: Sequence[int], layout: Layout = LAYOUT, *, duration: int = 1) -> list[Frame]:
    """A 60 fps grab of a slow game: picture i stays for ``runs[i]`` refreshes."""
    unique = make.frames(layout, len(runs))
    shown = [picture for picture, run in zip(unique, runs, strict=True) for _ in range(run)]
    # clones: equal samples, not the same tensors
    return [Frame(tuple(p.clone() for p in f.planes), layout, i, SIXTIETH, duration) for i, f in enumerate(shown)]


def folded(items: Sequence[Frame | SidePacket]) -> MemorySink:
    inner = MemorySink()
    sink = FoldingSink(inner)
    for item in items:
        sink.write(item)
    sink.finish()
    return inner


@pytest.mark.parametrize("runs", [[3, 2, 4], [1, 1, 1], [6], [1, 5], [5, 1]])
def test_each_picture_is_written_once_with_the_time_of_its_run(runs: list[int]) -> None:
    frames = folded(grab(runs)).frames
    assert [f.duration for f in frames] == runs
    assert [f.pts for f in frames] == [sum(runs[:i]) for i in range(len(runs))]


@pytest.mark.parametrize(("runs", "expected"), [([3, 2], [3, 2]), ([4], [4]), ([1, 3], [0, 3])])
def test_unknown_durations_are_taken_from_the_stamps(runs: list[int], expected: list[int]) -> None:
    assert [f.duration for f in folded(grab(runs, duration=0)).frames] == expected


def test_a_run_ends_where_a_segment_begins() -> None:
    first, second, third, fourth = grab([4])
    frames = folded([first, second, SegmentStart(first=2), third, fourth]).frames
    assert [(f.pts, f.duration) for f in frames] == [(0, 2), (2, 2)]


def test_a_picture_that_comes_back_later_is_written_again() -> None:
    first, second = grab([1, 1])
    frames = folded([first, replace(second, pts=1), replace(first, pts=2)]).frames
    assert [f.pts for f in frames] == [0, 1, 2]


def test_one_changed_sample_or_transparency_is_a_new_picture() -> None:
    still = grab([3])
    changed = [plane.clone() for plane in still[1].planes]
    changed[2][5, 7] += 1
    clear = replace(still[2], alpha=torch.zeros(16, 24, dtype=torch.uint8))
    assert len(folded([still[0], replace(still[1], planes=tuple(changed)), clear]).frames) == 3


def test_sound_passes_while_a_picture_is_held() -> None:
    inner = MemorySink()
    sink = FoldingSink(inner)
    sink.write(grab([1])[0])
    sink.write(SidePacket(b"sound", 1))
    assert (len(inner.frames), len(inner.packets)) == (0, 1)
    sink.finish()
    assert len(inner.frames) == 1


def test_abort_passes_nothing_on() -> None:
    inner = MemorySink()
    with FoldingSink(inner) as sink:
        for frame in grab([2, 2]):
            sink.write(frame)
    assert inner.frames == []
    assert not inner.finished


def written(frames: Sequence[Frame], plan: OutputPlan) -> int:
    source = MemorySource(frames, make.info(frames[0].layout, time_base=SIXTIETH))
    with open_sink(plan, source, overwrite=False) as sink:
        for frame in frames:
            planes = from_rgb(to_rgb(frame.planes, frame.layout), plan.layout, plan.dither)
            sink.write(replace(frame, planes=planes, layout=plan.layout))
        return sink.finish().frames


def instants(path: Path) -> list[float]:
    """When the pictures of a file begin, and when the file ends, in seconds."""
    with av.open(str(path)) as source:
        film = source.streams.video[0]
        starts = sorted(float(p.pts * p.time_base) for p in source.demux(film) if p.size)
        return [*starts, (source.duration or 0) / 1e6]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("o.mkv", "av1"),
        ("o.mkv", "ffv1"),
        ("o.mkv", "hevc"),
        ("o.mkv", "h264"),
        ("o.mp4", "av1"),
        ("o.mp4", "hevc"),
        ("o.mp4", "h264"),
        ("o.webm", "vp9"),
        ("o.mov", "prores"),
        ("o.mov", "hevc"),
    ],
)
def test_containers_keep_the_times_of_folded_pictures_to_the_last(name: str, codec: str, tmp_path: Path) -> None:
    runs = [3, 40, 1, 300]
    plan = plan_output(
        str(tmp_path / name), make.info(LAYOUT, time_base=SIXTIETH), Settings(vfr=True, scale=1, codec=codec)
    )
    assert written(grab(runs), plan) == 4
    expected = [sum(runs[:i]) / 60 for i in range(5)]
    assert instants(tmp_path / name) == pytest.approx(expected, abs=1.1e-3)  # Matroska counts milliseconds


def test_a_folder_gets_a_list_that_reads_back_with_the_same_times(tmp_path: Path) -> None:
    plan = plan_output(str(tmp_path / "o"), make.info(LAYOUT, time_base=SIXTIETH), Settings(vfr=True))
    assert written(grab([3, 1, 5]), plan) == 3
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == [
        "frame_000001.png",
        "frame_000002.png",
        "frame_000003.png",
        "input.txt",
    ]
    with open_source(str(tmp_path / "o"), Settings()) as back:
        frames = [item for item in back if isinstance(item, Frame)]
    assert [round(f.duration * f.time_base / SIXTIETH) for f in frames] == [3, 1, 5]
    assert [float(f.pts * f.time_base) for f in frames] == pytest.approx([0, 3 / 60, 4 / 60], abs=1e-6)


def test_without_vfr_every_refresh_is_written(tmp_path: Path) -> None:
    plan = plan_output(str(tmp_path / "o"), make.info(LAYOUT, time_base=SIXTIETH), Settings())
    assert written(grab([3, 1]), plan) == 4
    assert not (tmp_path / "o" / "input.txt").exists()


def test_a_listed_folder_stays_one_and_may_show_a_picture_twice(tmp_path: Path) -> None:
    one, two = (replace(f, name=n) for f, n in zip(grab([1, 1]), ("a.png", "b.png"), strict=True))
    shown = [replace(one, duration=30), replace(two, pts=30, duration=6), replace(one, pts=36, duration=2)]
    other = [*shown[:2], replace(two, pts=36, duration=2, name="a.png")]  # the same name, restored differently
    info = make.info(LAYOUT, "folder", time_base=SIXTIETH, container="ffconcat")
    for name, frames, files in (("o", shown, ["a", "b", "a"]), ("p", other, ["a", "b", "a_2"])):
        plan = plan_output(str(tmp_path / name), info, Settings())
        assert written(frames, plan) == 3
        with open_source(str(tmp_path / name), Settings()) as back:
            found = [item for item in back if isinstance(item, Frame)]
        assert [Path(f.name).stem for f in found] == files
        assert [f.duration * f.time_base for f in found] == [Fraction(1, 2), Fraction(1, 10), Fraction(33333, 10**6)]


@pytest.mark.parametrize("name", ["o.nut", "o.apng", "-"])
def test_vfr_is_refused_where_durations_would_be_lost(name: str) -> None:
    with pytest.raises(UsageError, match=r"\.mkv, \.mp4, \.webm, \.mov or folder"):
        plan_output(name, make.info(LAYOUT), Settings(vfr=True))


def test_vfr_is_refused_for_one_picture() -> None:
    with pytest.raises(UsageError, match="--vfr"):
        plan_output("o.png", make.info(LAYOUT, "image"), Settings(vfr=True))
