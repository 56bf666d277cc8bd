"""Everything that emulators, recorders and uploads write opens, with the right samples at the right times.

Lossless rows hold random samples, and what is read must be equal; lossy rows hold a ramp and may differ a little.
Not here, for want of an encoder and of a packet that is simple to write: TSCC2, CamStudio's LZO packets, Fraps of
version 2 and later, Dxtory's compressed types. FFmpeg decodes them to pixel formats that other rows cover.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import captures
import make
import numpy as np
import pytest

import vdequant
from vdequant.color import to_rgb
from vdequant.frames import Frame, SourceInfo
from vdequant.media.source import open_source
from vdequant.settings import Settings

EVEN, UNEVEN = (0, 20, 40), (0, 20, 60)  # milliseconds
COUNT = len(EVEN)


class Row(NamedTuple):
    """``expected``: pixel format that the decoder gives, where it is another one than was encoded."""

    codec: str
    pix_fmt: str
    suffix: str
    expected: str = ""
    remuxed: str = ""  # ffmpeg copies the file into this container, which PyAV's muxers refuse for the codec

    @property
    def name(self) -> str:
        return f"{self.codec}-{self.pix_fmt}{self.remuxed or self.suffix}"

    @property
    def stamps(self) -> tuple[int, ...]:
        return EVEN if self.suffix == ".avi" else UNEVEN


LOSSLESS = [
    Row("zmbv", "pal8", ".avi"),  # DOSBox
    Row("zmbv", "rgb555le", ".avi"),
    Row("zmbv", "rgb565le", ".avi"),
    Row("zmbv", "bgr0", ".avi"),  # Mesen
    Row("zmbv", "pal8", ".avi", remuxed=".mkv"),
    Row("zmbv", "bgr0", ".avi", remuxed=".mkv"),  # mGBA
    Row("utvideo", "gbrp", ".avi"),  # OBS, VfW
    Row("utvideo", "yuv444p", ".avi"),
    Row("utvideo", "yuv422p", ".avi"),
    Row("utvideo", "yuv420p", ".avi"),
    Row("utvideo", "gbrp", ".avi", remuxed=".mkv"),
    Row("ffv1", "bgr0", ".mkv"),  # RetroArch, stable-retro
    Row("ffv1", "bgr0", ".avi"),  # BizHawk
    Row("ffv1", "bgr0", ".mkv", remuxed=".mov"),
    Row("ffv1", "gbrp10le", ".mkv"),
    Row("ffv1", "gbrp16le", ".mkv"),
    Row("ffv1", "yuv444p16le", ".mkv"),
    Row("ffv1", "yuv420p", ".mkv"),
    Row("libx264rgb", "bgr24", ".mkv", "gbrp"),  # RetroArch, mGBA
    Row("libx264rgb", "rgb24", ".mp4", "gbrp"),
    Row("libx264rgb", "bgr0", ".avi", "gbrp"),  # BizHawk
    Row("libx264rgb", "bgr24", ".mkv", "gbrp", remuxed=".flv"),
    Row("libx264", "yuv444p", ".mkv"),  # dsda-doom
    Row("libx264", "yuv420p", ".mp4"),
    Row("libx264", "yuv420p", ".ts"),
    Row("libx264", "yuv444p10le", ".mkv"),
    Row("rawvideo", "bgr24", ".avi"),  # MAME, FCEUX
    Row("rawvideo", "rgb555le", ".avi"),
    Row("rawvideo", "pal8", ".avi"),
    Row("rawvideo", "yuv420p", ".avi"),
    Row("rawvideo", "rgb24", ".mov"),  # mednafen
    Row("rawvideo", "rgb565le", ".nut"),
    Row("huffyuv", "rgb24", ".avi", "bgr0"),
    Row("huffyuv", "bgra", ".avi"),
    Row("huffyuv", "yuv422p", ".avi"),
    Row("ffvhuff", "yuv420p", ".avi"),
    Row("ffvhuff", "gbrp", ".avi", remuxed=".mkv"),
    Row("png", "rgb24", ".mov"),  # mednafen
    Row("png", "rgb48be", ".mov"),
    Row("png", "rgb24", ".mov", remuxed=".mkv"),  # stable-retro
    Row("png", "rgb48be", ".mov", remuxed=".mkv"),
    Row("png", "pal8", ".mov"),
    Row("qtrle", "rgb24", ".mov"),
    Row("qtrle", "rgb555be", ".mov", "rgb555le"),
    Row("qtrle", "argb", ".mov"),
    Row("gif", "pal8", ".gif", "bgra"),  # PyBoy, Mesen
    Row("apng", "rgb24", ".apng"),  # RetroArch
    Row("apng", "rgb48be", ".apng"),
    Row("libvpx-vp9", "gbrp", ".webm"),  # mGBA
    Row("libvpx-vp9", "yuv420p", ".webm"),
    Row("libvpx-vp9", "yuv444p", ".mkv"),
    Row("libx265", "gbrp", ".mkv"),
    Row("libx265", "gbrp10le", ".mkv"),
    Row("libx265", "yuv420p10le", ".mp4"),
    Row("flashsv", "bgr24", ".flv"),
    Row("magicyuv", "gbrp", ".avi"),
    Row("magicyuv", "yuv444p", ".avi"),
    Row("msrle", "pal8", ".avi"),
]
OPTIONS = {
    "libx264": {"qp": "0", "preset": "ultrafast"},  # ultrafast as recorders set it: no B frames, which AVI cannot time
    "libx264rgb": {"qp": "0", "preset": "ultrafast"},
    "libx265": {"x265-params": "lossless=1:log-level=none"},
    "libvpx-vp9": {"lossless": "1"},
}
PACKED = [("cscd", ".avi"), ("cscd", ".mov"), *((codec, ".avi") for codec in ("tscc", "fraps", "dxtory", "lagarith")),
          ("8bps", ".mov")]  # fmt: skip


def write(path: Path, row: Row, pictures: list[captures.Stored]) -> Path:
    """The row's file; ``path`` without an ending."""
    first = path.with_suffix(row.suffix)
    captures.encode(first, row.codec, row.pix_fmt, pictures, row.stamps, OPTIONS.get(row.codec, {}))
    if not row.remuxed:
        return first
    captures.with_ffmpeg(path.with_suffix(row.remuxed), "-i", str(first), "-c", "copy", "-fps_mode", "passthrough")
    return path.with_suffix(row.remuxed)


