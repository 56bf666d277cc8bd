"""The bar is for terminals only; a log file gets whole lines or nothing."""

from __future__ import annotations

import contextlib
import io

import pytest

from vdequant.cli import progress as module
from vdequant.cli.console import Console
from vdequant.cli.progress import Progress, table_lines


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def work(console: Console, total: int | None) -> None:
    with Progress(console) as progress:
        for done in range(1, 6):
            progress.progressed(done, total)
        progress.warned("odd\nframe")


def on_terminal(console: Console, total: int | None) -> str:
    """What a terminal receives."""
    with contextlib.redirect_stderr(Terminal()) as stream:
        work(console, total)
    return stream.getvalue()


def test_a_terminal_gets_a_bar_with_speed_and_time_left() -> None:
    shown = on_terminal(Console(), total=5)
    assert "/5 frames" in shown
    assert "frames/s" in shown
    assert " left" in shown


def test_a_source_of_unknown_length_gets_a_count() -> None:
    shown = on_terminal(Console(), total=None)
    assert "frames in " in shown
    assert "None" not in shown


def test_a_quiet_terminal_gets_only_the_warning() -> None:
    assert on_terminal(Console(quiet=True), total=5) == "vdequant: warning: odd frame\n"


def test_a_log_file_gets_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    work(Console(), total=5)
    assert capsys.readouterr().err == "vdequant: warning: odd frame\n"


def test_a_verbose_log_file_gets_whole_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    work(Console(verbose=True), total=5)
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith("1 of 5 frames, ")


def test_the_table_shows_results_and_reasons_side_by_side() -> None:
    good = {"input": "a.mkv", "output": "o/a.mp4", "frames": 8, "fps": 60.04, "bytes": 12_345}
    checked = {"certificate": 0.999_999_8, "certified_frames": 8}
    rows = [good | checked, good | checked | {"certified_frames": 1}, {"input": "long name.mkv", "error": "no\nvideo"}]
    assert table_lines(rows) == [
        "restored 2 of 3:",
        "  a.mkv          8 frames, 60.0 fps, 99.99 %, 12.3 kB: o/a.mp4",
        "  a.mkv          8 frames, 60.0 fps, 99.99 % (1 of 8 frames checked), 12.3 kB: o/a.mp4",
        "  long name.mkv  failed: no video",
    ]
