"""``vdequant watch CAPTURES/ -o RESTORED/``: restore what recorders put into a folder, as soon as it is complete."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

import vdequant
from vdequant.cli.console import DAMAGED, STOPPED, Console, cause
from vdequant.cli.naming import kept_beside, video_ending
from vdequant.cli.options import (
    Parser,
    add_input_options,
    add_picture_options,
    add_reporting_options,
    add_sampling_options,
)
from vdequant.cli.progress import Progress, summary_lines
from vdequant.cli.restore import add_output_options, settings_of
from vdequant.errors import UsageError

if TYPE_CHECKING:
    from vdequant.observing import Observer
    from vdequant.pipeline import Summary
    from vdequant.planning import Plan

CONTAINERS = ("mp4", "mkv", "webm", "mov")


def parser() -> argparse.ArgumentParser:
    """The parser of this command; its ``run`` is :func:`run`."""
    result = Parser(
        prog="vdequant watch",
        usage="vdequant watch CAPTURES/ -o RESTORED/ [options]",
        description="Restore each recording, screenshot and folder of frames in CAPTURES/ and its folders once it is "
        "complete, into the same place in RESTORED/. What is done is remembered there, so that nothing is done twice. "
        "Ends with Ctrl-C; what was begun is then done again the next time.",
        epilog="With --json one object for each capture, on a line of its own.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    result.add_argument("input", metavar="CAPTURES", help="folder that recorders write to")
    result.add_argument("-o", "--output", metavar="RESTORED", help="folder for the outputs; may lie in CAPTURES")
    result.add_argument(
        "-y", "--overwrite", action="store_true", help="replace outputs that exist or were made otherwise"
    )
    group = result.add_argument_group("watching")
    group.add_argument("--once", action="store_true", help="do what is there and leave")
    group.add_argument(
        "--settle",
        type=float,
        metavar="SECONDS",
        help="a capture is complete when it has not changed for so long; default 3",
    )
    group.add_argument("--container", choices=CONTAINERS, help="of videos; default mp4, or what the codec needs")
    add_picture_options(result)
    add_sampling_options(result)
    add_output_options(result)
    add_input_options(result)
    add_reporting_options(result)
    defaults = {"output": "", "once": False, "settle": None, "container": ""}
    result.set_defaults(run=run, json=False, verbose=False, quiet=False, **defaults)
    return result


def run(args: argparse.Namespace, console: Console) -> int:
    """Watch until Ctrl-C, or look once; return the exit code."""
    if not args.output:
        raise UsageError(f"expected -o FOLDER/, for example: vdequant watch {args.input} -o restored/")
    if args.settle is not None and not (math.isfinite(args.settle) and args.settle >= 0):
        raise UsageError(f"expected --settle of 0 or more seconds, got {args.settle}")
    from vdequant.watching import SETTLE_SECONDS, Watch

    settings = settings_of(args)
    ending = f".{args.container}" if args.container else video_ending(settings.codec, lossless=settings.lossless)
    settle = SETTLE_SECONDS if args.settle is None else args.settle
    teller = Reports(console)
    watch = Watch(args.input, args.output, settings, teller, ending=ending, settle=settle, version=vdequant.__version__)
    try:
        if args.once:
            watch.once()
        else:
            console.note(f"watching {args.input}; Ctrl-C ends this")
            watch.run()
    except KeyboardInterrupt:
        teller.close()
        console.error(f"stopped; {teller.tally()}; the same command goes on from here")
        return STOPPED
    console.note(teller.tally())
    return 1 if watch.failures else DAMAGED if teller.damaged else 0


class Reports:
    """Tells a console what a watch does, and counts it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._begun = self._output = ""
        self.restored = self.damaged = self.failures = self.left = 0

    def begun(self, source: str, output: str) -> Observer[Plan]:
        """See :class:`vdequant.watching.Teller`."""
        self._console.note(f"{source} -> {output}")
        self._begun, self._output = source, output
        self._progress = Progress(self._console)
        return self._progress

    def done(self, source: str, summary: Summary) -> None:
        """See :class:`vdequant.watching.Teller`."""
        self.close()
        self.restored += 1
        self.damaged += bool(summary.damage)
        for line in summary_lines(summary):
            self._console.note(line)
        self._answer({**summary.as_dict(), "input": source})

    def failed(self, source: str, output: str, error: Exception, *, again: bool) -> None:
        """See :class:`vdequant.watching.Teller`."""
        self.close()
        self.failures += 1
        self._console.skipped(source, error)
        self._console.note("it is tried again in a while" if again else "it is left alone until it changes")
        self._answer({"input": source, "output": output, "error": cause(error)})

    def kept(self, source: str, output: str) -> None:
        """See :class:`vdequant.watching.Teller`."""
        self.left += 1
        self._console.note(f"{source}: {output} exists and stays as it is (--overwrite replaces it)")
        self._answer({"input": source, "output": output, "kept": True})

    def growing(self, source: str) -> None:
        """See :class:`vdequant.watching.Teller`."""
        self.left += 1
        self._console.note(f"{source} still grows and is left for the next time")

    def tally(self) -> str:
        """What was done, in one line; after a stop also what was begun and not kept."""
        words = [f"{self.restored} restored"]
        words += [f"{self.damaged} of damaged captures"] if self.damaged else []
        words += [f"{self.failures} failed"] if self.failures else []
        words += [f"{self.left} left as they were"] if self.left else []
        if self._begun:
            kept = kept_beside(self._output)
            words.append(f"the beginning of {self._begun} is kept" if kept else f"nothing was kept of {self._begun}")
        return ", ".join(words)

    def close(self) -> None:
        """Remove the progress bar; what is closed by an interruption stays named as begun."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None

    def _answer(self, values: dict[str, object]) -> None:
        self._begun = ""
        if self._console.as_json:
            self._console.answer(values)