def write_packed(path: Path, codec: str, suffix: str, pictures: list[captures.Stored]) -> Path:
    """A file of hand-made packets; FFmpeg's muxer for MOV takes CSCD only by its tag."""
    native = ".mov" if codec == "8bps" else ".avi"
    captures.pack(path.with_suffix(native), codec, pictures)
    if suffix != native:
        captures.with_ffmpeg(
            path.with_suffix(suffix), "-i", str(path.with_suffix(native)), "-c", "copy", "-tag:v", codec.upper()
        )
    return path.with_suffix(suffix)


def read(path: Path) -> tuple[SourceInfo, list[Frame]]:
    """All frames; a warning fails the test."""
    with open_source(str(path), Settings()) as source:
        frames = [item for item in source if isinstance(item, Frame)]
        assert source.warnings == []
        return source.info, frames


def milliseconds(frames: list[Frame]) -> list[int]:
    return [round(frame.seconds * 1000) for frame in frames]


def assert_equal(frames: list[Frame], pictures: list[captures.Stored]) -> None:
    assert len(frames) == len(pictures)
    for frame, picture in zip(frames, pictures, strict=True):
        for plane, expected in zip(frame.planes, picture.planes, strict=True):
            np.testing.assert_array_equal(plane.numpy(), expected)


