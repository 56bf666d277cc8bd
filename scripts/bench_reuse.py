"""What reuse is worth on real clips: the table of ``scripts/bench.py reuse CLIP...``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import av
import numpy as np

from vdequant.pipeline import Summary, restore
from vdequant.settings import Settings

HEAD = (
    "| clip | work | new pixels | fps with | fps without | faster | processor, ms a frame with | without | less "
    "| largest difference, 1/1023 |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def pictures(path: Path) -> Iterator[np.ndarray]:
    """The stored luma and chroma of every frame, in one row."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            rows = [
                np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes
            ]
            yield np.concatenate([plane.ravel() for plane in rows])


def largest_difference(one: Path, other: Path) -> int:
    """Over all samples of all frames of two 10-bit clips, in codes.

    Raises:
        ValueError: when one clip has more frames than the other.
    """
    worst = 0
    for a, b in zip_longest(pictures(one), pictures(other)):
        if a is None or b is None:
            raise ValueError(f"expected as many frames in {one} as in {other}")
        worst = max(worst, int(np.abs(a.astype(np.int32) - b).max()))
    return worst


def row(clip: Path, settings: dict[bool, Settings], rounds: int) -> str:
    """One line of the table; speeds and processor times are the best of ``rounds``, which begin with each in turn."""
    best: dict[bool, Summary] = {}
    spent = dict.fromkeys(settings, float("inf"))  # processor milliseconds a frame, of all threads
    with tempfile.TemporaryDirectory() as folder:
        outputs = {reuse: Path(folder) / f"{reuse}.mkv" for reuse in settings}
        for at in range(rounds):
            for reuse in sorted(settings, reverse=at % 2 == 0):
                began = time.process_time()
                done = restore(str(clip), str(outputs[reuse]), settings[reuse])
                spent[reuse] = min(spent[reuse], 1000 * (time.process_time() - began) / done.frames)
                if reuse not in best or done.fps > best[reuse].fps:
                    best[reuse] = done
        worst = largest_difference(outputs[True], outputs[False])
    on, off = best[True], best[False]
    shares = f"{on.work_share:.1%} | {on.new_share:.1%}"
    speeds = f"{on.fps:.1f} | {off.fps:.1f} | {on.fps / off.fps:.2f}x"
    costs = f"{spent[True]:.2f} | {spent[False]:.2f} | {spent[False] / spent[True]:.2f}x"
    return f"| {clip.stem} | {shares} | {speeds} | {costs} | {worst} |"


def table(clips: Sequence[Path], restorer: str, workers: int, seconds: float, rounds: int) -> Iterator[str]:
    """The head, then a line a clip as soon as it is measured."""
    yield HEAD
    for clip in clips:
        settings = {
            reuse: Settings(
                restorer=restorer,
                reuse=reuse,
                temporal="off",
                workers=workers,
                duration=seconds,
                scale=1,
                overwrite=True,
                device="cpu",
            )
            for reuse in (True, False)
        }
        yield row(clip, settings, rounds)
