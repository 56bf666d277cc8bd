"""Which pictures of a folder are shown, when and for how long: by a list among them, else by their numbers."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vdequant.errors import InputError, UsageError
from vdequant.media.containers import LISTED, READABLE_PICTURES
from vdequant.media.ffconcat import LIST_ENDINGS, LIST_NAMES, MICROSECONDS, is_list, parse_list
from vdequant.media.screenshots import is_picture, why_stills
from vdequant.media.timing import Span

FOLDER_RATE = Fraction(60)  # a folder without a list has no time of its own; emulators dump one picture a refresh
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture's file and its time, in units of the list's time base."""

    file: Path
    pts: int
    duration: int


@dataclass(frozen=True, slots=True)
class FrameList:
    """The pictures of a folder in order.

    Attributes:
        folder: where they lie.
        frames: at least one.
        time_base: seconds per unit of their times.
        rate: pictures a second; the mean where a list gives each its own time.
        start: second of the list at which the first of them is shown.
        container: "folder", or :data:`containers.LISTED`.
    """

    folder: str
    frames: tuple[Shown, ...]
    time_base: Fraction
    rate: Fraction
    start: Fraction
    container: str

    @property
    def seconds(self) -> Fraction:
        """From the first picture's beginning to the last one's end."""
        last = self.frames[-1]
        return (last.pts + last.duration - self.frames[0].pts) * self.time_base


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which frame2 comes before frame10: numbers by value, text as text."""
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


def find_list(folder: str) -> Path | None:
    """The list of a folder of frames, None if it has none."""
    return next((file for name in LIST_NAMES if is_list_file(str(file := Path(folder, name)))), None)


def is_list_file(path: str) -> bool:
    """Whether ``path`` is a list of pictures, by ending and content."""
    if not path.lower().endswith(LIST_ENDINGS) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return is_list(file.read(_HEAD).decode("utf-8", "replace"))


def stills_in(folder: str) -> tuple[list[Path], str]:
    """The pictures of a folder of screenshots in order, and why they are that; none where they are frames."""
    if find_list(folder) is not None:
        return [], ""
    files = sorted((f for f in Path(folder).iterdir() if is_picture(f)), key=lambda f: natural(f.name))
    why = why_stills(files)
    return (files, why) if why else ([], "")


def frames_in(path: str, span: Span, rate: Fraction = FOLDER_RATE) -> FrameList:
    """The pictures of a folder, or of a list, that lie in the span.

    Args:
        rate: pictures a second where no list gives their times.

    Raises:
        InputError: there are none, two would share a name, or the list cannot be read.
        UsageError: the span lies behind the last one.
    """
    listed = find_list(path) if os.path.isdir(path) else Path(path)
    return _numbered(path, span, rate) if listed is None else _listed(listed, span)


def _numbered(path: str, span: Span, rate: Fraction) -> FrameList:
    files = [f for f in Path(path).iterdir() if is_picture(f)]
    if not files:
        raise InputError(f"folder {path} holds no pictures; expected {' '.join(READABLE_PICTURES)}")
    files.sort(key=lambda f: natural(f.name))
    _check_names(path, files)
    chosen = files if span.whole else [files[i] for i in span.indexes(len(files), rate)]
    frames = tuple(Shown(file, index, 1) for index, file in enumerate(chosen))
    return FrameList(path, frames, 1 / rate, rate, span.start, "folder")


def _check_names(path: str, files: list[Path]) -> None:
    """Outputs are called by the stems of their pictures, so these must differ."""
    stems: dict[str, Path] = {}
    for file in files:
        other = stems.setdefault(file.stem, file)
        if other != file:
            raise InputError(f"{path} holds both {other.name} and {file.name}, which would become one; move one away")


def _listed(path: Path, span: Span) -> FrameList:
    """Times are summed before they are rounded to microseconds, so that they do not drift."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"expected text in the list {path}, got other bytes; write it as UTF-8") from error
    frames, start = [], Fraction(0)
    for entry in parse_list(text, str(path)):
        end = start + (1 / FOLDER_RATE if entry.duration is None else entry.duration)
        if not span.before(start) and not span.after(start):
            pts = round(start * MICROSECONDS)
            frames.append(Shown(path.parent / entry.name, pts, round(end * MICROSECONDS) - pts))
        start = end
    if not frames:
        raise UsageError(f"expected --start before the end at {float(start):.3f} s, got {float(span.start):.3f}")
    _check_files(path, frames)
    shift = frames[0].pts
    frames = [Shown(frame.file, frame.pts - shift, frame.duration) for frame in frames]
    total = frames[-1].pts + frames[-1].duration
    rate = Fraction(len(frames) * MICROSECONDS, total).limit_denominator(10_000) if total else FOLDER_RATE
    tick = Fraction(1, MICROSECONDS)
    return FrameList(str(path.parent), tuple(frames), tick, rate or FOLDER_RATE, shift * tick, LISTED)


def _check_files(path: Path, frames: list[Shown]) -> None:
    """Every file is there and is a picture; a file may be shown more than once."""
    files = sorted({frame.file for frame in frames})
    for file in files:
        if file.suffix.lower() not in READABLE_PICTURES:
            raise InputError(
                f"{path} lists {file.name}; expected pictures ({' '.join(READABLE_PICTURES)}), join videos with: "
                f"ffmpeg -f concat -safe 0 -i {path} -c copy joined.mkv"
            )
        if not file.is_file():
            raise InputError(f"{path} lists {file.name}, which is missing in {file.parent}; put it there")
    _check_names(str(path), files)