@pytest.mark.parametrize("row", LOSSLESS, ids=lambda row: row.name)
def test_a_lossless_file_gives_its_samples_at_their_times(row: Row, tmp_path: Path) -> None:
    pictures = [captures.stored(row.pix_fmt, seed) for seed in range(COUNT)]
    info, frames = read(write(tmp_path / "a", row, pictures))
    assert_equal(frames, pictures)
    # AVI has no time stamps; FFmpeg guesses that H.264 is shown one picture after it is decoded.
    late = 20 if row.suffix == ".avi" and row.codec == "libx264rgb" else 0
    assert milliseconds(frames) == [stamp + late for stamp in row.stamps]
    assert info.pixel_format == (row.expected or row.pix_fmt)


@pytest.mark.parametrize(("codec", "suffix"), PACKED, ids=lambda word: word)
def test_a_file_of_hand_made_packets_gives_its_samples_at_their_times(codec: str, suffix: str, tmp_path: Path) -> None:
    pictures = [captures.stored("rgb24", seed) for seed in range(COUNT)]
    _, frames = read(write_packed(tmp_path / "a", codec, suffix, pictures))
    assert_equal(frames, pictures)
    assert milliseconds(frames) == list(EVEN)


SIZE = (64, 64)
# codec, pixel format, container, options, largest mean difference of RGB in [0, 1] from the ramp
LOSSY = [
    ("libx264", "yuv420p", ".mkv", {"crf": "18", "preset": "veryfast"}, 0.02),  # RetroArch, stable-retro, OBS
    ("libx264", "yuv444p", ".mkv", {"crf": "15", "preset": "veryfast"}, 0.02),
    ("libx264", "yuv420p", ".flv", {"crf": "18", "preset": "veryfast", "bf": "0"}, 0.02),  # OBS, RetroArch's streams
    ("libx265", "yuv420p10le", ".mp4", {"crf": "15", "x265-params": "log-level=none"}, 0.02),
    ("libsvtav1", "yuv420p10le", ".mp4", {"crf": "15", "preset": "10"}, 0.02),
    ("libvpx", "yuv420p", ".webm", {"b": "2M"}, 0.03),  # RetroArch
    ("libvpx-vp9", "yuv420p", ".webm", {"crf": "15", "b": "0"}, 0.03),  # YouTube
    ("mpeg4", "yuv420p", ".avi", {"b": "2M"}, 0.03),  # Xvid
    ("mjpeg", "yuvj444p", ".avi", {}, 0.04),
    ("prores_ks", "yuv422p10le", ".mov", {"profile": "hq"}, 0.02),
    ("prores_ks", "yuv444p10le", ".mov", {"profile": "4444"}, 0.02),
    ("wmv2", "yuv420p", ".wmv", {"b": "2M"}, 0.03),
    ("flv", "yuv420p", ".flv", {"b": "2M"}, 0.03),
    ("msvideo1", "rgb555le", ".avi", {}, 0.06),
]


@pytest.mark.parametrize("row", LOSSY, ids=lambda row: f"{row[0]}-{row[1]}{row[2]}")
def test_a_lossy_file_gives_nearly_its_pictures_at_their_times(row: tuple, tmp_path: Path) -> None:
    codec, pix_fmt, suffix, options, tolerance = row
    base = {".avi": captures.Fraction(1, 50)}.get(suffix, make.MILLISECONDS)
    make.clip(
        tmp_path / f"a{suffix}", codec=codec, pix_fmt=pix_fmt, size=SIZE, count=3, time_base=base, options=options
    )
    _, frames = read(tmp_path / f"a{suffix}")
    assert milliseconds(frames) == [0, 20, 40]
    for shift, frame in enumerate(frames):
        assert (to_rgb(frame.planes, frame.layout) - make.gradient(*SIZE, shift)).abs().mean() < tolerance


WITH_FFMPEG = [
    ("libtheora", ".ogv", "2M"),
    ("libxvid", ".avi", "2M"),  # BizHawk
    ("libaom-av1", ".mkv", "1M"),
]


