"""Damaged inputs: what decodes comes, what does not is stood in for, all of it is counted, and one line tells it."""

from __future__ import annotations

import errno
import io
import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import make
import pytest
import torch

from vdequant.errors import InputError, OutputError
from vdequant.frames import Frame
from vdequant.media.contracts import Source
from vdequant.media.damage import Damage
from vdequant.media.plan import plan_output
from vdequant.media.sink import open_sink
from vdequant.media.source import open_source
from vdequant.media.video_sink import VideoSink
from vdequant.media.video_source import VideoSource
from vdequant.settings import Settings


def frames_of(source: Source) -> list[Frame]:
    return [item for item in source if isinstance(item, Frame)]


def read(path: Path) -> tuple[Source, list[Frame]]:
    with open_source(str(path), Settings()) as source:
        return source, frames_of(source)


def same(first: Frame, second: Frame) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first.planes, second.planes, strict=True))


def test_a_whole_input_has_no_line() -> None:
    assert Damage().line() == ""
    assert Damage().pictures == 0


def test_everything_that_is_wrong_is_one_line() -> None:
    damage = Damage(repeated=2, partly=1, rest="the file is cut off")
    assert damage.pictures == 3
    assert damage.line() == (
        "the input is damaged: 2 pictures could not be decoded (the one before is repeated); 1 picture could be "
        "decoded only in part; the file is cut off"
    )


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "gone"])
def test_a_damaged_picture_of_a_folder_repeats_the_one_before(harm: str, tmp_path: Path) -> None:
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"f{i}.png"), make.rgb8(shift=i))
    bad, whole = tmp_path / "f2.png", (tmp_path / "f2.png").read_bytes()
    with open_source(str(tmp_path), Settings()) as source:
        if harm == "gone":
            bad.unlink()
        else:
            at = whole.index(b"IDAT") + 30
            flipped = whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]
            bad.write_bytes({"cut": whole[: len(whole) // 2], "flipped": flipped, "empty": b""}[harm])
        frames = frames_of(source)
        assert source.sample(5)
    assert [f.pts for f in frames] == [0, 1, 2, 3, 4]
    assert [f.corrupt for f in frames] == [False, False, True, False, False]
    assert [f.name for f in frames] == [f"f{i}.png" for i in range(5)]
    assert same(frames[2], frames[1])
    assert not same(frames[3], frames[1])
    assert source.damage == Damage(repeated=1)
    assert source.warnings == [source.damage.line()]


def test_a_folder_whose_first_picture_is_damaged_begins_with_the_first_whole_one(tmp_path: Path) -> None:
    for i in range(3):
        make.picture(tmp_path / f"f{i}.png")
    (tmp_path / "f0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    source, frames = read(tmp_path)
    assert len(frames) == 3
    assert same(frames[0], frames[1])
    assert source.damage.repeated == 1


def test_a_folder_of_nothing_but_damage_is_refused_by_the_name_of_its_first(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"f{i}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match=r"f0\.png is damaged"):
        open_source(str(tmp_path), Settings())


def test_an_animated_webp_that_breaks_off_repeats_its_last_picture_to_the_end(tmp_path: Path) -> None:
    make.animation(tmp_path / "a.webp", [20, 40, 60, 80])
    data = bytearray((tmp_path / "a.webp").read_bytes())
    third = [i for i in range(len(data)) if data[i : i + 4] == b"ANMF"][2]
    data[third + 48 : third + 72] = b"\xff" * 24  # into its compressed picture
    (tmp_path / "a.webp").write_bytes(data)
    source, frames = read(tmp_path / "a.webp")
    assert [f.pts for f in frames] == [0, 20, 60, 120]
    assert [f.corrupt for f in frames] == [False, False, True, True]
    assert same(frames[3], frames[1])
    assert source.warnings == [source.damage.line()]


class FailingFile(io.BytesIO):
    """Gives an input error from a byte on."""

    def __init__(self, data: bytes, readable: int) -> None:
        super().__init__(data)
        self.readable_bytes = readable

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self.readable_bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        left = self.readable_bytes - self.tell()
        return super().read(left if size is None or size < 0 else min(size, left))


def test_a_source_that_cannot_be_read_further_ends_there_and_says_so() -> None:
    file = io.BytesIO()
    make.clip(file, count=100, size=(48, 64), container="matroska")
    data = file.getvalue()
    with VideoSource("a.mkv", Settings(), file=FailingFile(data, len(data) // 2)) as source:
        frames = frames_of(source)
    assert 20 < len(frames) < 80
    assert "reading stopped after" in source.damage.rest
    assert "Input/output error" in source.damage.line()
    assert source.warnings == [source.damage.line()]


@pytest.mark.parametrize("missing", [1, 2, 30])
def test_not_one_missing_picture_at_the_end_goes_unnoticed(missing: int, tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", count=50, size=(48, 64))
    with av.open(str(tmp_path / "a.mkv")) as whole:
        at = [packet.pos for packet in whole.demux(video=0) if packet.size][50 - missing]
    assert at is not None
    (tmp_path / "a.mkv").write_bytes((tmp_path / "a.mkv").read_bytes()[:at])
    source, frames = read(tmp_path / "a.mkv")
    assert 50 - missing - 1 <= len(frames) <= 50 - missing
    assert "cut off" in source.damage.rest


@pytest.mark.parametrize("pts", [[0, 20, 40, 60], [0, 500, 510, 3000], [100, 120, 140, 160], [0]])
def test_whole_films_with_any_times_are_not_called_damaged(pts: list[int], tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", pts=pts)
    source, frames = read(tmp_path / "a.mkv")
    assert len(frames) == len(pts)
    assert source.damage == Damage()


def test_a_damaged_picture_of_another_size_repeats_the_one_before(tmp_path: Path) -> None:
    make.damaged_clip(tmp_path / "a.mov", 8, bad=[2])
    other = io.BytesIO()
    make.clip(other, codec="png", pix_fmt="rgb24", size=(32, 48), count=8, container="mov")
    other.seek(0)
    with (
        av.open(str(tmp_path / "a.mov")) as source,
        av.open(other) as odd,
        av.open(str(tmp_path / "b.mov"), "w") as out,
    ):
        film = out.add_stream_from_template(source.streams.video[0], opaque=True)
        larger = [bytes(packet) for packet in odd.demux(video=0) if packet.size]
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            content = av.Packet(larger[5] if number == 5 else bytes(packet))
            content.stream, content.time_base, content.is_keyframe = film, packet.time_base, True
            content.pts, content.dts, content.duration = packet.pts, packet.dts, packet.duration
            out.mux(content)
    found, frames = read(tmp_path / "b.mov")
    assert [i for i, frame in enumerate(frames) if frame.corrupt] == [2, 5]
    assert found.damage == Damage(repeated=2)


# ---- expected against written --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["o.mkv", "o.mp4", "o.nut"])
@pytest.mark.parametrize("swallowed", [0, 3, 5])
def test_a_picture_that_the_encoder_keeps_for_itself_leaves_no_file(
    name: str, swallowed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.clip(tmp_path / "a.mkv")
    real, count = VideoSink._mux_picture, [0]

    def swallowing(self: VideoSink, packet: object) -> None:
        count[0] += 1
        if count[0] != swallowed + 1:
            real(self, packet)

    monkeypatch.setattr(VideoSink, "_mux_picture", swallowing)
    target = tmp_path / name
    with open_source(str(tmp_path / "a.mkv"), Settings()) as source:
        plan = plan_output(str(target), source.info, Settings(codec="h264", chroma="444", bits=8))
        with open_sink(plan, source, overwrite=False) as sink:
            for frame in make.frames(plan.layout, 6):
                sink.write(frame)
            with pytest.raises(OutputError, match="gave back 5 of 6 pictures"):
                sink.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


def test_the_clock_of_the_sink_knows_the_last_picture() -> None:
    from vdequant.media.timing import Clock

    clock = Clock(1)
    assert clock.last is None
    clock.stamp(5)
    assert clock.last * Fraction(1, 1000) == Fraction(1, 200)


@pytest.mark.parametrize("first", [b"ftyp", b"mdat", b"junk"])
def test_a_box_that_claims_more_bytes_than_a_file_can_have_is_refused_in_one_line(first: bytes, tmp_path: Path) -> None:
    boxes = struct.pack(">I4s", 16, b"ftyp") + bytes(8) if first != b"junk" else b""
    (tmp_path / "a.apng").write_bytes(boxes + struct.pack(">I4sQ", 1, first, 2**64 - 1) + bytes(40))
    with pytest.raises(InputError) as caught, open_source(str(tmp_path / "a.apng"), Settings()):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["https://example.com/game.mp4", "rtmp://example.com/live"])
def test_an_address_is_told_from_a_file_that_is_not_there(address: str) -> None:
    with pytest.raises(InputError, match=r"expected a file, got the address .*download it first"):
        open_source(address, Settings())
