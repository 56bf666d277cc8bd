"""Live runs: lateness is measured, too slow a program says so once, and Ctrl-C completes what came."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import make
import numpy as np
import pytest
import torch

from vdequant.errors import UsageError
from vdequant.frames import Frame, Layout, SidePacket
from vdequant.live import GRACE, Pace, Timing, check_live, ending_gently
from vdequant.media.memory import MemorySource
from vdequant.planning import SAMPLES, analyse
from vdequant.schedule.device import choose_engine
from vdequant.settings import TEMPORALS, Settings
from vdequant.temporal.chain import make_smoother

LAYOUT = Layout(16, 12)
TICK = Fraction(1, 60)


def picture(number: int) -> Frame:
    planes = tuple(torch.full((12, 16), number % 256, dtype=torch.uint8) for _ in range(3))
    return Frame(planes, LAYOUT, number, TICK)


@dataclass
class World:
    """A clock and a stream, both in our hands."""

    now: float = 0.0
    waited: float = 0.0
    warnings: list[str] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)

    def stop(self, grace: float = 0.0) -> None:
        self.stops.append(grace)

    def pace(self) -> Pace:
        return Pace(self, self.warnings.append, lambda: self.now)


def play(world: World, pictures: int, *, waits: float, works: float) -> Timing:
    """So many pictures, each of which is waited for and worked on for so many seconds."""
    pace = world.pace()
    write = pace.timing(lambda item, result: None)
    for item in pace.arriving(coming(world, pictures, waits)):
        world.now += works
        write(item, None)
    result = pace.result()
    assert result is not None
    return result


def coming(world: World, pictures: int, waits: float) -> list[Frame]:
    """Pictures that let the time go by as they are taken."""

    class Slow(list[Frame]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            for number in range(pictures):
                world.now += waits
                world.waited += waits
                yield picture(number)

    return Slow()


def test_what_keeps_up_says_how_late_pictures_are_and_nothing_else() -> None:
    world = World()
    timing = play(world, 600, waits=1 / 60 - 0.012, works=0.012)
    assert (timing.median, timing.slow) == (0.012, 0.012)
    assert timing.speed == pytest.approx(1, abs=0.01)
    assert timing.kept_up
    assert world.warnings == []


def test_what_does_not_keep_up_is_said_once() -> None:
    world = World()
    timing = play(world, 600, waits=0, works=0.05)
    assert timing.speed == pytest.approx(1 / 3, abs=0.01)
    assert not timing.kept_up
    assert len(world.warnings) == 1
    assert "20.0 pictures a second go through, 0.33 of real time" in world.warnings[0]


def test_a_sender_that_leaves_out_what_is_not_taken_in_time_is_noticed_too() -> None:
    """A screen grabber's stamps go on with the clock; then only our never waiting tells."""
    world = World()
    pace = world.pace()
    write = pace.timing(lambda item, result: None)
    for item in pace.arriving(picture(3 * number) for number in range(200)):
        world.now += 0.05
        write(item, None)
    assert pace.result().speed == pytest.approx(1, abs=0.02)  # type: ignore[union-attr]
    assert len(world.warnings) == 1


def test_a_file_that_is_sent_as_fast_as_possible_is_no_reason_to_warn() -> None:
    world = World()
    timing = play(world, 2000, waits=0, works=0.01)
    assert timing.speed > 1.5
    assert world.warnings == []


def test_a_pause_of_the_sender_is_no_reason_to_warn() -> None:
    world = World()
    pace = world.pace()
    write = pace.timing(lambda item, result: None)
    for number in range(300):
        for item in pace.arriving([picture(number)]):
            pause = 30 if number == 100 else 1 / 60
            world.now, world.waited = world.now + pause, world.waited + pause
            write(item, None)
    assert world.warnings == []


def test_95_of_100_pictures_are_no_later_than_is_said() -> None:
    world = World()
    pace = world.pace()
    write = pace.timing(lambda item, result: None)
    for number in range(1, 101):
        for item in pace.arriving([picture(number)]):
            world.now += number / 1000
            write(item, None)
    timing = pace.result()
    assert timing is not None
    assert (timing.median, timing.slow) == (0.05, 0.095)


