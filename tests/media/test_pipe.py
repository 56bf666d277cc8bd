"""Standard input and output: at once, whole, and never waiting for what will not come."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vdequant.media.pipe import HEAD, Arriving, Leaving, is_stream


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A real pipe: the handles to read from and to write to."""
    read, write = os.pipe()
    yield read, write
    for handle in (read, write):
        try:
            os.close(handle)
        except OSError:
            continue


def test_what_has_come_is_given_at_once_and_nothing_twice(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], bytes(range(HEAD)) + b"abc")
    file = Arriving(pipe[0])
    assert file.head == bytes(range(HEAD))
    assert file.read(10) == bytes(range(10))
    assert file.read(1 << 20) == bytes(range(10, HEAD))
    assert file.read(1 << 20) == b"abc"  # more may come, but nobody waits for it
    os.close(pipe[1])
    assert file.read(1 << 20) == b""


def test_a_short_stream_has_a_short_head(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"ab")
    os.close(pipe[1])
    file = Arriving(pipe[0])
    assert (file.head, file.read(5), file.read(5)) == (b"ab", b"ab", b"")


def test_a_reader_that_waits_is_woken_by_stop(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], bytes(HEAD))
    file = Arriving(pipe[0])
    assert len(file.read(HEAD)) == HEAD
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(file.read(1)), daemon=True)
    thread.start()
    time.sleep(0.05)
    assert got == []
    file.stop()
    thread.join(timeout=10)
    assert got == [b""]
    assert file.cut


def test_a_sender_is_given_time_to_come_to_its_end(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], bytes(HEAD))
    file = Arriving(pipe[0])
    file.read(HEAD)
    file.stop(grace=60)
    os.write(pipe[1], b"the rest")
    os.close(pipe[1])
    assert file.read(100) == b"the rest"
    assert file.read(100) == b""
    assert not file.cut


def test_time_without_input_is_counted(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], bytes(HEAD + 1))
    file = Arriving(pipe[0])
    file.read(HEAD)
    file.read(1)
    before = file.waited
    threading.Timer(0.2, lambda: os.write(pipe[1], b"x")).start()
    assert file.read(1) == b"x"
    assert file.waited - before >= 0.15


@pytest.mark.parametrize(
    ("head", "name"), [(b"nut/multimedia container\0", "nut"), (b"YUV4MPEG2 W8 H8", "yuv4mpegpipe"), (b"GIF89a", None)]
)
def test_streams_are_known_by_their_first_bytes(head: bytes, name: str | None, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], head.ljust(HEAD, b"\0"))
    assert Arriving(pipe[0]).format == name


def test_writing_is_whole_however_slow_the_reader_is(pipe: tuple[int, int]) -> None:
    data = os.urandom(300_000)  # more than a pipe holds
    os.set_blocking(pipe[1], False)
    got = bytearray()

    def read() -> None:
        while len(got) < len(data):
            got.extend(os.read(pipe[0], 5000))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert Leaving(pipe[1]).write(data) == len(data)
    thread.join(timeout=30)
    assert bytes(got) == data


def test_a_reader_that_has_gone_is_an_error(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        Leaving(pipe[1]).write(b"x")


def test_named_pipes_are_streams_and_files_are_not(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    assert is_stream(str(tmp_path / "fifo"))
    assert not is_stream(str(tmp_path / "file"))
    assert not is_stream(str(tmp_path / "none"))
