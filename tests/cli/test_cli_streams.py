"""The program between other programs: real pipes, real processes, real ffmpeg."""

from __future__ import annotations

import io
import json
import os
import queue
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import make
import numpy as np
import pytest
import record_captures
from tiny_programs import cartridge

from vdequant.cli.main import command_parser
from vdequant.cli.restore import settings_of
from vdequant.errors import InputError
from vdequant.media.ffmpeg_cli import find_ffmpeg

FAST = ("--restorer", "deband", "--quantizer", "5-5-5", "--device", "cpu", "--workers", "1", "--temporal", "lock")
PROGRAM = (sys.executable, "-m", "vdequant")
WIDTH, HEIGHT = 48, 32
ROOT = Path(__file__).resolve().parents[2]
LIMIT = 120  # seconds; a test that waits so long has failed


def picture(moment: int) -> np.ndarray:
    """A picture ``(HEIGHT, WIDTH, 3)`` whose brightness tells its number, with grain that does not compress."""
    grain = np.random.default_rng(moment).integers(0, 2, (HEIGHT, WIDTH, 3)) * 8
    return (moment * 8 % 240 + grain).astype(np.uint8)


class Feed:
    """Writes a NUT stream picture by picture, with sound if wanted."""

    def __init__(self, file: Any, *, sound: bool) -> None:
        self._out = av.open(file, "w", format="nut", container_options={"flush_packets": "1"})
        self._film = self._out.add_stream("ffv1", rate=60)
        self._film.width, self._film.height, self._film.pix_fmt = WIDTH, HEIGHT, "bgr0"
        self._film.thread_type = "SLICE"
        self._sound = self._out.add_stream("pcm_s16le", rate=48000, layout="mono") if sound else None

    def picture(self, number: int) -> None:
        """Send the next one, after its sixtieth of a second of sound."""
        if self._sound is not None:
            beep = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
            beep.sample_rate, beep.pts = 48000, number * 800
            self._out.mux(self._sound.encode(beep))
        frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(format="bgr0")
        frame.pts, frame.time_base = number, Fraction(1, 60)
        self._out.mux(self._film.encode(frame))

    def end(self) -> None:
        """Complete the stream."""
        self._out.mux(self._film.encode(None))
        self._out.close()


def stream(count: int, *, sound: bool = False) -> bytes:
    """A whole stream."""
    file = io.BytesIO()
    feed = Feed(file, sound=sound)
    for number in range(count):
        feed.picture(number)
    feed.end()
    return file.getvalue()


def started(*words: object, **streams: Any) -> subprocess.Popen[bytes]:
    """The program with all its streams in our hands."""
    command = [*PROGRAM, *map(str, words)]
    ends = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.Popen(command, bufsize=0, **ends)


def piped(data: bytes, *words: object) -> tuple[int, bytes, str]:
    """Exit code, standard output and standard error of a whole run."""
    process = started(*words)
    out, err = process.communicate(data, timeout=LIMIT)
    return process.returncode, out, err.decode()


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Any) -> Any:
    """Run the program in this process with ``data`` on standard input; exit code, standard output, standard error."""

    def call(data: bytes, *words: object) -> tuple[int, bytes, str]:
        read, write = os.pipe()
        threading.Thread(target=_fed, args=(write, data), daemon=True).start()
        target = tmp_path / "standard-output"
        with os.fdopen(read) as stdin, open(target, "w") as stdout:
            monkeypatch.setattr(sys, "stdin", stdin)
            monkeypatch.setattr(sys, "stdout", stdout)
            ran = run(*words)
        return ran.code, target.read_bytes(), ran.err

    return call


def _fed(handle: int, data: bytes) -> None:
    with os.fdopen(handle, "wb") as file:
        try:
            file.write(data)
        except BrokenPipeError:
            return


def decoded(data: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(data)) as container:
        return list(container.decode(video=0))


def test_nut_goes_out_by_itself_with_sound_and_times_and_all_words_go_to_standard_error(through: Any) -> None:
    code, out, err = through(stream(8, sound=True), "-", "-o", "-", "-v", *FAST)
    assert code == 0, err
    assert out.startswith(b"nut/multimedia container\0")
    frames = decoded(out)
    assert [frame.time for frame in frames] == pytest.approx([n / 60 for n in range(8)], abs=1e-6)
    assert frames[0].format.name == "gbrp10le"
    with av.open(io.BytesIO(out)) as container:
        assert sum(p.duration or 0 for p in container.demux(audio=0)) * Fraction(1, 48000) == Fraction(8, 60)
    assert "8 frames" in err


