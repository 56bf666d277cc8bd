"""Tries faults on vdequant and prints what it survived: python scripts/fault_table.py [--quick] [ROW...]

Every run is a process of its own. After a fault the same command runs again and must give every frame of a run that
nothing happened to; no run may hang (30 s), leave a process, or touch the older output under the final name unless its
own is complete. Of damaged inputs, every picture that decodes must be in the output at its time.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from fault_bench import OPTIONS, Bench, Outcome, content, decodable, film, folder, missing
from fault_lab import Lab

Trials = Iterator[Outcome]


def killed(bench: Bench, count: int, moments: random.Random) -> Trials:
    """kill -9 at a random moment"""
    source = bench.film()
    bench.wanted(source)
    seconds = bench.lab.run(source, "-o", bench.fresh() / "timed.mkv", "-q").seconds
    for _ in range(count):
        yield bench.strike(source, codes=(-9,), kill=moments.uniform(0.05, seconds))


def killed_again_and_again(bench: Bench, count: int, moments: random.Random) -> Trials:
    """kill -9 at random frames of one job, one after the other"""
    source, target = bench.film(300), bench.fresh() / "out.mkv"
    wanted = bench.wanted(source)
    for _ in range(count):
        bench.lab.run(source, "-o", target, *OPTIONS, fault="killed at a frame", number=moments.randrange(1, 60))
        if target.exists():
            yield Outcome(missing(content(target), wanted))
            target.unlink()
        else:
            yield Outcome(0)
    run = bench.lab.run(source, "-o", target, *OPTIONS)
    yield Outcome(missing(content(target), wanted), "" if run.code == 0 else run.said)


def _asked_to_stop(name: str, code: int) -> Callable[[Bench, int, random.Random], Trials]:
    def tried(bench: Bench, count: int, moments: random.Random) -> Trials:
        source = bench.film()
        for _ in range(count):
            yield bench.strike(source, name, moments.randrange(1, bench.frames), codes=(code,))

    tried.__doc__ = f"{name} while frames are written"
    return tried


def stopped_while_starting(bench: Bench, count: int, moments: random.Random) -> Trials:
    """SIGTERM or SIGINT at a random moment, before the work or in it"""
    source = bench.film()
    for number in range(count):
        sends = (signal.SIGTERM, signal.SIGINT)[number % 2]
        codes = (143, 130, -sends)  # by the signal itself until the program has begun
        yield bench.strike(source, codes=codes, kill=moments.uniform(0.02, 0.5), sends=sends)


def power(bench: Bench, count: int, moments: random.Random) -> Trials:
    """power lost at a rename, while syncing (half a file is there), or while tidying"""
    source, pictures = bench.film(), folder(bench.fresh() / "power", 40)
    faults = ("power lost at a rename", "power lost while syncing", "power lost while tidying")
    for number in range(count):
        fault = faults[number % 3]
        if number % 4 == 3:
            yield bench.strike(pictures, fault, 1, codes=(-9,), options=("--resume",), ending="")
        else:
            yield bench.strike(source, fault, 1 + number // 3, codes=(-9,))


def torn(bench: Bench, count: int, moments: random.Random) -> Trials:
    """manifest or a kept segment torn, flipped or gone after a kill"""
    source = bench.film()

    def tear(target: Path) -> None:
        parts = Path(f"{target}.parts")
        if not parts.exists():
            return
        file = moments.choice(sorted(path for path in parts.iterdir()))
        data = bytearray(file.read_bytes())
        place = moments.randrange(len(data) or 1)
        match moments.randrange(3):
            case 0:
                file.write_bytes(data[:place])
            case 1 if data:
                data[place] ^= 1 << moments.randrange(8)
                file.write_bytes(data)
            case _:
                file.unlink()

    for _ in range(count):
        number = moments.randrange(20, bench.frames)
        yield bench.strike(source, "killed at a frame", number, codes=(-9,), between=tear)


def full_disk(bench: Bench, count: int, moments: random.Random) -> Trials:
    """disk full (ENOSPC, EFBIG) after a random number of bytes"""
    source = bench.film()
    for _ in range(count):
        yield bench.strike(source, "disk full", moments.randrange(500, 20_000))


def _inside(fault: str) -> Callable[[Bench, int, random.Random], Trials]:
    def tried(bench: Bench, count: int, moments: random.Random) -> Trials:
        source = bench.film()
        for _ in range(count):
            yield bench.strike(source, fault, moments.randrange(1, bench.frames))

    tried.__doc__ = fault
    return tried


def little_memory(bench: Bench, count: int, moments: random.Random) -> Trials:
    """too little memory for a whole picture: smaller tiles"""
    source = bench.film(20)
    for _ in range(count):
        yield bench.strike(source, "little memory", 200, options=("--no-reuse",))


def bad_sector(bench: Bench, count: int, moments: random.Random) -> Trials:
    """video unreadable from a random byte on: what was before is restored"""
    source = bench.film()
    whole, size = bench.wanted(source), source.stat().st_size
    for _ in range(count):
        target, readable = bench.fresh() / "out.mkv", moments.randrange(size // 4, size * 9 // 10)
        run = bench.lab.run(source, "-o", target, *OPTIONS, fault="bad sector", number=readable)
        if run.code != 3 or run.hung:
            yield Outcome(0, f"exit code {run.code}: {run.said}")
            continue
        there = len(content(target))
        short = bench.fresh() / "short.mkv"
        short.write_bytes(source.read_bytes()[:readable])
        least = len(decodable(short))
        same = [time for time, _ in content(target)] == [time for time, _ in whole[:there]]
        yield Outcome(max(0, least - there), "" if same else "other times")


def gone_picture(bench: Bench, count: int, moments: random.Random) -> Trials:
    """a picture of a folder cannot be read when its turn comes: the one before stands in"""
    source = folder(bench.fresh() / "gone", 30)
    options = ("--no-resume", "--temporal", "off")  # a smoother would carry the stand-in into other pictures
    wanted = bench.wanted(source, options, "")
    for _ in range(count):
        target = bench.fresh() / "out"
        words = (source, "-o", target, *OPTIONS, *options)
        run = bench.lab.run(*words, fault="picture gone", number=moments.randrange(15, 40))
        fits = run.code == 3 and "1 picture could not be decoded" in run.said and len(content(target)) == len(wanted)
        yield Outcome(max(0, len(wanted) - 1 - len(set(content(target)) & set(wanted))), "" if fits else run.said)


def _damaged(bench: Bench, source: Path, harm: Callable[[bytearray], bytes]) -> tuple[Outcome, int]:
    harmed = bench.fresh() / source.name
    harmed.write_bytes(harm(bytearray(source.read_bytes())))
    return bench.damaged(harmed)


def truncated(bench: Bench, count: int, moments: random.Random) -> Trials:
    """input truncated at a random byte"""
    home = bench.fresh()
    sources = [film(home / "a.mkv", 60, rate=25), film(home / "b.ts", 60, codec="libx264", rate=25)]
    for number in range(count):
        source = sources[number % 2]
        at = moments.randrange(source.stat().st_size // 5, source.stat().st_size - 200)
        outcome, code = _damaged(bench, source, lambda data, at=at: bytes(data[:at]))  # type: ignore[misc]
        known = source.suffix != ".ts"  # which promises no length
        yield outcome if code in ((1, 3) if known else (0, 1, 3)) else Outcome(outcome.lost, f"exit code {code}")


def flipped(bench: Bench, count: int, moments: random.Random) -> Trials:
    """input with random bits flipped; sound as in the input"""
    home = bench.fresh()
    sources = [
        film(home / "a.mkv", 40, rate=25),
        film(home / "b.mp4", 40, codec="libx264", rate=25),
        film(home / "c.mkv", 40, codec="libx264", rate=25),
    ]

    def flip(data: bytearray) -> bytes:
        for _ in range(moments.randrange(1, 8)):
            data[moments.randrange(len(data) // 10, len(data))] ^= 1 << moments.randrange(8)
        return bytes(data)

    for number in range(count):
        source = sources[number % 3]
        outcome, _ = _damaged(bench, source, flip)
        yield outcome


# row -> trials of the whole table
ROWS: dict[Callable[[Bench, int, random.Random], Trials], int] = {
    killed: 20,
    killed_again_and_again: 20,
    _asked_to_stop("SIGTERM", 143): 5,
    _asked_to_stop("Ctrl-C", 130): 5,
    stopped_while_starting: 6,
    power: 18,
    torn: 12,
    full_disk: 8,
    bad_sector: 6,
    gone_picture: 4,
    _inside("encoder broke"): 4,
    _inside("encoder swallowed a picture"): 4,
    _inside("worker crashed"): 4,
    _inside("decoding thread crashed"): 4,
    _inside("no memory"): 4,
    little_memory: 1,
    truncated: 16,
    flipped: 30,
}


def table(
    rows: dict[Callable[[Bench, int, random.Random], Trials], int], quick: bool
) -> Iterator[tuple[str, list[Outcome]]]:
    """Try each row; yields its name and what became of each trial."""
    with tempfile.TemporaryDirectory() as place, Lab() as lab:
        bench = Bench(lab, Path(place))
        for number, (row, count) in enumerate(rows.items()):
            trials = row(bench, min(count, 2) if quick else count, random.Random(number))
            yield str(row.__doc__), list(trials)


def main() -> int:
    """Print the table; 1 if a fault was not survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="words of the rows to try; default all")
    parser.add_argument("--quick", action="store_true", help="at most two trials a row")
    args = parser.parse_args()
    chosen = {r: n for r, n in ROWS.items() if not args.rows or any(word in str(r.__doc__) for word in args.rows)}
    print("| fault | tried | survived | lost frames |\n| --- | --- | --- | --- |", flush=True)
    failed = 0
    for name, outcomes in table(chosen, args.quick):
        survived = sum(not outcome.why and not outcome.lost for outcome in outcomes)
        failed += len(outcomes) - survived
        print(f"| {name} | {len(outcomes)} | {survived} | {sum(o.lost for o in outcomes)} |", flush=True)
        for outcome in outcomes:
            if outcome.why or outcome.lost:
                print(f"    lost {outcome.lost}: {outcome.why}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
