"""One sitting at a training run, which may take several: the clock that goes on, and the checkpoints on the way."""

from __future__ import annotations

import time
from collections.abc import Callable

from vdequant.training.checkpoint import Progress


def share_done(progress: Progress, steps: int, minutes: float) -> float:
    """How much of a schedule is behind, 0 to 1; its length is ``steps``, or ``minutes`` of training where that is 0."""
    if steps:
        return min(1.0, progress.steps / steps)
    return min(1.0, progress.seconds / (60 * minutes))


class Sitting:
    """Begins now.

    Args:
        progress: its seconds go on counting.
        save: writes the checkpoint.
        save_every: seconds between checkpoints.
    """

    def __init__(self, progress: Progress, save: Callable[[], None], save_every: float) -> None:
        self.progress, self.save, self.save_every = progress, save, save_every
        self.before, self.began = progress.seconds, time.monotonic()
        self.saved = self.began

    def count(self) -> None:
        """Bring the seconds of the progress up to date, after a step."""
        self.progress.seconds = self.before + time.monotonic() - self.began

    def save_if_due(self) -> None:
        """Write the checkpoint when the last one is old enough."""
        if time.monotonic() - self.saved > self.save_every:
            self.save()
            self.saved = time.monotonic()
