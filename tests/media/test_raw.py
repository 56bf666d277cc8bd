"""Raw pictures and y4m, in and out: every sample, the right time, and refusals that say what to do."""

from __future__ import annotations

import io
import itertools
import os
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import make
import numpy as np
import pytest
import torch

from vdequant.errors import InputError, UsageError
from vdequant.frames import Frame, Layout, Siting
from vdequant.media.memory import MemorySource
from vdequant.media.passengers import Passengers
from vdequant.media.plan import plan_output
from vdequant.media.raw import y4m_siting
from vdequant.media.source import open_source
from vdequant.media.video_sink import VideoSink
from vdequant.media.video_source import VideoSource
from vdequant.settings import Settings

SIDE = (24, 16)  # width, height


def pictures(count: int = 3) -> np.ndarray:
    """``(count, height, width, 3)`` uint8."""
    return np.stack([make.rgb8(SIDE[1], SIDE[0], i) for i in range(count)])


def frames_of(path: Path, settings: Settings) -> tuple[VideoSource, list[Frame]]:
    with open_source(str(path), settings) as source:
        assert isinstance(source, VideoSource)
        return source, [item for item in source if isinstance(item, Frame)]


def test_raw_pictures_are_read_by_size_and_come_at_the_rate_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "dump.rgb").write_bytes(pictures().tobytes())
    source, found = frames_of(tmp_path / "dump.rgb", Settings(raw_size="24x16", fps="59.7275"))
    assert source.info.rate == Fraction("59.7275")
    assert [float(f.pts * f.time_base) for f in found] == pytest.approx([0, 1 / 59.7275, 2 / 59.7275], abs=1e-6)
    for frame, picture in zip(found, pictures(), strict=True):
        assert np.array_equal(torch.stack(frame.planes, -1).numpy(), picture)


def test_raw_pictures_of_16_bits_keep_every_bit(tmp_path: Path) -> None:
    values = (pictures().astype(np.uint16) * 257 + 3).astype("<u2")
    (tmp_path / "dump.rgb").write_bytes(values.tobytes())
    _, found = frames_of(tmp_path / "dump.rgb", Settings(raw_size="24x16", pix_fmt="rgb48le"))
    for frame, picture in zip(found, values, strict=True):
        assert np.array_equal(torch.stack(frame.planes, -1).numpy(), picture)


def test_a_cut_off_last_raw_picture_is_counted_as_damage(tmp_path: Path) -> None:
    (tmp_path / "dump.rgb").write_bytes(pictures().tobytes()[:-100])
    source, found = frames_of(tmp_path / "dump.rgb", Settings(raw_size="24x16"))
    assert np.array_equal(torch.stack(found[1].planes, -1).numpy(), pictures()[1])
    assert any("damaged" in warning or "decoded" in warning for warning in source.warnings)


def test_a_named_pipe_is_read_like_standard_input(tmp_path: Path) -> None:
    file, fifo = io.BytesIO(), tmp_path / "fifo"
    make.clip(file, container="nut", count=4)
    os.mkfifo(fifo)
    threading.Thread(target=fifo.write_bytes, args=(file.getvalue(),), daemon=True).start()
    source, found = frames_of(fifo, Settings())
    assert source.info.kind == "pipe"
    assert len(found) == 4