@pytest.mark.parametrize(("form", "shape"), [("rawvideo", (HEIGHT, WIDTH, 3)), ("y4m", (3, HEIGHT, WIDTH))])
def test_pictures_alone_go_out_as_raw_samples_or_y4m(form: str, shape: tuple[int, ...], through: Any) -> None:
    code, out, err = through(stream(4), "-", "-o", "-", "-f", form, "--bits", "8", *FAST)
    assert code == 0, err
    size = int(np.prod(shape))
    if form == "rawvideo":
        shown = np.frombuffer(out, np.uint8).reshape(-1, *shape)
        assert [abs(int(a.mean()) - int(picture(n).mean())) <= 4 for n, a in enumerate(shown)] == [True] * 4
    else:
        header, rest = out.split(b"\n", 1)
        assert header.startswith(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F60:1".encode())
        assert len(rest) == 4 * (size + len(b"FRAME\n"))


def test_raw_pictures_come_in_as_they_are_described(through: Any, tmp_path: Path) -> None:
    data = b"".join(picture(number).tobytes() for number in range(5))
    words = ("-", "--size", f"{WIDTH}x{HEIGHT}", "--fps", "50", "-o", tmp_path / "o.mkv", "--lossless", *FAST)
    code, _, err = through(data, *words)
    assert code == 0, err
    with av.open(str(tmp_path / "o.mkv")) as back:
        frames = list(back.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx([0, 0.02, 0.04, 0.06, 0.08], abs=2e-3)
    assert frames[3].to_ndarray(format="rgb24").mean() == pytest.approx(picture(3).mean(), abs=4)


UNDESCRIBED = {
    "raw pictures": lambda: b"".join(picture(number).tobytes() for number in range(3)),
    "noise": lambda: np.random.default_rng(0).bytes(5000),
    "what may be bare H.263 or noise": make.bare_h263,
    "words of a song": lambda: b"[00:12.00]Line\n[00:17.20]More\n" * 9,
}


@pytest.mark.parametrize("kind", UNDESCRIBED)
def test_what_is_no_video_is_one_line_that_names_the_options_for_raw_pictures(
    kind: str, through: Any, tmp_path: Path
) -> None:
    code, _, err = through(UNDESCRIBED[kind](), "-", "-o", tmp_path / "o.mkv")
    assert code == 1
    assert not (tmp_path / "o.mkv").exists()
    assert len(err.splitlines()) == 1
    assert "--size 256x240 --fps 60 --pix-fmt rgb24" in err


def test_a_sender_that_sends_nothing_is_named(through: Any, tmp_path: Path) -> None:
    code, _, err = through(b"", "-", "-o", tmp_path / "o.mkv")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "standard input ended before anything came" in err


def test_raw_pictures_can_be_probed(tmp_path: Path, run: Any) -> None:
    (tmp_path / "dump.rgb").write_bytes(b"".join(picture(number).tobytes() for number in range(3)))
    ran = run("probe", tmp_path / "dump.rgb", "--size", f"{WIDTH}x{HEIGHT}", "--json", "--device", "cpu")
    assert json.loads(ran.out)["source"]["layout"]["width"] == WIDTH


def test_ffmpeg_sends_and_ffmpeg_receives() -> None:
    try:
        ffmpeg = find_ffmpeg()
    except InputError:
        pytest.skip("no ffmpeg program")
    make = [ffmpeg, "-v", "error", "-f", "lavfi", "-i", f"testsrc=s={WIDTH}x{HEIGHT}:r=60:d=0.2"]
    take = [ffmpeg, "-v", "error", "-i", "-", "-f", "framecrc", "-"]
    with (
        subprocess.Popen([*make, "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-"], stdout=subprocess.PIPE) as first,
        started("-", "-o", "-", "-f", "y4m", *FAST, stdin=first.stdout) as ours,
        subprocess.Popen(take, stdin=ours.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as last,
    ):
        for pipe in (first.stdout, ours.stdout):
            assert pipe is not None
            pipe.close()
        received, complaints = last.communicate(timeout=LIMIT)
        assert ours.stderr is not None
        said = ours.stderr.read().decode()
    assert (first.returncode, ours.returncode, last.returncode) == (0, 0, 0), said
    assert complaints == b""
    assert len([line for line in received.splitlines() if line.startswith(b"0,")]) == 12


def test_a_reader_that_has_seen_enough_ends_the_run_in_one_line() -> None:
    """As ``| head -c 1000``: one line, and not zero."""
    with started("-", "-o", "-", "-q", *FAST) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(stream(40)[:-2000])
        assert process.stdout.read(1000)
        process.stdout.close()
        said = process.stderr.read().decode()  # until it ends, though its input is still open
        assert process.wait(timeout=LIMIT) == 1
    assert said.startswith("vdequant: error: the program that reads our output has ended")
    assert len(said.splitlines()) == 1


def read_exactly(file: Any, count: int) -> bytes:
    """``count`` bytes, or a failure when they do not come."""
    data = b""
    while len(data) < count:
        ready, _, _ = select.select([file], [], [], LIMIT)
        assert ready, f"{len(data)} of {count} bytes came, then nothing more"
        more = os.read(file.fileno(), count - len(data))
        assert more, f"it ended after {len(data)} of {count} bytes"
        data += more
    return data


def test_a_live_picture_comes_out_before_the_next_but_one_goes_in() -> None:
    """In lock step: whatever held back more pictures than that would never see the next one."""
    with started("-", "--live", "-o", "-", "-f", "rawvideo", "--bits", "8", *FAST) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        feed = Feed(process.stdin, sound=True)
        feed.picture(0)
        for number in range(1, 40):
            feed.picture(number)
            shown = np.frombuffer(read_exactly(process.stdout, WIDTH * HEIGHT * 3), np.uint8)
            assert shown.mean() == pytest.approx(picture(number - 1).mean(), abs=4)
        feed.end()
        process.stdin.close()
        read_exactly(process.stdout, WIDTH * HEIGHT * 3)
        assert process.stderr is not None
        said = process.stderr.read().decode()
    assert process.returncode == 0, said
    assert "40 frames" in said
    assert "live: a picture went out" in said


def received(file: Any) -> Iterator[av.VideoFrame]:
    """Pictures of a stream as they come."""

    class Reader:
        def read(self, count: int) -> bytes:
            return os.read(file.fileno(), count)

    with av.open(Reader(), "r", format="nut", options={"fpsprobesize": "0"}) as container:
        yield from container.decode(video=0)


def test_live_pictures_with_sound_reach_a_player_in_real_time() -> None:
    """A second at 30 a second; what the program says of its lateness agrees with what a player sees."""
    came: queue.Queue[float] = queue.Queue()
    with started("-", "--live", "-o", "-", *FAST) as process:
        assert process.stdin is not None
        feed = Feed(process.stdin, sound=True)
        player = threading.Thread(
            target=lambda: [came.put(time.monotonic()) for _ in received(process.stdout)], daemon=True
        )
        player.start()
        for number in range(4):  # the start, which takes as long as it takes
            feed.picture(number)
        came.get(timeout=LIMIT)
        sent = []
        for number in range(4, 34):
            feed.picture(number)
            sent.append(time.monotonic())
            time.sleep(1 / 30)
        feed.end()
        process.stdin.close()
        player.join(timeout=LIMIT)
        assert process.stderr is not None
        said = process.stderr.read().decode()
    assert process.returncode == 0, said
    times = [came.get_nowait() for _ in range(33)]
    late = sorted(there - here for here, there in zip(sent, times[3:], strict=True))
    assert late[len(late) // 2] < 0.5, (late, said)
    assert "cannot keep up" not in said


def test_control_c_ends_a_live_run_and_completes_its_file(tmp_path: Path) -> None:
    target = tmp_path / "o.mkv"
    with started("-", "--live", "-o", target, "--lossless", "-v", *FAST) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(stream(30)[:-3000])  # in the middle of a picture
        line = b""
        while b"writing:" not in line:
            line = process.stderr.readline()
            assert line
        time.sleep(1)  # into the work
        process.send_signal(signal.SIGINT)
        said = process.stderr.read().decode()  # its input is still open
        assert process.wait(timeout=LIMIT) == 0, said
    assert "damaged" not in said
    with av.open(str(target)) as back:
        assert 1 <= len(list(back.decode(video=0))) < 30
    assert [path.name for path in tmp_path.iterdir()] == ["o.mkv"]


def test_live_is_for_streams_alone(clip: Path, tmp_path: Path, run: Any) -> None:
    ran = run(clip, "--live", "-o", tmp_path / "o.mkv")
    assert ran.code == 2
    assert f"ffmpeg -re -i {clip}" in ran.err
    assert len(ran.err.splitlines()) == 1


def recipes() -> list[str]:
    """The parts of pipes in the READMEs that are ours."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "samples/recorders/README.md")]
    lines = [line.split(" #")[0] for text in texts for line in text.splitlines() if "| vdequant " in f"| {line}"]
    parts = [part.strip() for line in lines for part in line.split(" | ")]
    return [part for part in parts if part.startswith("vdequant ") and " -o -" in part]


@pytest.mark.parametrize("part", recipes())
def test_every_pipe_of_the_recipes_is_a_command_line_that_exists(part: str) -> None:
    args = command_parser("restore").parse_intermixed_args(shlex.split(part)[1:])
    assert args.inputs
    assert settings_of(args) is not None


def test_there_are_recipes_for_pipes() -> None:
    assert sum("--live" in part for part in recipes()) >= 4


@pytest.mark.slow
def test_retroarch_is_restored_while_it_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not all(map(shutil.which, ("retroarch", "Xvfb"))) or not Path(record_captures.CORE).exists():
        pytest.skip("needs retroarch, libretro-gambatte and xvfb")
    game, fifo = cartridge(tmp_path / "scroll.gb"), tmp_path / "live.nut"
    shutil.copy(record_captures.RECIPES / "retroarch.cfg", tmp_path)
    os.mkfifo(fifo)
    for name in ("DISPLAY", "SDL_AUDIODRIVER"):  # put back afterwards
        monkeypatch.setenv(name, "")
    record = ["--record", str(fifo), "--recordconfig", str(record_captures.RECIPES / "retroarch-live.cfg")]
    play = ["retroarch", "--config", str(tmp_path / "retroarch.cfg"), "-L", record_captures.CORE, str(game)]
    with ExitStack() as stack, started(fifo, "--live", "-o", "-", "--restorer", "deband") as process:
        record_captures.screen(stack, *play, "--max-frames", "200", *record)
        out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, err
    assert len(decoded(out)) == 200
    with av.open(io.BytesIO(out)) as container:
        assert sum(packet.size for packet in container.demux(audio=0)) > 0
