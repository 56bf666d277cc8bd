"""Restores what recorders put into a folder, each capture once, as soon as it is complete.

look ─► captures that are not in the ledger ─► unchanged for a while? ─► restore ─► ledger
  ▲                                                                                   │
  └──────────── sleep until the system reports a change, or a second while any waits ◄┘
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vdequant.captures import Capture, captures_in
from vdequant.errors import ModelError, OutputError
from vdequant.frames import Layout, SourceInfo
from vdequant.media.plan import plan_output
from vdequant.observing import Observer
from vdequant.pipeline import restore
from vdequant.schedule.device import choose_engine
from vdequant.settings import Settings
from vdequant.watch_jobs import Job, Jobs, moves
from vdequant.watched_folders import alone, check_folders, readable

if TYPE_CHECKING:
    from vdequant.pipeline import Summary
    from vdequant.planning import Plan

SETTLE_SECONDS = 3.0  # how long a capture must not have changed; recorders write at least once a second
TICK_SECONDS = 0.5  # between two looks while a capture is settling
AGED_SECONDS = 2.0  # after which a look is not trusted any more
RESCAN_SECONDS = 30.0  # network drives report no changes
RETRY_SECONDS = (60.0, 3600.0)  # first and longest pause after a failure that is not the capture's, as a full disk


class Teller(Protocol):
    """Is told what happens."""

    def begun(self, source: str, output: str) -> Observer[Plan]:
        """Work on a capture begins; who shall be told about it?"""
        ...

    def done(self, source: str, summary: Summary) -> None:
        """A capture is restored."""
        ...

    def failed(self, source: str, output: str, error: Exception, *, again: bool) -> None:
        """A capture could not be restored; ``again``: it will be tried again though it has not changed."""
        ...

    def kept(self, source: str, output: str) -> None:
        """The output of a new capture exists already and stays as it is."""
        ...

    def growing(self, source: str) -> None:
        """A capture still changes, so that a single look has to leave it."""
        ...


class Watch:
    """Restores the captures of one folder into another one, whose structure is the same.

    A capture is known by path, size and modification time. One that was restored or failed is left alone until it
    changes. If it only grew while watched, as after a pause, its output is replaced; if it is another recording under
    an old name, the old output stays and the new one gets a number.
    """

    def __init__(
        self,
        captures: str,
        restored: str,
        settings: Settings,
        teller: Teller,
        *,
        ending: str = ".mp4",
        settle: float = SETTLE_SECONDS,
        version: str = "",
    ) -> None:
        """``settle``: seconds without a change after which a capture is complete; the rest as for :class:`Jobs`.

        Raises:
            UsageError: the folders or settings cannot work.
            InputError: there is no folder ``captures``.
            OutputError: ``restored`` cannot be written, or another watch works there.
        """
        self.failures = 0
        self._captures, self._restored = os.path.abspath(captures), os.path.abspath(restored)
        self._settings, self._teller = settings, teller
        self._settle = settle
        check_folders(captures, restored)
        _check_settings(settings, ending)
        self._jobs = Jobs(self._restored, settings, ending, version)
        self._seen: dict[str, tuple[int, int, float]] = {}  # size, mtime, and since when they are so
        self._watched: set[str] = set()  # restored in this run and never gone since
        self._pauses: dict[str, tuple[float, float]] = {}  # until when, and how long, after a failure not its own
        self._waiting = False  # whether any capture is settling

    def once(self) -> None:
        """Restore what is complete and return; what was changed a moment ago is given time to settle."""
        until = time.monotonic() + self._settle + TICK_SECONDS
        with alone(self._restored):
            while True:
                growing = self._look(ages=True)
                if not growing or time.monotonic() >= until:
                    break
                time.sleep(min(TICK_SECONDS, self._settle))
            for capture in growing:
                self._teller.growing(capture.path)

    def run(self, stop: threading.Event | None = None) -> None:
        """Restore what is there and what comes, until ``stop`` is set or Ctrl-C."""
        from watchfiles import watch

        tick = int(1000 * min(TICK_SECONDS, max(self._settle / 2, 0.05)))
        looked = float("-inf")
        with alone(self._restored):
            reports = watch(
                self._captures,
                watch_filter=None,
                step=50,
                stop_event=stop,
                rust_timeout=tick,
                yield_on_timeout=True,
                ignore_permission_denied=True,
            )
            for changes in readable(reports, self._captures):
                if changes or self._waiting or time.monotonic() - looked > RESCAN_SECONDS:
                    self._look(stop=stop)
                    looked = time.monotonic()

    def _look(self, *, ages: bool = False, stop: threading.Event | None = None) -> list[Capture]:
        """Do what is complete, return what is still settling.

        Args:
            ages: take a file for settled that was last changed long ago, instead of waiting to see that it stays so.
            stop: no further capture is begun once this is set.
        """
        growing = self._pass(ages, stop)
        while growing is None:
            growing = self._pass(ages, stop)
        self._waiting = bool(growing)
        return growing

    def _pass(self, ages: bool, stop: threading.Event | None) -> list[Capture] | None:
        """As :meth:`_look`; None when the work took so long that what was seen has to be looked at again."""
        found = captures_in(self._captures, self._restored, self._jobs.taken)
        begun, worked = time.monotonic(), False
        self._watched &= {capture.path for capture in found}
        self._seen = {c.path: self._since(c, ages=ages) for c in found}
        growing: list[Capture] = []
        for capture in found:
            job = self._jobs.find(capture, watched=capture.path in self._watched)
            if job is None or (stop is not None and stop.is_set()):
                continue
            if worked and time.monotonic() - begun > AGED_SECONDS:
                return None
            if begun - self._seen[capture.path][2] < self._settle:
                growing.append(capture)
            elif self._pauses.get(capture.path, (0.0, 0.0))[0] <= time.monotonic():
                self._do(job)
                worked = True
        return growing

    def _since(self, capture: Capture, *, ages: bool) -> tuple[int, int, float]:
        """Since when a capture is as it is, on the monotonic clock."""
        known = self._seen.get(capture.path)
        if known is not None and known[:2] == (capture.size, capture.mtime):
            return known
        self._pauses.pop(capture.path, None)
        age = max(0.0, time.time() - capture.mtime / 1e9) if ages else 0.0
        return capture.size, capture.mtime, time.monotonic() - age

    def _do(self, job: Job) -> None:
        """Restore one capture and remember what came of it."""
        capture, output = job.capture, os.path.join(self._restored, job.output)
        if _is_there(output) and not job.replaces:
            self._jobs.remember(job, "kept")
            self._teller.kept(capture.path, output)
            return
        settings = replace(_fitting(self._settings, capture), overwrite=job.replaces)
        observer = self._teller.begun(capture.path, output)
        try:
            Path(output).parent.mkdir(parents=True, exist_ok=True)
            summary = restore(capture.path, output, settings, observer)
        except Exception as error:
            self._drop_empty(output)
            self._fail(job, output, error)
            return
        except BaseException:  # Ctrl-C
            self._drop_empty(output)
            raise
        self._jobs.remember(job, "done")
        self._watched.add(capture.path)
        self._teller.done(capture.path, summary)

    def _fail(self, job: Job, output: str, error: Exception) -> None:
        """A capture that cannot be restored is not tried again; one that the machine stopped is, later."""
        path = job.capture.path
        if not os.path.exists(path):  # its owner has taken it away meanwhile
            return
        again = isinstance(error, (OutputError, ModelError, MemoryError, OSError))
        if again:
            first, longest = RETRY_SECONDS
            pause = min(longest, 2 * self._pauses.get(path, (0.0, first / 2))[1])
            self._pauses[path] = (time.monotonic() + pause, pause)
        else:
            self._jobs.remember(job, "failed", error=" ".join(str(error).split()))
        self.failures += 1
        self._teller.failed(path, output, error, again=again)

    def _drop_empty(self, output: str) -> None:
        """Remove folders that were made for an output that did not come."""
        folder = Path(output).parent
        with suppress(OSError):
            while folder != Path(self._restored):
                folder.rmdir()
                folder = folder.parent


def _is_there(output: str) -> bool:
    """Whether an output exists; an empty folder is none."""
    return bool(os.listdir(output)) if os.path.isdir(output) else os.path.lexists(output)


def _fitting(settings: Settings, capture: Capture) -> Settings:
    """The settings without those that are for video, where the output is pictures."""
    if moves(capture):
        return settings
    bits = settings.bits if settings.bits in (0, 8, 16) else 0
    fitting = replace(settings, codec="auto", crf=None, preset="", chroma="auto", bits=bits)
    return replace(fitting, vfr=False, start=0.0, duration=0.0) if capture.kind == "still" else fitting


def _check_settings(settings: Settings, ending: str) -> None:
    """Refuse at once what no capture could be restored with."""
    from vdequant.quantizers.spec import parse_quantizer

    plan_output(f"x{ending}", SourceInfo("video", "", Layout(320, 240)), settings)
    choose_engine(settings.device, settings.workers)
    if settings.quantizer != "auto":
        parse_quantizer(settings.quantizer)
