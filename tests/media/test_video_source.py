"""Reading video: pixel formats, color tags, time, spans, damage and errors."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import make
import numpy as np
import pytest
import torch

from vdequant.color import to_rgb
from vdequant.errors import InputError, UsageError
from vdequant.frames import Frame, Matrix, SidePacket
from vdequant.media.damage import Damage
from vdequant.media.decoding import Decoder
from vdequant.media.opening import film_stream, open_container
from vdequant.media.pixels import storage, unpack
from vdequant.media.seeking import seek
from vdequant.media.source import open_source
from vdequant.media.timing import Clock
from vdequant.media.video_source import VideoSource
from vdequant.settings import Settings

LOSSLESS = [
    ("ffv1", "bgr0", ".mkv"),
    ("ffv1", "gbrp10le", ".mkv"),
    ("ffv1", "gbrp16le", ".mkv"),
    ("ffv1", "rgb48le", ".mkv"),
    ("ffv1", "yuv444p16le", ".mkv"),
    ("ffv1", "yuv410p", ".mkv"),
    ("ffv1", "gray16le", ".mkv"),
    ("rawvideo", "yuv420p", ".avi"),
    ("rawvideo", "bgr24", ".avi"),
    ("rawvideo", "rgb555le", ".avi"),
    ("zmbv", "bgr0", ".avi"),
    ("png", "rgb48be", ".mov"),
    ("png", "rgb24", ".mov"),
    ("utvideo", "gbrp", ".avi"),
    ("libx264rgb", "bgr0", ".mkv"),
]


def _read(path: Path, **settings: object) -> tuple[VideoSource, list[Frame], list[SidePacket]]:
    with open_source(str(path), Settings(**settings)) as source:
        items = list(source)
    assert isinstance(source, VideoSource)
    return source, [i for i in items if isinstance(i, Frame)], [i for i in items if isinstance(i, SidePacket)]


@pytest.mark.parametrize(("codec", "pix_fmt", "suffix"), LOSSLESS)
def test_lossless_codecs_give_the_stored_samples(codec: str, pix_fmt: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    options = {"qp": "0"} if "x264" in codec else {}
    make.clip(path, codec=codec, pix_fmt=pix_fmt, count=3, time_base=Fraction(1, 50), options=options, noise=True)
    source, frames, _ = _read(path)
    assert len(frames) == 3
    for i, frame in enumerate(frames):
        expected, _ = unpack(make.noise_frame(pix_fmt, 16, 24, i))
        assert all(torch.equal(a, b) for a, b in zip(frame.planes, expected, strict=True))
    assert source.info.layout.bits == storage(pix_fmt).bits


def test_pal8_colors_are_the_palette_entries(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    colors = np.array([[0, 0, 0], [255, 1, 2], [3, 254, 5], [6, 7, 253]], np.uint8)
    index = np.arange(16 * 24).reshape(16, 24) % 4
    with av.open(str(path), "w") as out:
        film = out.add_stream("rawvideo", rate=50)
        film.width, film.height, film.pix_fmt = 24, 16, "pal8"
        frame = av.VideoFrame(24, 16, "pal8")
        words = np.frombuffer(frame.planes[1], np.uint32)
        words[:] = 0xFF000000
        words[:4] |= (colors[:, 0].astype(np.uint32) << 16) | (colors[:, 1].astype(np.uint32) << 8) | colors[:, 2]
        rows = np.frombuffer(frame.planes[0], np.uint8).reshape(16, -1)
        rows[:, :24] = index
        frame.pts, frame.time_base = 0, Fraction(1, 50)
        out.mux(film.encode(frame))
    source, frames, _ = _read(path)
    assert source.info.pixel_format == "pal8"
    assert np.array_equal(torch.stack(frames[0].planes, -1).numpy(), colors[index])


def test_untagged_yuv_is_601_when_small_and_said_to_be_assumed(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", codec="libx264", pix_fmt="yuv420p", count=2)
    source, _, _ = _read(tmp_path / "a.mkv")
    assert source.info.layout.matrix is Matrix.SMPTE170M
    assert not source.info.layout.full_range
    assert source.info.assumed_matrix


def test_tags_of_the_file_win_over_the_convention(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", codec="libx264", pix_fmt="yuv420p", count=2, tags=(1, 9, 16, 2))
    source, _, _ = _read(tmp_path / "a.mkv")
    assert source.info.layout.matrix is Matrix.BT709
    assert source.info.layout.full_range
    assert not source.info.assumed_matrix
    assert (source.info.tags.primaries, source.info.tags.transfer) == (9, 16)


def test_matrix_and_range_settings_win_over_the_file(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", codec="libx264", pix_fmt="yuv420p", count=2, tags=(1, 2, 2, 1))
    source, _, _ = _read(tmp_path / "a.mkv", matrix="2020", range="pc")
    assert source.info.layout.matrix is Matrix.BT2020_NCL
    assert source.info.layout.full_range


def test_info_tells_aspect_rotation_streams_and_length(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    make.clip(path, audio="flac", subtitles="srt", attachment=True, rotation=90)
    source, _, _ = _read(path)
    info = source.info
    assert (info.audio, info.subtitles, info.others) == (1, 1, 1)
    assert info.rotation == 90
    assert info.seconds == pytest.approx(0.12, abs=0.03)


def test_pixel_aspect_is_read(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mp4", codec="libx264", pix_fmt="yuv420p", aspect=Fraction(8, 7))
    assert _read(tmp_path / "a.mp4")[0].info.sample_aspect == Fraction(8, 7)


def test_irregular_stamps_are_kept_bit_for_bit(tmp_path: Path) -> None:
    stamps = [5, 6, 40, 41, 97, 1000]
    make.clip(tmp_path / "a.mkv", pts=stamps)
    _, frames, _ = _read(tmp_path / "a.mkv")
    assert [f.pts for f in frames] == stamps
    assert all(f.time_base == Fraction(1, 1000) for f in frames)


def test_clock_repairs_missing_and_falling_stamps_by_the_smallest_step() -> None:
    clock = Clock(20, strict=True)
    assert [clock.stamp(p) for p in (10, None, 30, 29, 50)] == [10, 30, 31, 32, 50]
    assert clock.repaired == 3


def test_span_starts_at_zero_and_cuts_sound_alike(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", count=50, audio="pcm_s16le")
    _, frames, packets = _read(tmp_path / "a.mkv", start=0.5, duration=0.2)
    assert [f.pts for f in frames] == [i * 20 for i in range(10)]
    assert torch.allclose(to_rgb(frames[0].planes, frames[0].layout), make.gradient(16, 24, 25), atol=0.01)
    times = [p.payload.pts * Fraction(p.payload.time_base) for p in packets]
    assert times
    assert all(0 <= t < Fraction(2, 10) for t in times)


def test_duration_alone_keeps_the_stamps(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", pts=[100, 120, 140, 160])
    _, frames, _ = _read(tmp_path / "a.mkv", duration=0.05)
    assert [f.pts for f in frames] == [100, 120, 140]


def test_span_works_inside_a_group_of_pictures(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mp4", codec="libx264", pix_fmt="yuv444p", count=40, options={"crf": "1"})
    _, frames, _ = _read(tmp_path / "a.mp4", start=0.5)
    assert len(frames) == 15
    assert (to_rgb(frames[0].planes, frames[0].layout) - make.gradient(16, 24, 25)).abs().mean() < 0.03


def test_start_behind_the_end_is_an_input_error(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv")
    with pytest.raises(InputError, match="ends before --start"):
        open_source(str(tmp_path / "a.mkv"), Settings(start=9))


def test_samples_are_spread_over_the_whole_clip(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", codec="libx264", pix_fmt="yuv444p", count=40)
    with open_source(str(tmp_path / "a.mkv"), Settings()) as source:
        stamps = [frame.pts for frame in source.sample(4)]
    assert len(stamps) == 4
    assert stamps[0] < 200 < 600 < stamps[-1]
    assert stamps == sorted(stamps)


def test_a_bare_stream_that_noise_resembles_is_believed_where_its_name_says_the_same(tmp_path: Path) -> None:
    for name in ("a.h263", "a.dat"):
        (tmp_path / name).write_bytes(make.bare_h263())
    assert len(_read(tmp_path / "a.h263")[1]) == 8
    with pytest.raises(InputError, match=r"looks like bare h263, as noise may; .* end in \.h263"):
        open_container(str(tmp_path / "a.dat"))


def test_a_film_that_is_being_decoded_can_be_moved_to_another_place(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", codec="libx264", pix_fmt="yuv444p", count=40)
    container = open_container(str(tmp_path / "a.mkv"))
    next(container.decode(film_stream(container, "a.mkv")))
    moved, stream = seek(container, str(tmp_path / "a.mkv"), Fraction(1, 2))
    assert next(moved.decode(stream)).width > 0
    moved.close()


def test_damaged_packets_become_repeats_in_their_place(tmp_path: Path) -> None:
    stamps = make.damaged_clip(tmp_path / "a.mov", 8, bad=[3, 4, 7])
    source, frames, _ = _read(tmp_path / "a.mov")
    assert [f.seconds for f in frames] == [pytest.approx(stamp / 1000) for stamp in stamps]
    assert torch.equal(frames[3].planes[0], frames[2].planes[0])
    assert [f.corrupt for f in frames] == [False, False, False, True, True, False, False, True]
    assert source.damage == Damage(repeated=3)
    assert source.warnings == ["the input is damaged: 3 pictures could not be decoded (the one before is repeated)"]


def test_pictures_after_a_long_run_of_damage_are_restored(tmp_path: Path) -> None:
    stamps = make.damaged_clip(tmp_path / "a.mov", 300, bad=range(1, 298))
    source, frames, _ = _read(tmp_path / "a.mov")
    assert [f.seconds for f in frames] == [pytest.approx(stamp / 1000) for stamp in stamps]
    assert [i for i, f in enumerate(frames) if not f.corrupt] == [0, 298, 299]
    assert source.damage.pictures == 297


def test_truncated_mkv_is_restored_as_far_as_it_goes_with_a_warning(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", count=100, size=(48, 64))
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    source, frames, _ = _read(tmp_path / "cut.mkv")
    assert 20 < len(frames) < 80
    (line,) = source.warnings
    assert "cut off" in line


def test_complete_files_raise_no_warning(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", audio="flac")
    make.clip(tmp_path / "a.mp4", codec="libx264", pix_fmt="yuv420p", audio="aac")
    assert _read(tmp_path / "a.mkv")[0].warnings == []
    assert _read(tmp_path / "a.mp4")[0].warnings == []


@pytest.mark.parametrize(("opacity", "said"), [(1023, False), (500, True)])
def test_transparency_of_ten_bits_is_reported_where_there_is_any(opacity: int, said: bool, tmp_path: Path) -> None:
    planes = [np.full((32, 32), value, np.uint16) for value in (400, 512, 512, opacity)]
    frame = av.VideoFrame(32, 32, "yuva444p10le")
    for plane, values in zip(frame.planes, planes, strict=True):
        row = np.zeros((32, plane.line_size // 2), np.uint16)
        row[:, :32] = values
        plane.update(row.tobytes())
    with av.open(str(tmp_path / "a.mov"), "w") as out:
        stream = out.add_stream("prores_ks", rate=25, options={"profile": "4444"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuva444p10le"
        out.mux([packet for one in (frame, None) for packet in stream.encode(one)])
    source, frames, _ = _read(tmp_path / "a.mov")
    assert len(frames) == 1
    assert any("transparency" in warning for warning in source.warnings) == said


def test_gif_times_are_hundredths_and_transparency_is_reported(tmp_path: Path) -> None:
    make.animation(tmp_path / "a.gif", [20, 40, 20, 100])
    source, frames, _ = _read(tmp_path / "a.gif")
    assert [(f.pts, f.duration) for f in frames] == [(0, 2), (2, 4), (6, 2), (8, 10)]
    assert source.info.time_base == Fraction(1, 100)
    assert all(f.alpha is None for f in frames)


def test_alpha_of_a_video_is_dropped_with_a_warning(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mov"), "w") as out:
        film = out.add_stream("png", rate=50)
        film.width, film.height, film.pix_fmt = 24, 16, "rgba"
        frame = av.VideoFrame.from_ndarray(np.full((16, 24, 4), 100, np.uint8), "rgba")
        frame.pts, frame.time_base = 0, Fraction(1, 50)
        out.mux(film.encode(frame))
        out.mux(film.encode(None))
    source, frames, _ = _read(tmp_path / "a.mov")
    assert frames[0].alpha is None
    assert any("transparency" in w for w in source.warnings)


def test_side_packets_are_those_of_the_file(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", audio="flac", subtitles="srt")
    _, _, packets = _read(tmp_path / "a.mkv")
    with av.open(str(tmp_path / "a.mkv")) as reference:
        expected = [p.stream_index for p in reference.demux() if p.size and p.stream.type != "video"]
    assert [p.stream_index for p in packets] == expected


def test_video_source_can_be_read_once(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv")
    with open_source(str(tmp_path / "a.mkv"), Settings()) as source:
        list(source)
        with pytest.raises(ValueError, match="one pass"):
            list(source)


def test_size_change_is_named(tmp_path: Path) -> None:
    halves = []
    for size in ((16, 24), (32, 24)):
        file = io.BytesIO()
        make.clip(file, codec="mjpeg", pix_fmt="yuvj444p", size=size, container="mjpeg", count=3)
        halves.append(file.getvalue())
    (tmp_path / "a.mjpeg").write_bytes(b"".join(halves))
    with (
        pytest.raises(InputError, match="picture size changes from 24x16 to 24x32"),
        open_source(str(tmp_path / "a.mjpeg"), Settings()) as source,
    ):
        list(source)


def test_decoder_counts_video_packets(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", count=5, audio="flac")
    with open_container(str(tmp_path / "a.mkv")) as container:
        decoder = Decoder(container, film_stream(container, "a"), frozenset())
        assert len(list(decoder)) == 5
        assert (decoder.video_packets, decoder.damaged, decoder.broken) == (5, 0, "")


def _text(path: Path) -> None:
    path.write_text("hello\n" * 50)


def _cut_mp4(path: Path) -> None:
    make.clip(path, codec="libx264", pix_fmt="yuv420p")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])


def _sound_only(path: Path) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        out.mux(stream.encode(frame))


def _unknown_codec(path: Path) -> None:
    make.clip(path, codec="rawvideo", pix_fmt="bgr24", count=2)
    data = path.read_bytes()
    at = data.index(b"strf") + 24  # the codec's four letters; twice, as in all AVI files
    four = data.index(b"vids") + 4
    path.write_bytes(data[:four] + b"?!?!" + data[four + 4 : at] + b"?!?!" + data[at + 4 :])


def _no_pictures(path: Path) -> None:
    with av.open(str(path), "w") as out:
        film = out.add_stream("libx264", rate=50)
        film.width, film.height, film.pix_fmt = 24, 16, "yuv420p"
        out.start_encoding()


REFUSED = [
    ("a.mp4", _text, "not a video or picture"),
    ("a.mp4", _cut_mp4, r"no index \(moov\)"),
    ("a.mkv", lambda path: path.write_bytes(b""), "empty"),
    ("a.mkv", _sound_only, "no video, only audio"),
    ("a.mp4", _no_pictures, "holds no video"),
    ("a.avi", _unknown_codec, "unknown codec"),
    ("a.mng", _text, "mame GAME -aviwrite"),
    ("a.bk2", _text, "playback_movie -L ffv1"),
    ("a.fm2", _text, "fceux"),
    ("a.inp", _text, "-playback"),
    ("a.lmp", _text, r"a\.lmp -viddump"),
    ("a.bsv", _text, r"-P .*a\.bsv --record"),
    ("a.avi", lambda path: path.write_bytes(b"\x8aMNG\r\n\x1a\n" + bytes(60)), "of MNG only the first picture"),
    ("a.png", _text, "damaged or not a picture"),
    ("a", lambda path: path.mkdir(), "holds no pictures"),
]


@pytest.mark.parametrize(("name", "write", "match"), REFUSED)
def test_bad_input_is_one_line_with_cause_and_remedy(name: str, write: object, match: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    with pytest.raises(InputError, match=match) as caught:
        open_source(str(tmp_path / name), Settings())
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_source(str(tmp_path / "no.mkv"), Settings())


def test_folder_span_behind_its_end_is_a_usage_error(tmp_path: Path) -> None:
    make.picture(tmp_path / "a1.png")
    with pytest.raises(UsageError, match="before the end"):
        open_source(str(tmp_path), Settings(start=5))


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix", "name", "lossy"),
    [
        ("libsvtav1", "yuv420p", ".mkv", "av1", True),  # decoded by libdav1d
        ("libx264", "yuv420p", ".mkv", "h264", True),
        ("flv", "yuv420p", ".flv", "flv1", True),
        ("cinepak", "rgb24", ".avi", "cinepak", True),
        ("dvvideo", "yuv420p", ".avi", "dvvideo", True),
        ("ffv1", "yuv420p", ".mkv", "ffv1", False),
        ("zmbv", "bgr0", ".avi", "zmbv", False),
    ],
)
def test_codecs_have_the_names_of_their_formats_and_are_known_for_what_they_lose(
    codec: str, pix_fmt: str, suffix: str, name: str, lossy: bool, tmp_path: Path
) -> None:
    size, base = ((576, 720), Fraction(1, 25)) if codec == "dvvideo" else ((64, 96), Fraction(1, 50))
    path = tmp_path / f"a{suffix}"
    make.clip(path, codec=codec, pix_fmt=pix_fmt, size=size, pts=range(3), time_base=base)
    source, _, _ = _read(path)
    assert (source.info.codec, source.info.lossy) == (name, lossy)
