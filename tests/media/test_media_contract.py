"""Every source and every sink keeps the promises of ``media/contracts.py``."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import make
import pytest
import torch

from vdequant.color import from_rgb, to_rgb
from vdequant.errors import OutputError
from vdequant.frames import Frame, Layout, SidePacket
from vdequant.media.contracts import Sink, Source
from vdequant.media.memory import MemorySink, MemorySource
from vdequant.media.passengers import Passengers
from vdequant.media.plan import OutputPlan, plan_output
from vdequant.media.sink import open_sink
from vdequant.media.source import open_source
from vdequant.media.video_sink import VideoSink
from vdequant.media.video_source import VideoSource
from vdequant.settings import Settings

COUNT = 6
SOURCES = ["mkv", "mp4", "avi", "nut", "gif", "apng", "webp", "folder", "list", "image", "memory", "pipe"]
SINKS = ["o.mkv", "o.mp4", "o.webm", "o.mov", "o.nut", "o.apng", "o", "memory", "pipe"]


def _piped(data: bytes) -> io.BufferedReader:
    """``data`` through a real pipe, which cannot seek."""
    read, write = os.pipe()

    def feed() -> None:
        with os.fdopen(write, "wb") as file:
            file.write(data)

    threading.Thread(target=feed, daemon=True).start()
    return os.fdopen(read, "rb")


def _source(kind: str, folder: Path, stack: contextlib.ExitStack) -> Source:
    if kind == "memory":
        layout = Layout(24, 16)
        return MemorySource(make.frames(layout, COUNT), make.info(layout))
    if kind == "image":
        make.picture(folder / "still.png", 16)
        return open_source(str(folder / "still.png"), Settings())
    if kind in ("folder", "list"):
        (folder / "frames").mkdir()
        for i in range(COUNT):
            make.picture(folder / "frames" / f"f{i + 7}.png")
        if kind == "list":
            lines = [f"file f{i + 7}.png\nduration 0.{i + 1}" for i in range(COUNT)]
            (folder / "frames" / "input.txt").write_text("\n".join(lines))
        return open_source(str(folder / "frames"), Settings())
    if kind == "pipe":
        file = io.BytesIO()
        make.clip(file, count=COUNT, container="matroska", audio="flac")
        return VideoSource("-", Settings(), file=stack.enter_context(_piped(file.getvalue())))
    path = folder / f"in.{kind}"
    if kind in ("gif", "apng", "webp"):
        make.animation(path, [20, 40, 20, 60, 20, 100])
    elif kind == "mp4":
        make.clip(path, codec="libx264", pix_fmt="yuv420p", count=COUNT, audio="aac")
    elif kind == "avi":
        make.clip(path, codec="rawvideo", pix_fmt="bgr24", count=COUNT, time_base=Fraction(1, 50))
    else:
        make.clip(path, count=COUNT, audio="flac")
    return open_source(str(path), Settings())


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(_source(request.param, tmp_path, stack))


def test_source_is_a_source_and_knows_its_layout_before_reading(source: Source) -> None:
    assert isinstance(source, Source)
    assert (source.info.layout.width, source.info.layout.height) == (24, 16)


def test_source_yields_every_picture_once_with_rising_stamps(source: Source) -> None:
    pictures = [item for item in source if isinstance(item, Frame)]
    assert len(pictures) == (1 if source.info.kind == "image" else COUNT)
    assert all(a.pts < b.pts for a, b in itertools.pairwise(pictures))
    assert all(p.layout == source.info.layout for p in pictures)
    assert all(p.time_base == source.info.time_base for p in pictures)


def test_sampling_does_not_disturb_the_pass(source: Source) -> None:
    samples = source.sample(3)
    pictures = [item for item in source if isinstance(item, Frame)]
    assert 1 <= len(samples) <= 3
    assert len(pictures) == (1 if source.info.kind == "image" else COUNT)
    by_time = {p.pts: p for p in pictures}
    for sample in samples:
        for a, b in zip(sample.planes, by_time[sample.pts].planes, strict=True):
            assert torch.equal(a, b)


def test_frames_stay_valid_after_the_source_is_closed(source: Source) -> None:
    pictures = [item for item in source if isinstance(item, Frame)]
    before = [plane.clone() for p in pictures for plane in p.planes]
    source.close()
    after = [plane for p in pictures for plane in p.planes]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(plane.is_contiguous() for plane in after)


def _opened(kind: str, folder: Path, source: Source) -> tuple[Sink, OutputPlan, io.BytesIO]:
    pipe = io.BytesIO()
    path = "-" if kind == "pipe" else str(folder / ("o.mkv" if kind == "memory" else kind))
    plan = plan_output(path, source.info, Settings(scale=1))
    if kind == "memory":
        return MemorySink(), plan, pipe
    if kind == "pipe":
        return VideoSink(plan, Passengers(), file=pipe), plan, pipe
    return open_sink(plan, source, overwrite=False), plan, pipe


@pytest.fixture
def memory() -> MemorySource:
    layout = Layout(24, 16)
    return MemorySource(make.frames(layout, COUNT), make.info(layout))


def _as_planned(frame: Frame, plan: OutputPlan) -> Frame:
    planes = from_rgb(to_rgb(frame.planes, frame.layout), plan.layout, plan.dither)
    return Frame(planes, plan.layout, frame.pts, frame.time_base, frame.duration)


@pytest.mark.parametrize("kind", SINKS)
def test_sink_shows_nothing_before_finish_and_all_after(kind: str, memory: MemorySource, tmp_path: Path) -> None:
    sink, plan, pipe = _opened(kind, tmp_path, memory)
    with sink:
        for item in memory:
            assert isinstance(item, Frame)
            sink.write(_as_planned(item, plan))
        assert not Path(plan.path).exists()
        finished = sink.finish()
    assert isinstance(sink, Sink)
    assert finished.frames == COUNT
    assert finished.bytes > 0
    assert not list(tmp_path.glob("*.part*"))
    if kind == "pipe":
        assert len(pipe.getvalue()) == finished.bytes


@pytest.mark.parametrize("kind", [s for s in SINKS if s not in ("memory", "pipe")])
def test_what_a_sink_wrote_reads_back_with_the_same_times(kind: str, memory: MemorySource, tmp_path: Path) -> None:
    sink, plan, _ = _opened(kind, tmp_path, memory)
    with sink:
        for item in memory:
            assert isinstance(item, Frame)
            sink.write(_as_planned(item, plan))
        sink.finish()
    with open_source(plan.path, Settings()) as back:
        pictures = [item for item in back if isinstance(item, Frame)]
    if kind != "o":
        assert [p.pts * p.time_base for p in pictures] == [f.pts * f.time_base for f in memory if isinstance(f, Frame)]
    assert len(pictures) == COUNT
    for i, p in enumerate(pictures):
        assert (to_rgb(p.planes, p.layout) - make.gradient(16, 24, i)).abs().mean() < 0.06


@pytest.mark.parametrize("kind", [s for s in SINKS if s not in ("memory", "pipe")])
def test_leaving_a_sink_without_finish_leaves_nothing(kind: str, memory: MemorySource, tmp_path: Path) -> None:
    sink, plan, _ = _opened(kind, tmp_path, memory)
    with contextlib.suppress(KeyboardInterrupt), sink:
        sink.write(_as_planned(memory.sample(1)[0], plan))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["o.mkv", "o.apng", "o"])
def test_sink_refuses_to_overwrite_without_being_told(kind: str, memory: MemorySource, tmp_path: Path) -> None:
    target = tmp_path / kind
    if kind == "o":
        target.mkdir()
        (target / "keep.txt").write_text("mine")
    else:
        target.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        _opened(kind, tmp_path, memory)


@pytest.mark.parametrize("kind", ["o.mkv", "o.apng", "o"])
def test_sink_refuses_a_picture_of_another_layout(kind: str, memory: MemorySource, tmp_path: Path) -> None:
    sink, _, _ = _opened(kind, tmp_path, memory)
    wrong = make.frames(Layout(26, 16, bits=9), 1)[0]
    with sink, pytest.raises(ValueError, match="expected a picture"):
        sink.write(wrong)


@pytest.mark.parametrize("kind", ["o.mkv", "o", "memory"])
def test_packets_of_unknown_streams_are_ignored(kind: str, memory: MemorySource, tmp_path: Path) -> None:
    sink, plan, _ = _opened(kind, tmp_path, memory)
    with sink:
        sink.write(SidePacket(b"", 7))
        sink.write(_as_planned(memory.sample(1)[0], plan))
        assert sink.finish().frames == 1
