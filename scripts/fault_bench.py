"""What the table of faults is made with: clips, the frames they must give, and one fault tried on one of them."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from fault_lab import Lab, Run

OPTIONS = ("--restorer", "deband", "--quantizer", "5-5-5", "--device", "cpu", "--workers", "1", "--scale", "1", "-q")
BEFORE = b"what was here before"
SHOT = 13  # frames between two cuts
Content = list[tuple[Fraction, bytes]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one fault.

    Attributes:
        lost: frames that should have been written, and were not.
        why: what else was not as it should be; "" for nothing.
    """

    lost: int
    why: str = ""


def picture(moment: int, shot: int = SHOT) -> np.ndarray[Any, Any]:
    """A moving gradient in 32 levels a channel; every ``shot`` moments another one."""
    y, x = np.mgrid[:32, :48]
    rgb = (
        np.stack([(x * 3 + moment) % 256, y * 5 + 40, (x + y + moment * 2) % 256], -1)
        / 255
        / (1, 2, 6)[moment // shot % 3]
    )
    level = np.round(rgb * 31).astype(np.uint8)
    return np.asarray(level << 3 | level >> 2)


def film(path: Path, count: int, *, codec: str = "ffv1", shot: int = SHOT, rate: int = 1) -> Path:
    """A clip with sound; one picture a second makes minutes of video that are done in a second."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "bgr0" if codec == "ffv1" else "yuv420p"
        stream.codec_context.thread_count = 1
        sound = out.add_stream("flac", rate=8000, layout="mono")
        for moment in range(count):
            shown = av.VideoFrame.from_ndarray(picture(moment, shot), "rgb24").reformat(format=stream.pix_fmt)
            shown.pts, shown.time_base = moment, Fraction(1, rate)
            out.mux(stream.encode(shown))
            heard = av.AudioFrame.from_ndarray(
                np.full((1, 8000 // rate), moment, np.int16), format="s16", layout="mono"
            )
            heard.sample_rate, heard.pts, heard.time_base = 8000, moment * 8000 // rate, Fraction(1, 8000)
            out.mux(sound.encode(heard))
        out.mux(stream.encode(None))
        out.mux(sound.encode(None))
    return path


def folder(path: Path, count: int) -> Path:
    """Numbered pictures."""
    path.mkdir()
    for moment in range(count):
        cv2.imwrite(str(path / f"f{moment:04d}.png"), picture(moment)[..., ::-1])
    return path


def content(target: Path) -> Content:
    """Times and samples of all pictures of a film, or names and bytes of a folder's."""
    if target.is_dir():
        pictures = sorted(target.glob("*.png"))
        return [(Fraction(i), file.name.encode() + file.read_bytes()) for i, file in enumerate(pictures)]
    with av.open(str(target)) as source:
        stream = source.streams.video[0]
        base = Fraction(stream.time_base or 1)
        return [((frame.pts or 0) * base, frame.to_ndarray().tobytes()) for frame in source.decode(stream)]


def decodable(path: Path) -> list[Fraction]:
    """Times in seconds of the pictures that decode, packet by packet, whatever lies between them."""
    times = []
    try:
        with av.open(str(path)) as source:
            stream = source.streams.video[0]
            stream.codec_context.thread_count = 1
            for packet in source.demux(stream):
                try:
                    times += [
                        frame.pts * Fraction(stream.time_base or 1)
                        for frame in packet.decode()
                        if frame.pts is not None
                    ]
                except av.error.FFmpegError:
                    continue
    except (av.error.FFmpegError, IndexError):
        pass  # nothing more in it
    return times


def heard(path: Path) -> list[tuple[int, bytes]]:
    """Packets of the sound: milliseconds and content."""
    with av.open(str(path)) as source:
        if not source.streams.audio:
            return []
        base = source.streams.audio[0].time_base or Fraction(1)
        packets = (p for p in source.demux(audio=0) if p.size and p.pts is not None)
        return [(round((p.pts or 0) * base * 1000), bytes(p)) for p in packets]


def missing(found: Content, wanted: Content) -> int:
    """How many of the wanted pictures are not there, at their time and with their samples."""
    there = set(found)
    return sum(shown not in there for shown in wanted)


class Bench:
    """Inputs with their frames, and a place for outputs.

    Args:
        lab: where it runs.
        place: an empty folder.
        frames: of the film that most faults are tried on.
    """

    def __init__(self, lab: Lab, place: Path, frames: int = 100) -> None:
        self.lab, self.place, self.frames = lab, place, frames
        self._wanted: dict[tuple[Path, tuple[str, ...]], Content] = {}
        self._number = 0

    def fresh(self) -> Path:
        """A folder of its own."""
        self._number += 1
        home = self.place / str(self._number)
        home.mkdir()
        return home

    def film(self, count: int = 0) -> Path:
        """See :func:`film`; made once. Of ``frames`` pictures unless told otherwise."""
        count = count or self.frames
        path = self.place / f"film{count}.mkv"
        return path if path.exists() else film(path, count)

    def wanted(self, source: Path, options: tuple[str, ...] = (), ending: str = ".mkv") -> Content:
        """What a run gives that nothing happens to."""
        key = source, options
        if key not in self._wanted:
            target = self.place / f"whole{len(self._wanted)}{ending}"
            run = self.lab.run(source, "-o", target, *OPTIONS, *options)
            if run.code:
                raise RuntimeError(run.said)
            self._wanted[key] = content(target)
        return self._wanted[key]

    def strike(
        self,
        source: Path,
        fault: str = "",
        number: int = 0,
        *,
        codes: Sequence[int] = (1,),
        options: tuple[str, ...] = (),
        ending: str = ".mkv",
        kill: float = 0,
        sends: int = signal.SIGKILL,
        between: Any = None,
    ) -> Outcome:
        """One fault, and then the same command again, which has to give all frames.

        Args:
            codes: exit codes of the run that is struck; 0 is always allowed, if its output is whole.
            between: called with the output between both runs.
        """
        wanted = self.wanted(source, options, ending)
        home = self.fresh()
        target = home / f"out{ending}"
        if not ending:
            target.mkdir()
        (target if ending else target / "old.txt").write_bytes(BEFORE)
        words = (source, "-y", "-o", target, *OPTIONS, *options)
        run = self.lab.run(*words, fault=fault, number=number, kill=kill, sends=sends)
        why = self._wrong(run, target, wanted, codes)
        if between is not None:
            between(target)
        if run.code:
            again = self._complaint(self.lab.run(*words))
            why = why or again
        self._drop_old(target)
        if not target.is_dir() and target.read_bytes() == BEFORE:
            return Outcome(len(wanted), why or "the second run wrote nothing")
        if not why and sorted(home.iterdir()) != [target]:
            why = f"left behind: {sorted(path.name for path in home.iterdir())}"
        return Outcome(missing(content(target), wanted), why)

    def _wrong(self, run: Run, target: Path, wanted: Content, codes: Sequence[int]) -> str:
        if run.hung or run.orphans:
            return f"hung after {run.seconds:.0f} s" if run.hung else f"{run.orphans} processes left"
        if run.code not in (0, *codes):
            return f"exit code {run.code}: {run.said}"
        old = target / "old.txt" if target.is_dir() else target
        if not run.code or (old.read_bytes() == BEFORE and (old == target or len(list(target.iterdir())) == 1)):
            return ""
        # Struck after the output was complete: then all of it is there.
        return "" if not missing(content(target), wanted) else "the output from before is gone"

    @staticmethod
    def _complaint(run: Run) -> str:
        return "" if run.code == 0 and not run.hung else f"the second run failed: {run.said}"

    @staticmethod
    def _drop_old(target: Path) -> None:
        if target.is_dir():
            (target / "old.txt").unlink()

    def damaged(self, source: Path, ending: str = ".mkv") -> tuple[Outcome, int]:
        """Restore a damaged input once: no time of a picture that decodes may be missing; also gives the exit code."""
        wanted, target = decodable(source), self.fresh() / f"out{ending}"
        run = self.lab.run(source, "-o", target, *OPTIONS)
        if run.hung or run.orphans:
            return Outcome(0, "hung" if run.hung else "processes left"), run.code
        if not target.exists():
            fits = run.code == 1 and len(run.said.splitlines()) == 1
            return Outcome(len(wanted), "" if fits else f"exit code {run.code}: {run.said}"), run.code
        written = content(target)
        times = {round(time * 1000) for time, _ in written}
        lost = sum(round(time * 1000) not in times for time in wanted)
        if wanted != sorted(set(wanted)):  # the damage is in the times themselves, which are then repaired
            lost = max(0, len(wanted) - len(written))
        if set(heard(source)) - set(heard(target)):
            return Outcome(lost, "sound is missing or elsewhere"), run.code
        return Outcome(lost, "" if run.code in (0, 3) else f"exit code {run.code}: {run.said}"), run.code
