"""Writing video: what travels along, what is tagged, and what happens when it cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import make
import numpy as np
import pytest
import torch
from PIL import Image

from vdequant.color import from_rgb, to_rgb
from vdequant.errors import OutputError
from vdequant.frames import ColorTags, Frame, Layout
from vdequant.media.contracts import Finished, Sink
from vdequant.media.ffmpeg_cli import find_ffmpeg
from vdequant.media.matroska import set_pixel_aspect
from vdequant.media.memory import MemorySource
from vdequant.media.passengers import Passengers
from vdequant.media.pipe import standard_input, standard_output
from vdequant.media.plan import plan_output
from vdequant.media.sink import open_sink
from vdequant.media.source import open_source
from vdequant.media.video_sink import VideoSink
from vdequant.settings import Settings


def _copy(source: Path, target: Path, **settings: object) -> tuple[Finished, Sink]:
    chosen = Settings(**{"scale": 1, **settings})
    with open_source(str(source), chosen) as opened:
        plan = plan_output(str(target), opened.info, chosen)
        with open_sink(plan, opened, overwrite=False) as sink:
            for item in opened:
                if isinstance(item, Frame):
                    planes = from_rgb(to_rgb(item.planes, item.layout), plan.layout, plan.dither)
                    item = Frame(planes, plan.layout, item.pts, item.time_base, item.duration)
                sink.write(item)
            return sink.finish(), sink


CARRIED = [("flac", "o.mkv", {}), ("libopus", "o.webm", {}), ("aac", "o.mp4", {"codec": "h264"}), ("flac", "o.mp4", {})]


@pytest.mark.parametrize(("codec", "target", "settings"), CARRIED)
def test_sound_is_copied_byte_for_byte(codec: str, target: str, settings: dict, tmp_path: Path) -> None:
    source = tmp_path / ("in.mp4" if codec == "aac" else "in.mkv")
    if codec == "aac":
        make.clip(source, codec="libx264", pix_fmt="yuv420p", audio=codec, count=20)
    else:
        make.clip(source, audio=codec, count=20)
    _, sink = _copy(source, tmp_path / target, **settings)
    assert make.sound(tmp_path / target) == make.sound(source)
    assert sink.warnings == []


def test_irregular_stamps_survive_in_every_container(tmp_path: Path) -> None:
    stamps = [0, 7, 40, 41, 97, 300]
    make.clip(tmp_path / "in.mkv", pts=stamps)
    for target in ("o.mkv", "o.mp4", "o.webm", "o.mov", "o.nut"):
        _copy(tmp_path / "in.mkv", tmp_path / target)
        assert make.stamps(tmp_path / target) == [Fraction(s, 1000) for s in stamps]


def test_equal_stamps_are_kept_where_the_container_holds_them_and_repaired_aloud_elsewhere(tmp_path: Path) -> None:
    stamps = [0, 17, 33, 33, 33, 50]
    make.clip(tmp_path / "a.mkv", pts=stamps)
    _, sink = _copy(tmp_path / "a.mkv", tmp_path / "b.mkv")
    assert [round(t * 1000) for t in make.stamps(tmp_path / "b.mkv")] == stamps
    assert not sink.warnings
    _, sink = _copy(tmp_path / "a.mkv", tmp_path / "b.mp4")
    assert [round(t * 1000) for t in make.stamps(tmp_path / "b.mp4")] == [0, 17, 33, 34, 35, 50]
    assert "2 pictures" in sink.warnings[0]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_films_shorter_than_the_reordering_can_be_written(count: int, tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", count=count, size=(32, 32))
    for attempt in range(4):
        _copy(tmp_path / "in.mkv", tmp_path / f"o{attempt}.mp4", codec="hevc")
        assert make.stamps(tmp_path / f"o{attempt}.mp4") == [Fraction(i, 50) for i in range(count)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_codecs_with_b_frames_do_not_shift_the_film_in_mp4(codec: str, tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", count=12, size=(32, 32))
    _copy(tmp_path / "in.mkv", tmp_path / "o.mp4", codec=codec)
    assert make.stamps(tmp_path / "o.mp4") == [Fraction(i, 50) for i in range(12)]


def test_the_source_time_base_is_kept_in_mp4(tmp_path: Path) -> None:
    base = Fraction(31250, 2190197)  # DOSBox: 70.0863 pictures a second
    make.clip(tmp_path / "in.nut", time_base=base, pts=range(6))
    _copy(tmp_path / "in.nut", tmp_path / "o.mp4")
    with open_source(str(tmp_path / "in.nut"), Settings()) as source:
        expected = [f.pts * f.time_base for f in source if isinstance(f, Frame)]
    assert make.stamps(tmp_path / "o.mp4") == expected


@pytest.mark.parametrize("target", ["o.mkv", "o.mp4", "o.mov"])
def test_the_last_picture_keeps_its_duration(target: str, tmp_path: Path) -> None:
    make.animation(tmp_path / "in.gif", [20, 20, 500])
    _copy(tmp_path / "in.gif", tmp_path / target)
    with av.open(str(tmp_path / target)) as back:
        assert back.duration == pytest.approx(540_000, abs=1500)


def test_pcm_goes_into_mp4_bit_for_bit(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.avi", codec="rawvideo", pix_fmt="bgr24", audio="pcm_s16le", time_base=Fraction(1, 50))
    _copy(tmp_path / "in.avi", tmp_path / "o.mp4")
    assert b"".join(make.sound(tmp_path / "o.mp4")) == b"".join(make.sound(tmp_path / "in.avi"))


CONVERTED = [("wavpack", "o.mp4", "flac"), ("flac", "o.webm", "opus"), ("wavpack", "o.mov", "alac")]


@pytest.mark.parametrize(("codec", "target", "expected"), CONVERTED)
def test_sound_that_does_not_fit_is_converted_and_said(codec: str, target: str, expected: str, tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", audio=codec, count=25)
    _, sink = _copy(tmp_path / "in.mkv", tmp_path / target)
    assert any("converted" in w for w in sink.warnings)
    with av.open(str(tmp_path / target)) as back:
        assert back.streams.audio[0].codec_context.name == expected
        samples = sum(frame.samples for frame in back.decode(audio=0))
    assert samples == pytest.approx(24000, rel=0.06)


TEXTS = [("srt", "o.mp4", "mov_text"), ("srt", "o.webm", "webvtt"), ("ass", "o.mkv", "ass"), ("mov_text", "o.mkv", "")]


@pytest.mark.parametrize(("codec", "target", "expected"), TEXTS)
def test_subtitles_keep_text_and_time(codec: str, target: str, expected: str, tmp_path: Path) -> None:
    source = tmp_path / ("in.mp4" if codec == "mov_text" else "in.mkv")
    video = {"codec": "libx264", "pix_fmt": "yuv420p"} if codec == "mov_text" else {}
    make.clip(source, subtitles=codec, **video)
    _copy(source, tmp_path / target)
    with av.open(str(tmp_path / target)) as back:
        film = back.streams.subtitles[0]
        if expected:
            assert film.codec_context.name in (expected, "ssa")
        lines = [
            (packet.pts * Fraction(packet.time_base), line.dialogue)
            for packet in back.demux(film)
            if packet.size > 2
            for line in packet.decode()
        ]
    assert lines == [(Fraction(0), b"line 0"), (Fraction(60, 1000), b"line 1")]


def test_what_fits_nowhere_is_named_in_one_warning(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", audio="flac", attachment=True)
    _, sink = _copy(tmp_path / "in.mkv", tmp_path / "o.apng")
    (warning,) = sink.warnings
    assert "audio 1 (flac)" in warning
    assert "attachment 2" in warning


def test_matroska_keeps_attachments_chapters_and_titles(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", attachment=True, chapters=True)
    _copy(tmp_path / "in.mkv", tmp_path / "o.mkv")
    with av.open(str(tmp_path / "o.mkv")) as back:
        assert [s.data for s in back.streams if s.type == "attachment"] == [b"not a font"]
        assert [c["metadata"]["title"] for c in back.chapters()] == ["Chapter 1", "Chapter 2"]
        assert back.metadata["title"] == "A test"


def test_mp4_chapters_come_through_without_their_helper_track(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mp4", codec="libx264", pix_fmt="yuv420p", chapters=True, audio="aac")
    _, sink = _copy(tmp_path / "in.mp4", tmp_path / "o.mp4")
    with av.open(str(tmp_path / "o.mp4")) as back:
        assert [c["metadata"]["title"] for c in back.chapters()] == ["Chapter 1", "Chapter 2"]
    assert sink.warnings == []


@pytest.mark.parametrize(
    ("target", "settings"),
    [("o.mkv", {}), ("o.webm", {}), ("o.mp4", {}), ("o.mov", {}), ("o.mkv", {"lossless": True})],
)
def test_pixel_aspect_and_rotation_survive_exactly(target: str, settings: dict, tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mp4", codec="libx264", pix_fmt="yuv420p", aspect=Fraction(8, 7), rotation=90)
    _copy(tmp_path / "in.mp4", tmp_path / target, **settings)
    with open_source(str(tmp_path / target), Settings()) as back:
        assert back.info.sample_aspect == Fraction(8, 7)
        assert back.info.rotation == 90
        assert len([f for f in back if isinstance(f, Frame)]) == 6


def test_pixel_aspect_without_room_is_reported_not_forced(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv")
    before = (tmp_path / "a.mkv").read_bytes()
    assert not set_pixel_aspect(tmp_path / "a.mkv", (24, 16), Fraction(8, 7))
    assert (tmp_path / "a.mkv").read_bytes() == before


def test_color_tags_are_written(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv")
    _copy(tmp_path / "in.mkv", tmp_path / "o.mkv")
    with av.open(str(tmp_path / "o.mkv")) as back:
        frame = next(back.decode(video=0))
        context = back.streams.video[0].codec_context
        assert (frame.colorspace, frame.color_range) == (1, 1)
        assert (context.color_primaries, context.color_trc) == (1, 1)


def test_prores_says_in_each_frame_what_its_colors_are(tmp_path: Path) -> None:
    """Its decoder believes the frame, and takes BT.601 where that says nothing."""
    make.clip(tmp_path / "in.mkv", size=(32, 48))
    _copy(tmp_path / "in.mkv", tmp_path / "o.mov")
    with av.open(str(tmp_path / "o.mov")) as back:
        head = bytes(next(packet for packet in back.demux(video=0) if packet.size))
    assert head[4:8] == b"icpf"
    assert tuple(head[8 + 14 : 8 + 17]) == (1, 1, 1)  # primaries, transfer, matrix; SMPTE RDD 36, 5.1.1


def test_what_begins_before_time_0_is_shown_whole(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", codec="ffv1", pts=[-100, -60, -20, 20, 60, 100])
    _copy(tmp_path / "in.mkv", tmp_path / "o.mp4")
    times = make.stamps(tmp_path / "o.mp4")
    assert len(times) == 6
    assert times[0] == 0
    assert [round((b - a) * 1000) for a, b in pairwise(times)] == [40] * 5


def test_cover_pictures_are_said_to_be_left_out(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mp4", codec="libx264", pix_fmt="yuv420p")
    Image.fromarray(make.rgb8()).save(tmp_path / "cover.png")
    words = [find_ffmpeg(), "-v", "error", "-i", tmp_path / "in.mp4", "-i", tmp_path / "cover.png", "-map", "0"]
    words += ["-map", "1", "-c", "copy", "-disposition:v:1", "attached_pic", tmp_path / "covered.mp4"]
    subprocess.run(words, check=True)
    _, sink = _copy(tmp_path / "covered.mp4", tmp_path / "o.mkv")
    assert [line for line in sink.warnings if "cover picture" in line and "cannot hold" not in line]


def test_assumed_matrix_is_written_out_as_a_tag(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", codec="libx264", pix_fmt="yuv420p")
    _copy(tmp_path / "in.mkv", tmp_path / "o.mkv")
    with open_source(str(tmp_path / "o.mkv"), Settings()) as back:
        assert not back.info.assumed_matrix
        assert back.info.tags == ColorTags()


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_lossless_output_gives_back_every_sample(bits: int, tmp_path: Path) -> None:
    layout = Layout(24, 16, bits=bits)
    frames = make.frames(layout, 3)
    source = MemorySource(frames, make.info(layout))
    plan = plan_output(str(tmp_path / "o.mkv"), source.info, Settings(lossless=True, bits=bits))
    with open_sink(plan, source, overwrite=False) as sink:
        for frame in frames:
            sink.write(frame)
        sink.finish()
    with open_source(str(tmp_path / "o.mkv"), Settings()) as back:
        for frame, found in zip(frames, back, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(frame.planes, found.planes, strict=True))


def test_odd_sizes_are_written_by_the_default_codec(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", size=(17, 25))
    _copy(tmp_path / "in.mkv", tmp_path / "o.mkv")
    with open_source(str(tmp_path / "o.mkv"), Settings()) as back:
        assert (back.info.layout.width, back.info.layout.height) == (25, 17)


def test_encoders_write_nothing_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make.clip(tmp_path / "in.mkv", count=3, size=(32, 32))
    capfd.readouterr()
    for target, settings in (("a.mkv", {}), ("b.mkv", {"codec": "hevc"}), ("c.mkv", {"codec": "h264"})):
        _copy(tmp_path / "in.mkv", tmp_path / target, **settings)
    _copy(tmp_path / "in.mkv", tmp_path / "d.webm", codec="vp9")
    assert capfd.readouterr() == ("", "")


def test_reader_that_ends_early_is_said(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    layout = Layout(64, 64, bits=16)
    source = MemorySource(make.frames(layout, 40), make.info(layout))
    plan = plan_output("-", source.info, Settings(bits=16))
    file = os.fdopen(write, "wb", buffering=0)

    def write_all() -> None:
        with VideoSink(plan, Passengers(), file=file) as sink:
            for frame in source:
                sink.write(frame)
            sink.finish()

    with pytest.raises(OutputError, match="reads our output has ended"):
        write_all()
    file.close()


def test_pipe_names_are_refused_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        buffer = None

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stdout", Terminal())
    with pytest.raises(Exception, match="nothing arrives"):
        standard_input()
    with pytest.raises(OutputError, match="is a terminal"):
        standard_output()


def test_film_survives_side_packets_that_run_backwards(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", audio="pcm_s16le", count=10)
    with open_source(str(tmp_path / "in.mkv"), Settings(scale=1)) as source:
        plan = plan_output(str(tmp_path / "o.mp4"), source.info, Settings(scale=1))
        with open_sink(plan, source, overwrite=False) as sink:
            for number, item in enumerate(source):
                if isinstance(item, Frame):
                    planes = from_rgb(to_rgb(item.planes, item.layout), plan.layout)
                    sink.write(Frame(planes, plan.layout, item.pts, item.time_base, item.duration))
                    continue
                if number > 8:
                    item.payload.pts = item.payload.dts = 0
                sink.write(item)
            assert sink.finish().frames == 10
    assert len(make.stamps(tmp_path / "o.mp4")) == 10
    assert any("falling time stamps" in w for w in sink.warnings)


def test_memory_use_does_not_grow_with_length(tmp_path: Path) -> None:
    import tracemalloc

    def peak(count: int) -> int:
        path = tmp_path / f"in{count}.mkv"
        make.clip(path, count=count, codec="libx264", pix_fmt="yuv420p", size=(64, 64))
        tracemalloc.start()
        _copy(path, tmp_path / f"o{count}.mkv", codec="h264")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(8)
    assert peak(160) < peak(16) * 1.5 + 200_000


def test_noise_survives_ffv1_through_source_and_sink(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", noise=True, pix_fmt="gbrp16le", count=2)
    _copy(tmp_path / "in.mkv", tmp_path / "o.mkv", lossless=True, bits=16)
    with av.open(str(tmp_path / "in.mkv")) as a, av.open(str(tmp_path / "o.mkv")) as b:
        for first, second in zip(a.decode(video=0), b.decode(video=0), strict=True):
            for p, q in zip(first.planes, second.planes, strict=True):
                assert np.array_equal(np.frombuffer(p, np.uint16)[:24], np.frombuffer(q, np.uint16)[:24])


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9"])
def test_the_same_pictures_become_the_same_film_each_time(codec: str, tmp_path: Path) -> None:
    """A film that is resumed is to equal one that was not; 160 pixels are no multiple of eight macroblocks."""
    make.clip(tmp_path / "in.mkv", count=16, size=(144, 160))
    films = set()
    for number in range(5):
        target = tmp_path / f"{number}.mkv"
        _copy(tmp_path / "in.mkv", target, codec=codec)
        films.add(tuple(picture for _, picture in make.samples(target)))
    assert len(films) == 1
