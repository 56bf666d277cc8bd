"""The log of a training run as CSV: one file for the loss, one for the scores on held-back pictures."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

HEAD = ("step", "seconds", "loss", "rate")


class TrainLog:
    """Appends lines; what an interrupted run wrote after its last checkpoint is dropped, since it is done again.

    Args:
        path: of the loss; scores go to ``validation.csv`` beside it.
        steps: that the checkpoint had done.
    """

    def __init__(self, path: Path, steps: int) -> None:
        self.path, self.scores = path, path.with_name("validation.csv")
        for file in (self.path, self.scores):
            _cut(file, steps)

    def write(self, step: int, seconds: float, loss: float, rate: float) -> None:
        """One line of the loss, a mean since the last line."""
        _append(self.path, HEAD, (step, f"{seconds:.1f}", f"{loss:.6f}", f"{rate:.3e}"))

    def named(self, step: int, seconds: float, losses: Mapping[str, float]) -> None:
        """One line of several losses, means since the last line."""
        values = (f"{loss:.6f}" for loss in losses.values())
        _append(self.path, ("step", "seconds", *losses), (step, f"{seconds:.1f}", *values))

    def validated(self, step: int, scores: Mapping[str, float]) -> None:
        """One line of scores, in dB over the stored picture."""
        _append(self.scores, ("step", *scores), (step, *(f"{score:.4f}" for score in scores.values())))


def _append(path: Path, head: tuple[str, ...], values: tuple[object, ...]) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(head)
        writer.writerow(values)


def _cut(path: Path, steps: int) -> None:
    """Keep the head and the lines up to ``steps``."""
    if not path.exists():
        return
    with path.open(newline="") as file:
        head, *lines = list(csv.reader(file)) or [[]]
    kept = [line for line in lines if line and line[0].isdecimal() and int(line[0]) <= steps]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *kept] if kept else [])
    if not kept:
        path.unlink()
