"""Headers that lie: what a few bytes claim is never allocated, and what is refused can be allowed."""

from __future__ import annotations

import resource
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import make
import pytest

from vdequant.errors import InputError, UsageError
from vdequant.media.limits import lies_in_png
from vdequant.media.source import open_source
from vdequant.settings import MOST_PIXELS, Settings

ROOM = 400 << 20  # bytes that reading a small file may take; what the headers below claim takes gigabytes


@contextmanager
def little_room() -> Iterator[None]:
    """Let this process's address space grow no further than ROOM."""
    status = Path("/proc/self/statm").read_text().split()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (int(status[0]) * resource.getpagesize() + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(path: Path, width: int, height: int, *, frames: int = 0) -> Path:
    """A PNG of a few bytes; with ``frames`` an animated one that claims so many."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    if frames:
        head += chunk(b"acTL", struct.pack(">II", frames, 0))
        head += chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 50, 0, 0))
    rows = zlib.compress(bytes(min(height, 9) * (1 + 3 * min(width, 9))))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


def _patched(path: Path, kind: Callable[[Path], object], place: int, data: bytes) -> Path:
    kind(path)
    content = bytearray(path.read_bytes())
    content[place : place + len(data)] = data
    path.write_bytes(content)
    return path


def gif(path: Path) -> Path:
    return _patched(path, lambda p: make.animation(p, [20, 40]), 6, struct.pack("<HH", 60000, 60000))


def webp(path: Path) -> Path:
    return _patched(path, lambda p: make.animation(p, [20, 40]), 24, (1 << 24).to_bytes(4, "little")[:3] * 2)


def bmp(path: Path) -> Path:
    return _patched(path, make.picture, 18, struct.pack("<ii", 60000, 60000))


def jpeg(path: Path) -> Path:
    make.picture(path)
    content = bytearray(path.read_bytes())
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", 60000, 60000)
    path.write_bytes(content)
    return path


def ppm(path: Path) -> Path:
    path.write_bytes(b"P6\n60000 60000\n255\n" + bytes(100))
    return path


def tga(path: Path) -> Path:
    path.write_bytes(struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 60000, 60000, 24, 0) + bytes(100))
    return path


def tiff(path: Path) -> Path:
    make.picture(path)
    content = bytearray(path.read_bytes())
    for tag in (256, 257):  # width and height: tag, type long, count 1, value
        at = next(
            i for i in range(len(content)) if content[i : i + 2] == struct.pack("<H", tag) and content[i + 4] == 1
        )
        content[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 60000)
    path.write_bytes(content)
    return path


def y4m(path: Path) -> Path:
    path.write_bytes(b"YUV4MPEG2 W60000 H60000 F25:1 C444\nFRAME\n" + bytes(1000))
    return path


def avi(path: Path) -> Path:
    """Raw pictures; width and height in the stream's format and in the file's header."""
    make.clip(path, codec="rawvideo", pix_fmt="bgr24", count=2)
    content = bytearray(path.read_bytes())
    at = content.index(b"strf") + 8
    content[at + 4 : at + 12] = struct.pack("<ii", 60000, 60000)
    path.write_bytes(content)
    return path


LIARS = {
    "a.png": lambda path: png(path, 60000, 60000),
    "b.png": lambda path: png(path, 16, 60000 * 60000 // 16),
    "anim.png": lambda path: png(path, 60000, 60000, frames=3),
    "a.gif": gif,
    "a.webp": webp,
    "a.bmp": bmp,
    "a.jpg": jpeg,
    "a.ppm": ppm,
    "a.tga": tga,
    "a.tif": tiff,
    "a.y4m": y4m,
    "a.avi": avi,
}


@pytest.mark.parametrize("name", LIARS)
def test_a_picture_larger_than_memory_is_refused_before_it_is_made(name: str, tmp_path: Path) -> None:
    path = LIARS[name](tmp_path / name)
    with little_room(), pytest.raises(InputError) as caught, open_source(str(path), Settings()) as source:
        list(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [b"IDAT", b"IEND", b"tEXt"])
def test_a_chunk_that_says_it_is_longer_than_the_file_takes_no_memory(place: bytes, tmp_path: Path) -> None:
    make.picture(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes().replace(b"\0\0\0\0IEND", chunk(b"tEXt", b"a\0b") + b"\0\0\0\0IEND")
    at = data.index(place) - 4
    (tmp_path / "a.png").write_bytes(data[:at] + b"\x7f\xff\xff\xf0" + data[at + 4 :])
    with little_room(), suppress(InputError), open_source(str(tmp_path / "a.png"), Settings()) as source:
        assert source.info.layout.width == 24
    assert lies_in_png((tmp_path / "a.png").read_bytes())
    assert not lies_in_png(data)


def test_the_limit_is_named_with_what_lifts_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"60000x60000; expected at most 134.218 million .* --max-pixels 3600000000"):
        open_source(str(png(tmp_path / "a.png", 60000, 60000)), Settings())


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.mkv", "a.mp4", "a.webp", "folder"])
def test_the_limit_can_be_moved_in_both_directions(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
        make.picture(path / "f1.png")
    elif name == "a.png":
        make.picture(path)
    elif name in ("a.gif", "a.webp"):
        make.animation(path, [20, 40])
    else:
        make.clip(path, codec="libx264", pix_fmt="yuv420p", count=2)
    with pytest.raises(InputError), open_source(str(path), Settings(max_pixels=16 * 24 - 1)) as source:
        list(source)
    with open_source(str(path), Settings(max_pixels=16 * 24)) as source:
        assert list(source)
        assert source.sample(1)


def test_a_stream_that_grows_inside_of_a_small_container_is_refused_by_its_decoder(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.mkv", codec="libx264", pix_fmt="yuv420p", size=(512, 512), count=3)
    content = (tmp_path / "a.mkv").read_bytes()
    small = content.replace(b"\xb0\x82\x02\x00", b"\xb0\x82\x00\x40").replace(b"\xba\x82\x02\x00", b"\xba\x82\x00\x40")
    assert small != content
    (tmp_path / "a.mkv").write_bytes(small)
    with pytest.raises(InputError), open_source(str(tmp_path / "a.mkv"), Settings(max_pixels=300 * 300)) as source:
        list(source)


def _claims_frames(path: Path, marks: bytes, place: int, form: str) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(marks) + place
    content[at : at + 4] = struct.pack(form, 10**9)
    path.write_bytes(content)


def test_a_count_of_a_billion_pictures_costs_nothing_and_what_is_there_is_read(tmp_path: Path) -> None:
    make.clip(tmp_path / "a.avi", codec="rawvideo", pix_fmt="bgr24", count=4)
    _claims_frames(tmp_path / "a.avi", b"avih", 8 + 16, "<I")
    _claims_frames(tmp_path / "a.avi", b"strh", 8 + 32, "<I")
    png(tmp_path / "b.png", 9, 9, frames=10**9)
    for name, count in (("a.avi", 4), ("b.png", 1)):
        with little_room(), open_source(str(tmp_path / name), Settings()) as source:
            assert len([item for item in source]) == count
            assert len(source.sample(3)) >= 1
    with open_source(str(tmp_path / "a.avi"), Settings()) as source:
        list(source)
        assert "promises 1000000000 pictures and holds 4" in source.damage.line()


@pytest.mark.parametrize("name", ["a.mkv", "a.gif", "a.webp", "folder"])
def test_more_pictures_than_the_limit_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
        for i in range(5):
            make.picture(path / f"f{i}.png")
    elif name == "a.mkv":
        make.clip(path, count=5)
    else:
        make.animation(path, [20] * 5)
    with open_source(str(path), Settings(max_frames=5)) as source:
        assert len(list(source)) == 5
    with (
        pytest.raises(InputError, match=r"more than 4 pictures; .* --max-frames"),
        open_source(str(path), Settings(max_frames=4)) as source,
    ):
        list(source)


def test_limits_below_one_are_a_mistake() -> None:
    for chosen in ({"max_pixels": 0}, {"max_frames": 0}):
        with pytest.raises(UsageError, match="1 or more"):
            Settings(**chosen)
    assert Settings().max_pixels == MOST_PIXELS >= 15360 * 8640  # 16K
