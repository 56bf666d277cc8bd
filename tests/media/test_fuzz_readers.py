"""Damaged and hostile files: whatever the bytes are, readers and probe end soon, with pictures or an error of ours."""

from __future__ import annotations

import io
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import FrameType

import make
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vdequant.errors import VdequantError
from vdequant.frames import Frame
from vdequant.media.ffconcat import parse_list
from vdequant.media.jpeg_header import read_coding
from vdequant.media.source import open_source
from vdequant.pipeline import probe
from vdequant.settings import Settings

LONGEST = 30  # seconds that any file of a few kB may take
LIMITS = Settings(max_pixels=1 << 20, device="cpu", workers=1)
MOST_MEMORY = 256 << 10  # kB by which reading them may raise this process's peak
FEW = settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def _clip(codec: str, pix_fmt: str, suffix: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        make.clip(path, codec=codec, pix_fmt=pix_fmt, count=4, audio="" if suffix == ".y4m" else "pcm_s16le")

    return write


def _animation(path: Path) -> None:
    make.animation(path, [20, 40, 60])


KINDS: dict[str, Callable[[Path], object]] = {
    **dict.fromkeys((".png", ".jpg", ".bmp", ".tif", ".webp", ".ppm"), make.picture),
    ".gif": _animation,
    ".apng": _animation,
    "animated.webp": _animation,
    ".mkv": _clip("ffv1", "bgr0", ".mkv"),
    ".mov": _clip("libx264", "yuv420p", ".mov"),
    ".avi": _clip("zmbv", "bgr0", ".avi"),
    ".nut": _clip("huffyuv", "bgra", ".nut"),
}


@cache
def seed(kind: str) -> bytes:
    """A whole file of a kind."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{kind if kind.startswith('.') else '.webp'}"
        KINDS[kind](path)
        return path.read_bytes()


@contextmanager
def soon() -> Iterator[None]:
    """Fails what takes longer than LONGEST."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"still busy after {LONGEST} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def harmed(data: bytes, harm: list[tuple[str, float, int]]) -> bytes:
    """``data`` after damage at places that are shares of its length."""
    found = bytearray(data)
    for kind, share, value in harm:
        at = int(share * len(found))
        if kind == "flip" and found:
            found[min(at, len(found) - 1)] ^= value or 1
        elif kind == "cut":
            del found[at:]
        elif kind == "drop":
            del found[at : at + value]
        elif kind == "double":
            found[at:at] = found[at : at + value]
        elif kind == "huge":
            found[at : at + 4] = b"\xff\xff\xff\x7f"[: len(found) - at]
    return bytes(found)


HARM = st.lists(
    st.tuples(
        st.sampled_from(["flip", "flip", "flip", "cut", "drop", "double", "huge"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)


def read(path: Path) -> int:
    """How many pictures come out, -1 for an error of ours."""
    try:
        with soon(), open_source(str(path), LIMITS) as source:
            source.sample(3)
            return sum(isinstance(item, Frame) for item in source)
    except VdequantError as error:
        return -1 if "\n" not in str(error) else -2


def outcome(folder: Path, kind: str, data: bytes) -> tuple[bool, bool]:
    """Whether pictures or an error of ours in one line came of it, and whether in bounded memory."""
    path = folder / f"a{kind if kind.startswith('.') else '.webp'}"
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pictures = read(path)
    return -1 <= pictures < 1000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_of_every_kind_are_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{kind if kind.startswith('.') else '.webp'}"
    path.write_bytes(seed(kind))
    assert read(path) > 0


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(harm=HARM)
def test_damaged_files_give_pictures_or_an_error_of_ours(
    kind: str, harm: list, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert outcome(tmp_path_factory.mktemp("f"), kind, harmed(seed(kind), harm)) == (True, True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@MANY
@given(harm=HARM)
def test_hundreds_of_damaged_files_do_so_too(kind: str, harm: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert outcome(tmp_path_factory.getbasetemp(), kind, harmed(seed(kind), harm)) == (True, True)


HEADS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"BM",
    b"GIF89a",
    b"RIFF\xff\0\0\0WEBPVP8X",
    b"RIFF\xff\xff\0\0AVI ",
]
HEADS += [
    b"II*\0",
    b"\x1aE\xdf\xa3",
    b"\0\0\0\x18ftypisom",
    b"YUV4MPEG2 W16 H16 F25:1\n",
    b"P6\n",
    b"ffconcat version 1.0\n",
]
ENDINGS = (".png", ".jpg", ".gif", ".webp", ".avi", ".mkv", ".mp4", ".y4m", ".ppm", ".tga", ".pcx", ".txt")


@settings(FEW, max_examples=40)
@given(head=st.sampled_from(HEADS), ending=st.sampled_from(ENDINGS), body=st.binary(max_size=300))
def test_noise_behind_any_beginning_gives_pictures_or_an_error_of_ours(
    head: bytes, ending: str, body: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert outcome(tmp_path_factory.mktemp("f"), ending, head + body) == (True, True)


@pytest.mark.slow
@MANY
@given(head=st.sampled_from(HEADS), ending=st.sampled_from(ENDINGS), body=st.binary(max_size=3000))
def test_a_lot_of_noise_does_so_too(
    head: bytes, ending: str, body: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert outcome(tmp_path_factory.getbasetemp(), ending, head + body) == (True, True)


@settings(FEW, max_examples=8)
@given(kind=st.sampled_from(sorted(KINDS)), harm=HARM)
def test_probe_of_damaged_files_gives_a_plan_or_an_error_of_ours(
    kind: str, harm: list, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("f") / f"a{kind if kind.startswith('.') else '.webp'}"
    path.write_bytes(harmed(seed(kind), harm))
    with soon(), suppress(VdequantError):
        assert probe(str(path), LIMITS).lines()


@settings(FEW, max_examples=40)
@given(lines=st.lists(st.text("fileduratonhc'\\ 0123456789.:-#/\n", max_size=40), max_size=8))
def test_any_list_of_pictures_is_read_or_refused(lines: list[str]) -> None:
    with soon(), suppress(VdequantError):
        found = parse_list("\n".join(["ffconcat version 1.0", *lines]), "a.txt")
        assert all(entry.duration is None or entry.duration >= 0 for entry in found)


@settings(FEW, max_examples=40)
@given(harm=HARM)
def test_the_tables_of_any_jpeg_are_read_or_left(harm: list) -> None:
    coding = read_coding(harmed(seed(".jpg"), harm))
    steps = [*coding.luma, *coding.chroma] if coding else []
    assert all(0 <= step < 1 << 16 for step in steps)
    assert len(steps) in (0, 128)


def test_damage_is_what_it_says() -> None:
    assert harmed(b"abcd", [("flip", 0.0, 1)]) == b"`bcd"
    assert harmed(b"abcd", [("cut", 0.5, 0)]) == b"ab"
    assert harmed(b"abcd", [("drop", 0.25, 2)]) == b"ad"
    assert harmed(b"abcd", [("double", 0.5, 1)]) == b"abccd"
    assert len(harmed(bytes(io.BytesIO(bytes(8)).getvalue()), [("huge", 0.9, 0)])) == 8
