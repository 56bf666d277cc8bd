"""Runs vdequant many times, each time in a process of its own in which something goes wrong, and looks at the result.

    lab ─► one process that has loaded everything ─► fork for each run ─► fault ─► vdequant's main()

Forking spares each run the seconds that loading takes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

LIMIT = 30.0  # seconds after which a run hangs
SERVED = "from fault_lab import serve; serve()"


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a run.

    Attributes:
        code: exit code; negative for the signal that ended it.
        said: on standard error.
        seconds: it took.
        hung: whether it had to be killed after :data:`LIMIT`.
        orphans: processes that it left behind.
    """

    code: int
    said: str
    seconds: float
    hung: bool
    orphans: int


class Lab:
    """Where runs happen; use it in a ``with`` block."""

    def __enter__(self) -> Lab:
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate(timeout=LIMIT)

    def run(
        self, *words: object, fault: str = "", number: int = 0, kill: float = 0, sends: int = signal.SIGKILL
    ) -> Run:
        """Run ``vdequant WORDS``.

        Args:
            fault: of ``fault_kinds.KINDS``.
            number: when it strikes.
            kill: seconds after which the run is sent a signal; 0 for never.
            sends: that signal.
        """
        job = {"words": [str(w) for w in words], "fault": fault, "number": number, "kill": kill, "sends": int(sends)}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        if not answer:
            raise RuntimeError("the lab's own process has ended")
        return Run(**json.loads(answer))


def serve() -> None:
    """The lab's own process: a job a line in, an answer a line out."""
    import torch

    from vdequant import pipeline  # what every run would load
    from vdequant.cli import main
    from vdequant.restorers import deband
    from vdequant.schedule.device import fastest_cpu_dtype

    for module in (pipeline, main, deband):
        assert module
    torch.set_num_threads(1)  # a process that has threads must not fork
    fastest_cpu_dtype()  # measured once, known to all
    for line in sys.stdin:
        print(json.dumps(_run_apart(json.loads(line))), flush=True)


def _run_apart(job: dict[str, Any]) -> dict[str, Any]:
    said = os.memfd_create("said")
    ready, begins = os.pipe()
    child = os.fork()
    if child == 0:
        _child(job, said, begins)
    os.close(begins)
    os.read(ready, 1)
    os.close(ready)
    began = time.monotonic()
    code, hung = _watch(child, job, began)
    with os.fdopen(said, encoding="utf-8", errors="replace") as file:
        file.seek(0)
        text = file.read()
    answer = {"code": code, "said": text, "seconds": time.monotonic() - began, "hung": hung}
    return {**answer, "orphans": _orphans(child)}


def _child(job: dict[str, Any], said: int, begins: int) -> None:
    """Never returns."""
    code = 99
    try:
        os.setsid()
        os.dup2(said, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        from fault_kinds import KINDS

        from vdequant.cli.main import main

        signal.signal(signal.SIGINT, signal.default_int_handler)
        if job["fault"]:
            KINDS[job["fault"]](job["number"])
        os.close(begins)
        code = main(job["words"])
    finally:
        sys.stderr.flush()
        os._exit(code)


def _watch(child: int, job: dict[str, Any], began: float) -> tuple[int, bool]:
    """Wait for the end, send the signal in time, and end what hangs."""
    sent = not job["kill"]
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), False
        passed = time.monotonic() - began
        if not sent and passed >= job["kill"]:
            os.kill(child, job["sends"])
            sent = True
        if passed > LIMIT:
            os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), True
        time.sleep(0.001)


def _orphans(session: int) -> int:
    """Processes of a session that is over."""
    count = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            count += int(entry.read_text().rpartition(")")[2].split()[3]) == session
        except (OSError, ValueError, IndexError):
            continue
    return count
