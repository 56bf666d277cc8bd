"""What a restoration tells while it runs and when it is done: plan, bar, summary."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from vdequant.cli.console import Console, one_line

if TYPE_CHECKING:
    from types import TracebackType

    from vdequant.pipeline import Summary

BAR = "{percentage:3.0f} %|{bar}| {n_fmt}/{total_fmt} frames, {rate_noinv_fmt}, {remaining} left"
SEARCH_BAR = "searching {percentage:3.0f} %|{bar}| {desc}, {remaining} left"
OPEN_BAR = "{n_fmt} frames in {elapsed}, {rate_noinv_fmt}"  # when the number of frames is not known
SECONDS_BETWEEN_LINES = 5.0


class HasLines(Protocol):
    """A plan of some kind."""

    def lines(self) -> list[str]:
        """What it says, a few short lines."""
        ...


class Progress:
    """An observer of the pipeline that prints to a console: a bar on a terminal, now and then a line with ``-v``."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Any = None
        self._shows_bar = not console.quiet and sys.stderr.isatty()
        self._begun = self._said = time.monotonic()
        self._before: int | None = None  # frames of an earlier run, which say nothing about the speed of this one

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def planned(self, plan: HasLines) -> None:
        """What was found and what will be done."""
        for line in plan.lines():
            self.console.note(line)
        self._begun = self._said = time.monotonic()

    def progressed(self, done: int, total: int | None) -> None:
        """``done`` of ``total`` frames are written; None when the source does not know how many it has."""
        self._before = done - 1 if self._before is None else self._before
        if self._shows_bar:
            self._draw(done, total)
        elif self.console.verbose and not self.console.quiet:
            self._tell(done, total)

    def warned(self, text: str) -> None:
        """A warning, printed above the bar."""
        if self._bar is not None:
            self._bar.clear()
        self.console.warn(text)

    def searched(self, done: int, total: int, objective: float) -> None:
        """The search for a single picture has made a step; tiles of a large one begin again."""
        if not self._shows_bar:
            return
        if done == 0:
            self.close()
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, bar_format=SEARCH_BAR, dynamic_ncols=True, leave=False, file=sys.stderr)
        self._bar.set_description_str(f"objective {objective:{',.0f' if objective >= 100 else '.3f'}}", refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Remove the bar; safe to call twice."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _draw(self, done: int, total: int | None) -> None:
        if self._bar is not None and self._bar.bar_format == SEARCH_BAR:
            self.close()
        if self._bar is None:
            from tqdm import tqdm

            form = OPEN_BAR if total is None else BAR
            self._bar = tqdm(
                total=total,
                initial=self._before,
                unit=" frames",
                bar_format=form,
                dynamic_ncols=True,
                leave=False,
                file=sys.stderr,
            )
        if total is not None:
            self._bar.total = max(total, done)
        self._bar.update(done - self._bar.n)

    def _tell(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            of = "" if total is None else f" of {total}"
            self.console.note(
                f"{done}{of} frames, {(done - (self._before or 0)) / max(now - self._begun, 1e-3):.1f} frames/s"
            )


def percent(share: float) -> str:
    """A share in [0, 1] as a percentage that reads 100 only when it is."""
    return "100 %" if share >= 1 else f"{math.floor(share * 1e4) / 100:.2f} %"


def size(count: int) -> str:
    """A number of bytes for people."""
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"


def frame_count(count: int) -> str:
    """A number of frames for people."""
    return "1 frame" if count == 1 else f"{count} frames"


def summary_lines(summary: Summary) -> list[str]:
    """What was done, in two lines."""
    restored = summary.frames - summary.kept_frames
    unique = "" if summary.unique_frames == restored else f" ({summary.unique_frames} unique)"
    frames = frame_count(restored) + unique
    if summary.kept_frames:
        frames += f" and {summary.kept_frames} from before"
    busy = f" ({summary.busiest} was busy {summary.busy_share:.0%} of it)" if summary.busiest else ""
    kept = ""
    if summary.certificate is not None:
        codec = f" (±{summary.tolerance:.1f}/255 for the lossy source)" if summary.tolerance else ""
        kept = f"; {percent(summary.certificate)} of samples land back in their cell{codec}"
        kept += _checked(summary.certified_frames, summary.frames)
    live = [] if summary.latency_median is None else [live_line(summary)]
    return [
        f"done: {frames} in {summary.seconds:.1f} s, {summary.fps:.1f} fps{busy}{kept}",
        f"wrote: {summary.output} {summary.width}x{summary.height}, {size(summary.bytes)}",
        *live,
    ]


def _checked(certified: int, frames: int) -> str:
    """Of how many frames a certificate tells, where these are not all."""
    return "" if certified >= frames else f" ({certified} of {frame_count(frames)} checked)"


def live_line(summary: Summary) -> str:
    """How late the pictures of a live run were."""
    median, slow = round(1000 * (summary.latency_median or 0)), round(1000 * (summary.latency_slow or 0))
    return (
        f"live: a picture went out {median} ms after it came in (median; 95 % within {slow} ms); "
        f"{summary.real_time or 0:.2f} s of the stream a second"
    )


def table_lines(rows: Sequence[Mapping[str, object]], verb: str = "restored") -> list[str]:
    """A table of several inputs, one line each; failed ones say why."""
    done = sum("error" not in row for row in rows)
    cells = [_cells(row) for row in rows]
    width = max(len(name) for name, _ in cells)
    return [f"{verb} {done} of {len(rows)}:", *(f"  {name:{width}}  {rest}" for name, rest in cells)]


def _cells(row: Mapping[str, object]) -> tuple[str, str]:
    name = str(row["input"])
    if "error" in row:
        return name, f"failed: {one_line(str(row['error']))}"
    share = row.get("certificate")
    kept = "" if share is None else f", {percent(float(str(share)))}"
    kept += "" if share is None else _checked(int(str(row["certified_frames"])), int(str(row["frames"])))
    fps, count = float(str(row["fps"])), int(str(row["bytes"]))
    damaged = f", {row['damaged_frames']} of them damaged in the input" if row.get("damaged_frames") else ""
    return name, f"{row['frames']} frames{damaged}, {fps:.1f} fps{kept}, {size(count)}: {row['output']}"
