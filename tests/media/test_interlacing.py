"""Interlaced video: a picture of each field, at its time; what is not interlaced is left alone."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import make
import numpy as np
import pytest
import torch
from av.filter import Graph

from vdequant.degrading import Target, degrade
from vdequant.errors import InputError, UsageError
from vdequant.frames import Frame
from vdequant.media.source import open_source
from vdequant.media.video_source import VideoSource
from vdequant.pipeline import restore
from vdequant.settings import Settings

INTERLACED_DCT = 1 << 18  # AV_CODEC_FLAG_INTERLACED_DCT
RATE = 25  # stored pictures a second
SIZE = (128, 160)
SQUARE = 24  # pixels a side of what moves


def _scene(moment: int, rows: int) -> np.ndarray:
    """Luma of a patterned wall, over which a bright square moves by 8 pixels a moment."""
    random = np.random.default_rng(7)
    luma = random.integers(40, 140, (rows, SIZE[1] // 4), np.uint8).repeat(4, axis=1)
    luma[8 : 8 + SQUARE, 8 * moment : 8 * moment + SQUARE] = 230
    return luma


def _console(count: int) -> list[np.ndarray]:
    """Fields of a console: each is a whole picture of half the rows."""
    return [_scene(moment, SIZE[0] // 2) for moment in range(2 * count)]


def _camera(count: int, top: bool = True) -> list[np.ndarray]:
    """Fields of a camera: every other row of a picture of all rows."""
    return [_scene(moment, SIZE[0])[(moment % 2) ^ (not top) :: 2] for moment in range(2 * count)]


def _woven(fields: list[np.ndarray], top: bool = True) -> list[np.ndarray]:
    pictures = []
    for first, second in zip(fields[::2], fields[1::2], strict=True):
        picture = np.empty((2 * len(first), first.shape[1]), np.uint8)
        picture[0::2], picture[1::2] = (first, second) if top else (second, first)
        pictures.append(picture)
    return pictures


def _write(path: Path, lumas: list[np.ndarray], order: str = "tff", sound: str = "") -> Path:
    """A lossless H.264 film, tagged with that order of fields; "" for none."""
    height, width = lumas[0].shape
    graph = Graph()  # x264 takes the order from each picture, where only a filter can put it
    given = graph.add_buffer(width=width, height=height, format="yuv420p", time_base=Fraction(1, RATE))
    mark, taken = graph.add("setfield", order or "prog"), graph.add("buffersink")
    given.link_to(mark)
    mark.link_to(taken)
    graph.configure()
    with make.kept_policy(), av.open(str(path), "w") as out:
        options = {"qp": "0", **({"x264-params": f"{order}=1"} if order else {})}
        film: Any = out.add_stream("libx264", rate=RATE, options=options)
        film.height, film.width, film.pix_fmt = height, width, "yuv420p"
        packets = make.add_audio(out, sound, len(lumas) / RATE) if sound else []
        for number, luma in enumerate(lumas):
            planes = np.concatenate([luma, np.full((height // 2, width), 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            graph.push(frame)
            out.mux(film.encode(graph.pull()))
        out.mux(film.encode(None))
        out.mux(packets)
    return path


def _read(path: Path, **settings: Any) -> tuple[VideoSource, list[Frame]]:
    with open_source(str(path), Settings(**settings)) as source:
        frames = [item for item in source if isinstance(item, Frame)]
    assert isinstance(source, VideoSource)
    return source, frames


@pytest.mark.parametrize("top", [True, False])
def test_each_field_of_a_console_comes_out_with_its_rows_twice_and_in_order(top: bool, tmp_path: Path) -> None:
    fields = _console(6)
    source, frames = _read(_write(tmp_path / "a.mkv", _woven(fields, top), "tff" if top else "bff"))
    assert source.info.deinterlaced == "fields"
    assert source.info.rate == 2 * RATE
    assert not source.warnings
    assert len(frames) == len(fields)
    for frame, field in zip(frames, fields, strict=True):
        assert torch.equal(frame.planes[0], torch.from_numpy(field.repeat(2, axis=0)))
        assert frame.layout.height == SIZE[0]
        assert frame.planes[1].shape == (SIZE[0] // 2, SIZE[1] // 2)


@pytest.mark.parametrize("top", [True, False])
def test_rows_of_a_cameras_fields_stay_as_they_are_and_combs_go(top: bool, tmp_path: Path) -> None:
    fields = _camera(6, top)
    source, frames = _read(_write(tmp_path / "a.mkv", _woven(fields, top), "tff" if top else "bff"))
    assert source.info.deinterlaced == "bwdif"
    assert len(frames) == len(fields)
    for moment, (frame, field) in enumerate(zip(frames, fields, strict=True)):
        first = (moment % 2) ^ (not top)
        assert torch.equal(frame.planes[0][first::2], torch.from_numpy(field))
        square = frame.planes[0][12 : 4 + SQUARE, 8 * moment + 2 : 8 * moment + SQUARE - 2]
        assert (square > 200).float().mean() > 0.9, moment


def test_fields_are_shown_at_even_times_from_that_of_the_first_to_that_of_the_last(tmp_path: Path) -> None:
    for name, fields in (("a.mp4", _console(5)), ("b.mp4", _camera(5))):
        _, frames = _read(_write(tmp_path / name, _woven(fields)))
        times = [frame.pts * frame.time_base for frame in frames]
        assert times == [times[0] + Fraction(number, 2 * RATE) for number in range(10)]


def test_pictures_that_are_tagged_as_interlaced_and_are_not_stay_as_stored(tmp_path: Path) -> None:
    pictures = [cv2.GaussianBlur(_scene(moment, SIZE[0]), (0, 0), 1.5) for moment in range(6)]
    source, frames = _read(_write(tmp_path / "a.mkv", pictures))
    assert source.info.deinterlaced == ""
    assert source.info.rate == RATE
    assert [frame.planes[0].numpy().tolist() for frame in frames] == [picture.tolist() for picture in pictures]


def test_untagged_combs_stay_unless_the_user_says_so(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.mkv", _woven(_camera(6)), order="")
    assert len(_read(path)[1]) == 6
    assert len(_read(path, deinterlace="bwdif")[1]) == 12


def test_off_leaves_interlaced_pictures_as_stored(tmp_path: Path) -> None:
    pictures = _woven(_camera(4))
    _, frames = _read(_write(tmp_path / "a.mkv", pictures), deinterlace="off")
    assert [frame.planes[0].numpy().tolist() for frame in frames] == [picture.tolist() for picture in pictures]


def test_samples_are_pictures_that_the_pass_gives(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.mkv", _woven(_console(8)))
    with open_source(str(path), Settings()) as source:
        samples = source.sample(4)
        frames = {item.pts: item for item in source if isinstance(item, Frame)}
    assert len(samples) == 4
    assert all(torch.equal(sample.planes[0], frames[sample.pts].planes[0]) for sample in samples)


def test_a_span_holds_its_fields(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.mkv", _woven(_console(10)))
    whole = _read(path)[1]
    _, part = _read(path, start=0.12, duration=0.2)
    assert len(part) == 10
    assert all(torch.equal(a.planes[0], b.planes[0]) for a, b in zip(part, whole[6:16], strict=True))


def test_a_film_of_fields_is_restored_at_twice_the_rate_with_its_sound(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.mkv", _woven(_console(8)), sound="pcm_s16le")
    done = restore(str(path), str(tmp_path / "b.mkv"), Settings(lossless=True, device="cpu"))
    assert done.frames == 16
    assert make.stamps(tmp_path / "b.mkv") == pytest.approx([number / 50 for number in range(16)], abs=1e-3)
    assert make.sound(tmp_path / "b.mkv") == make.sound(path)


def test_quantizing_leaves_fields_as_they_are_stored(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.mkv", _woven(_console(6)))
    assert degrade(str(path), str(tmp_path / "b.mkv"), Target(to="m=4")).frames == 6
    assert make.stamps(tmp_path / "b.mkv") == make.stamps(path)


def test_rows_that_do_not_fall_into_two_fields_stay_with_a_warning_or_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        film: Any = out.add_stream("ffv1", rate=RATE)
        film.height, film.width, film.pix_fmt, film.codec_context.field_order = 126, 32, "yuv420p", 2
        frames = [make.video_frame("yuv420p", 126, 32, number) for number in range(4)]
        out.mux([packet for frame in (*frames, None) for packet in film.encode(frame)])
    source, frames = _read(path)
    assert len(frames) == 4
    assert "126 rows do not fall into two fields" in source.warnings[0]
    with pytest.raises(UsageError, match="--deinterlace fields expects a height that is a multiple of 4, got 126"):
        _read(path, deinterlace="fields")


def test_a_stream_is_not_looked_at_twice_but_deinterlaced_where_the_user_says_so(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.mkv", _woven(_console(4)))
    for settings, count in ((Settings(), 4), (Settings(deinterlace="fields"), 8)):
        with path.open("rb") as file, VideoSource("-", settings, file=file) as source:
            assert len([item for item in source if isinstance(item, Frame)]) == count
            assert any("--deinterlace bwdif" in warning for warning in source.warnings) == (count == 4)


def test_lost_pictures_are_repeated_in_both_of_their_places(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    make.damaged_clip(path, 6, bad=(3,))
    whole, frames = _read(path)
    parted, fields = _read(path, deinterlace="bwdif")
    assert len(frames) == 6
    assert len(fields) == 12
    assert parted.damage.repeated == whole.damage.repeated == 1
    times = [frame.pts * frame.time_base for frame in fields]
    assert times == sorted(times)
    assert times[::2] == [frame.pts * frame.time_base for frame in frames]


def test_dv_tells_in_its_pictures_alone_that_it_is_interlaced(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    with make.kept_policy(), av.open(str(path), "w") as out:
        film: Any = out.add_stream("dvvideo", rate=RATE)
        film.height, film.width, film.pix_fmt = 576, 720, "yuv420p"
        for number in range(6):
            luma = np.full((576, 720), 60, np.uint8)
            for field in (0, 1):
                left = 80 * number + 40 * field
                luma[101 + field : 300 : 2, left : left + 200] = 200
            planes = np.concatenate([luma, np.full((288, 720), 128, np.uint8)])
            out.mux(film.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        out.mux(film.encode(None))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.field_order == 0
    source, frames = _read(path)
    assert source.info.deinterlaced == "bwdif"
    assert len(frames) == 12


def test_an_interlaced_film_whose_size_changes_is_refused_in_words(tmp_path: Path) -> None:
    parts = []
    for height, width in ((64, 96), (128, 160)):
        part = io.BytesIO()
        with av.open(part, "w", format="mpeg2video") as out:
            film: Any = out.add_stream("mpeg2video", rate=RATE)
            film.height, film.width, film.pix_fmt = height, width, "yuv420p"
            film.codec_context.flags |= INTERLACED_DCT
            frames = [make.video_frame("yuv420p", height, width, number) for number in range(2)]
            out.mux([packet for frame in (*frames, None) for packet in film.encode(frame)])
        parts.append(part.getvalue())
    path = tmp_path / "a.m2v"
    path.write_bytes(b"".join(parts))
    with pytest.raises(InputError, match="picture size changes from 96x64 to 160x128"):
        _read(path)


def test_parted_pictures_of_motion_jpeg_are_not_taken_for_the_coded_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    make.clip(path, codec="mjpeg", pix_fmt="yuvj420p", size=(64, 96), count=3)
    assert _read(path)[0].info.jpegs
    assert not _read(path, deinterlace="bwdif")[0].info.jpegs