def test_an_mp4_whose_index_comes_last_is_refused_with_the_reason(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mp4", codec="libx264", pix_fmt="yuv420p", count=30, noise=True, size=(64, 64))
    os.mkfifo(tmp_path / "fifo")
    data = (tmp_path / "a.mp4").read_bytes()

    def feed() -> None:
        try:
            (tmp_path / "fifo").write_bytes(data)
        except BrokenPipeError:
            return

    threading.Thread(target=feed, daemon=True).start()
    with pytest.raises(InputError, match="index comes last"):
        open_source(str(tmp_path / "fifo"), Settings())


def y4m(path: Path, tag: str) -> Path:
    """A file with one picture, and the header's color word as given."""
    path.write_bytes(b"YUV4MPEG2 W24 H16 F60:1 Ip A1:1" + tag.encode() + b"\nFRAME\n" + bytes(range(256)) * 5)
    return path


@pytest.mark.parametrize(
    ("tag", "siting"),
    [("", Siting.CENTER), (" C420jpeg", Siting.CENTER), (" C420mpeg2", Siting.LEFT), (" C420paldv", Siting.TOPLEFT)],
)
def test_the_place_of_chroma_is_read_from_the_header(tag: str, siting: Siting, tmp_path: Path) -> None:
    source, found = frames_of(y4m(tmp_path / "a.y4m", tag), Settings())
    assert source.info.layout.siting == siting == y4m_siting(b"YUV4MPEG2 W24 H16" + tag.encode() + b"\nFRAME")
    assert found[0].layout.siting == siting


@pytest.mark.parametrize("kind", [" C444", " C422"])
def test_other_chroma_of_y4m_is_left_alone(kind: str, tmp_path: Path) -> None:
    source, _ = frames_of(y4m(tmp_path / "a.y4m", kind), Settings())
    assert source.info.layout.siting == Siting.LEFT


def written(settings: Settings, steps: list[int], **info: object) -> tuple[bytes, list[Frame], list[str]]:
    """What standard output would get, the frames that were written, and the warnings."""
    layout = Layout(*SIDE)
    source = MemorySource([], make.info(layout, rate=Fraction(50), **info))
    plan = plan_output("-", source.info, settings)
    frames = make.frames(plan.layout, len(steps))
    file = io.BytesIO()
    with VideoSink(plan, Passengers(), file=file) as sink:
        for frame, pts in zip(frames, steps, strict=True):
            sink.write(Frame(frame.planes, frame.layout, pts, frame.time_base, 20))
        sink.finish()
    return file.getvalue(), frames, sink.warnings


def rgb_bits(bits: int) -> Callable[[bytes], np.ndarray]:
    return lambda data: np.frombuffer(data, "<u2" if bits == 16 else np.uint8).reshape(-1, SIDE[1], SIDE[0], 3)


@pytest.mark.parametrize("bits", [8, 16])
def test_raw_output_is_nothing_but_samples(bits: int) -> None:
    data, frames, warnings = written(Settings(stream_format="rawvideo", bits=bits), [0, 20, 40])
    found = rgb_bits(bits)(data)
    assert len(found) == 3
    assert warnings == []
    for frame, picture in zip(frames, found, strict=True):
        assert np.array_equal(torch.stack(frame.planes, -1).numpy(), picture)


def test_raw_output_says_how_it_is_read() -> None:
    plan = plan_output("-", make.info(Layout(*SIDE), rate=Fraction(50)), Settings(stream_format="rawvideo"))
    assert "-f rawvideo -pixel_format rgb48le -video_size 24x16 -framerate 50" in " ".join(plan.notes)


@pytest.mark.parametrize(("chroma", "bits"), [("auto", 0), ("420", 8), ("422", 10), ("444", 16)])
def test_y4m_gives_back_every_sample(chroma: str, bits: int, tmp_path: Path) -> None:
    settings = Settings(stream_format="y4m", chroma=chroma, bits=bits)
    data, frames, warnings = written(settings, [0, 20, 40])
    (tmp_path / "o.y4m").write_bytes(data)
    source, found = frames_of(tmp_path / "o.y4m", Settings())
    assert warnings == []
    assert source.info.rate == 50
    assert source.info.layout.full_range is False
    assert source.info.layout.bits == (bits or 10)
    for frame, back in zip(frames, found, strict=True):
        assert back.layout.siting == frame.layout.siting or frame.layout.chroma != (1, 1)
        assert all(torch.equal(a, b) for a, b in zip(frame.planes, back.planes, strict=True))


def test_y4m_is_a_file_too(tmp_path: Path) -> None:
    plan = plan_output(str(tmp_path / "o.y4m"), make.info(Layout(*SIDE), rate=Fraction(50)), Settings())
    assert (plan.container, plan.pix_fmt) == ("yuv4mpegpipe", "yuv444p10le")


@pytest.mark.parametrize("form", ["y4m", "rawvideo"])
def test_uneven_times_are_warned_about_where_no_times_are_held(form: str) -> None:
    _, _, even = written(Settings(stream_format=form), [0, 21, 40, 60])
    _, _, uneven = written(Settings(stream_format=form), [0, 20, 140, 160])
    assert even == []
    assert "0.10 s off an even 50 a second" in uneven[0]


@pytest.mark.parametrize("form", ["y4m", "rawvideo"])
def test_sound_is_left_out_of_formats_without_and_named(form: str, tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", audio="pcm_s16le", size=(16, 24))
    file = io.BytesIO()
    with open_source(str(tmp_path / "in.mkv"), Settings()) as source:
        plan = plan_output("-", source.info, Settings(stream_format=form, chroma="444"))
        assert isinstance(source, VideoSource)
        with VideoSink(plan, source.passengers, file=file) as sink:
            for frame in make.frames(plan.layout, 2):
                sink.write(frame)
            for item in source:
                if not isinstance(item, Frame):
                    sink.write(item)
            sink.finish()
    assert len(sink.warnings) == 1
    assert "audio 1 (pcm_s16le)" in sink.warnings[0]
    assert "--format nut" in sink.warnings[0]
    width, height = SIDE
    whole = width * height * 3 * (2 if plan.layout.bits > 8 else 1) * 2
    header = 0 if form == "rawvideo" else file.getvalue().index(b"\n") + 1 + 2 * len(b"FRAME\n")
    assert len(file.getvalue()) == whole + header


def test_nut_reaches_its_reader_picture_by_picture() -> None:
    """What has been written is with the reader, though the stream has not ended."""
    layout = Layout(*SIDE)
    plan = plan_output("-", make.info(layout), Settings())
    file, sizes = io.BytesIO(), []
    with VideoSink(plan, Passengers(), file=file) as sink:
        for frame in make.frames(plan.layout, 4):
            sink.write(frame)
            sizes.append(len(file.getvalue()))
        sink.finish()
    assert all(b > a + 50 for a, b in itertools.pairwise(sizes))
    with av.open(io.BytesIO(file.getvalue()[: sizes[2]])) as back:
        assert len(list(back.decode(video=0))) >= 3


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "size": ({"raw_size": "256"}, "WIDTHxHEIGHT"),
    "zero": ({"raw_size": "0x240"}, "WIDTHxHEIGHT"),
    "fps": ({"fps": "fast"}, "60000/1001"),
    "no fps": ({"fps": "0"}, "60000/1001"),
    "division": ({"fps": "1/0"}, "60000/1001"),
    "pix_fmt alone": ({"pix_fmt": "rgb24"}, "--size WIDTHxHEIGHT with --pix-fmt"),
    "format": ({"stream_format": "avi"}, "--format to be one of nut, y4m, rawvideo"),
}


@pytest.mark.parametrize("name", WRONG)
def test_settings_that_mean_nothing_are_refused(name: str) -> None:
    given, words = WRONG[name]
    with pytest.raises(UsageError, match=words):
        Settings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("pix_fmt", ["rgb99", "xyz12le"])
def test_pixel_formats_that_cannot_be_read_are_refused(pix_fmt: str, tmp_path: Path) -> None:
    (tmp_path / "dump.rgb").write_bytes(bytes(5000))
    with pytest.raises(UsageError, match="expected --pix-fmt of raw pictures"):
        open_source(str(tmp_path / "dump.rgb"), Settings(raw_size="24x16", pix_fmt=pix_fmt))


def test_what_has_its_own_times_takes_no_fps(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", count=2)
    with pytest.raises(UsageError, match="has its own times"):
        open_source(str(tmp_path / "a.mkv"), Settings(fps="30"))


def test_a_folder_of_frames_takes_its_rate_from_fps(tmp_path: Path) -> None:
    for number in range(3):
        make.picture(tmp_path / f"f{number}.png")
    with open_source(str(tmp_path), Settings(fps="25")) as source:
        frames = [item for item in source if isinstance(item, Frame)]
        assert source.info.rate == 25
        assert [frame.pts * frame.time_base for frame in frames] == [0, Fraction(1, 25), Fraction(2, 25)]
    with pytest.raises(UsageError, match="is a folder"):
        open_source(str(tmp_path), Settings(raw_size="24x16"))


@pytest.mark.parametrize(
    ("path", "settings", "words"),
    [
        ("o.mkv", {"stream_format": "y4m"}, "--format is for -o -"),
        ("-", {"stream_format": "y4m", "lossless": True}, "which y4m cannot hold"),
        ("-", {"stream_format": "y4m", "codec": "h264"}, "holds y4m, not h264"),
        ("-", {"stream_format": "rawvideo", "bits": 10}, "8 or 16"),
    ],
)
def test_outputs_that_cannot_be_are_refused(path: str, settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan_output(path, make.info(Layout(*SIDE)), Settings(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_live_encoders_give_each_picture_out_before_the_next(codec: str) -> None:
    layout = Layout(64, 64)
    plan = plan_output("-", make.info(layout), Settings(live=True, codec=codec, scale=1))
    file, sizes = io.BytesIO(), []
    with VideoSink(plan, Passengers(), file=file) as sink:
        for frame in make.frames(plan.layout, 6):
            sink.write(frame)
            sizes.append(len(file.getvalue()))
        sink.finish()
    assert all(a < b for a, b in itertools.pairwise(sizes))


def test_live_pictures_do_not_wait_for_sound_that_does_not_come(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", audio="pcm_s16le", size=(16, 24))
    file, sizes = io.BytesIO(), []
    with open_source(str(tmp_path / "in.mkv"), Settings()) as source:
        assert isinstance(source, VideoSource)
        plan = plan_output("-", source.info, Settings(live=True))
        with VideoSink(plan, source.passengers, file=file) as sink:
            for frame in make.frames(plan.layout, 60):  # 1.2 s
                sink.write(frame)
                sizes.append(len(file.getvalue()))
            sink.finish()
    assert all(a < b for a, b in itertools.pairwise(sizes[30:]))