@pytest.mark.parametrize(("codec", "suffix", "rate"), WITH_FFMPEG, ids=lambda word: word)
def test_what_only_the_ffmpeg_program_encodes_is_read_like_it(
    codec: str, suffix: str, rate: str, tmp_path: Path
) -> None:
    make.clip(tmp_path / "truth.mkv", size=SIZE, count=3)
    speed = ["-cpu-used", "8"] if codec == "libaom-av1" else []
    target = tmp_path / f"a{suffix}"
    captures.with_ffmpeg(target, "-i", str(tmp_path / "truth.mkv"), "-c:v", codec, *speed, "-b:v", rate)
    _, frames = read(target)
    assert milliseconds(frames) == [0, 20, 40]
    for shift, frame in enumerate(frames):
        assert (to_rgb(frame.planes, frame.layout) - make.gradient(*SIZE, shift)).abs().mean() < 0.04


def test_a_still_theora_film_repeats_its_picture(tmp_path: Path) -> None:
    captures.with_ffmpeg(tmp_path / "a.ogv", "-f", "lavfi", "-i", "color=red:s=48x32:r=50:d=0.1", "-c:v", "libtheora")
    _, frames = read(tmp_path / "a.ogv")
    assert milliseconds(frames) == [0, 20, 40, 60, 80]
    assert not any(frame.corrupt for frame in frames)


def test_pictures_that_a_recorder_left_out_of_an_avi_are_no_damage(tmp_path: Path) -> None:
    row = Row("zmbv", "bgr0", ".avi")
    pictures = [captures.stored("bgr0", seed) for seed in range(3)]
    captures.encode(tmp_path / "a.avi", row.codec, row.pix_fmt, pictures, (0, 20, 100), {})
    _, frames = read(tmp_path / "a.avi")
    assert_equal(frames, pictures)
    assert milliseconds(frames) == [0, 20, 100]


# One clip of six levels a channel, in what stores 8 bits of red, green and blue.
RESTORED = [row for row in LOSSLESS if row.pix_fmt in ("bgr0", "bgr24", "rgb24", "gbrp", "argb", "bgra")]


def coarse(shift: int) -> np.ndarray:
    """``(H, W, 3)`` uint8 with the levels that ``m=6`` stores, but for its ramp's offset."""
    return vdequant.quantize(make.rgb8(captures.HEIGHT, captures.WIDTH, 5 * shift), "m=6")


@pytest.fixture(scope="module")
def restored() -> np.ndarray:
    """What the clip's three pictures become, in 16 bits, without any file."""
    pictures = np.stack([coarse(shift) for shift in range(COUNT)])
    return np.rint(vdequant.dequantize(pictures, "m=6", restorer="deband", device="cpu") * 65535)


def assert_restored_like(path: Path, restored: np.ndarray, stamps: tuple[int, ...]) -> None:
    out = path.with_name("restored.nut")
    settings = Settings(
        restorer="deband", quantizer="m=6", lossless=True, bits=16, device="cpu", workers=1, temporal="off"
    )
    assert vdequant.restore(path, out, settings).frames == COUNT
    _, frames = read(out)
    assert tuple(stamp - milliseconds(frames)[0] for stamp in milliseconds(frames)) == stamps
    for frame, expected in zip(frames, restored, strict=True):
        np.testing.assert_array_equal(np.stack([plane.numpy() for plane in frame.planes], -1), expected)


@pytest.mark.parametrize("row", RESTORED, ids=lambda row: row.name)
def test_the_same_clip_is_restored_alike_from_every_lossless_file(
    row: Row, restored: np.ndarray, tmp_path: Path
) -> None:
    pictures = [captures.from_rgb(list(coarse(shift).transpose(2, 0, 1)), row.pix_fmt) for shift in range(COUNT)]
    assert_restored_like(write(tmp_path / "a", row, pictures), restored, row.stamps)


@pytest.mark.parametrize(("codec", "suffix"), PACKED, ids=lambda word: word)
def test_the_same_clip_is_restored_alike_from_hand_made_packets(
    codec: str, suffix: str, restored: np.ndarray, tmp_path: Path
) -> None:
    pictures = [captures.from_rgb(list(coarse(shift).transpose(2, 0, 1)), "rgb24") for shift in range(COUNT)]
    assert_restored_like(write_packed(tmp_path / "a", codec, suffix, pictures), restored, EVEN)