def test_sound_is_passed_on_and_not_timed() -> None:
    pace = World().pace()
    seen: list[object] = []
    write = pace.timing(lambda item, result: seen.append(item))
    packet = SidePacket(b"sound", 1)
    for item in pace.arriving([packet]):
        write(item, None)
    assert seen == [packet]
    assert pace.result() is None


@pytest.mark.parametrize("temporal", [name for name in TEMPORALS if name != "auto"])
def test_no_smoother_of_a_live_run_looks_ahead(temporal: str) -> None:
    smoother = make_smoother(temporal, Settings(live=True, temporal=temporal).flicker, live=True)
    assert smoother is None or smoother.look_ahead == 0


@pytest.mark.parametrize("given", [{"flicker": "blend"}, {"vfr": True}, {"resume": True}])
def test_what_has_to_wait_is_refused_together_with_live(given: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(given))}.*--live"):
        Settings(live=True, **given)  # type: ignore[arg-type]


def test_a_file_does_not_play() -> None:
    with pytest.raises(UsageError, match=r"ffmpeg -re -i game\.mkv"):
        check_live(Settings(live=True), make.info(LAYOUT))
    check_live(Settings(live=True), make.info(LAYOUT, "pipe"))
    check_live(Settings(), make.info(LAYOUT))


class Counting(MemorySource):
    """A stream that counts how many pictures are looked at before it plays."""

    looked = 0

    def sample(self, count: int) -> list[Frame]:
        frames = [item for item in self._items if isinstance(item, Frame)][:count]
        self.looked = max(self.looked, len(frames))
        return frames


def stream(blank: int, rest: int = 60) -> Counting:
    """Pictures of one color, then a ramp of 8 levels that moves."""
    y, x = np.mgrid[:48, :64]
    layout = Layout(64, 48)
    frames = []
    for number in range(blank + rest):
        levels = ((x + y + number) // 6 % 8 * 255 / 7).round() if number >= blank else np.zeros((48, 64))
        plane = torch.from_numpy(levels.astype(np.uint8))
        frames.append(Frame((plane, plane, plane), layout, number, TICK))
    return Counting(frames, make.info(layout, "pipe"))


@pytest.mark.parametrize(("quantizer", "held"), [("m=8", 1), ("5-5-5", 1), ("palette:16", SAMPLES), ("auto", SAMPLES)])
def test_no_more_pictures_are_held_back_than_must_be_seen(quantizer: str, held: int) -> None:
    source = stream(blank=0)
    analyse(source, Settings(live=True, quantizer=quantizer), choose_engine("cpu", 1))
    assert source.looked == held


@pytest.mark.parametrize("live", [True, False])
def test_a_blank_screen_at_the_start_does_not_hide_what_was_lost(live: bool) -> None:
    source = stream(blank=40)
    plan = analyse(source, Settings(live=live), choose_engine("cpu", 1))
    assert 40 < source.looked <= 40 + 2 * SAMPLES
    assert plan.finding.description == analyse(stream(blank=0), Settings(), choose_engine("cpu", 1)).finding.description


def test_a_stream_that_stays_blank_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vdequant.planning.SAMPLED_PIXELS", 64 * 48 * 50)
    source = stream(blank=300, rest=0)
    analyse(source, Settings(live=True), choose_engine("cpu", 1))
    assert 50 <= source.looked <= 50 + SAMPLES


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a terminal, though the tests may run where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("interruptible")
def test_a_signal_stops_the_input_first_and_the_program_second(first: signal.Signals) -> None:
    world, before = World(), signal.getsignal(signal.SIGTERM)

    def twice() -> None:
        with ending_gently(world, live=True):
            os.kill(os.getpid(), first)
            assert world.stops == [GRACE]
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert world.stops == [GRACE]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is before


def test_signals_that_are_ignored_stay_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ending_gently(World(), live=True):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_control_c_is_left_alone_elsewhere() -> None:
    before = signal.getsignal(signal.SIGINT)
    with ending_gently(World(), live=False):
        assert signal.getsignal(signal.SIGINT) is before
    inside: list[object] = []

    def other_thread() -> None:
        with ending_gently(World(), live=True):
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=other_thread)
    thread.start()
    thread.join()
    assert inside == [before]
