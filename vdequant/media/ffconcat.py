"""FFmpeg's list of pictures and how long each is shown (ffconcat), as cloud-game and scripts write it: text only.

    ffconcat version 1.0
    file 'f0000001.png'
    duration 0.016743

Grammar: https://ffmpeg.org/ffmpeg-formats.html#concat; quoting: https://ffmpeg.org/ffmpeg-utils.html#Quoting-and-escaping
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vdequant.errors import InputError

LIST_NAME = "input.txt"  # what cloud-game calls it
LIST_NAMES = (LIST_NAME, "input.ffconcat")
LIST_ENDINGS = (".txt", ".ffconcat", ".ffcat")
MICROSECONDS = 1_000_000  # FFmpeg's own resolution for durations

_WORD = re.compile(r"(?:[^\s'\\]|\\.|'[^']*')+")
_PIECE = re.compile(r"\\(.)|'([^']*)'")
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+\.?\d*|\.\d+)(us|ms|s)?")
_UNITS = {"us": Fraction(1, MICROSECONDS), "ms": Fraction(1, 1000), "s": Fraction(1), None: Fraction(1)}
# What says nothing about a picture or its time.
_PASSED_OVER = re.compile(r"ffconcat|stream|stream_\w+|exact_stream_id|file_packet_meta(data)?|option|chapter|#.*")
_RAW = (
    "it is raw samples without a size; make a video of them first: ffmpeg -f rawvideo -framerate FPS -video_size WxH "
    "-pixel_format rgb565le -i FILE -c:v ffv1 OUT.mkv (for the numbered files of cloud-game: -f image2 -c:v rawvideo)"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One line ``file``: the name as written, and the seconds it is shown, None where the list does not say."""

    name: str
    duration: Fraction | None = None


def is_list(text: str) -> bool:
    """Whether the text is such a list: its first word, comments left out, is ``ffconcat`` or ``file``."""
    for line in text.removeprefix("\ufeff").splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            return words[0] in ("ffconcat", "file")
    return False


def parse_list(text: str, name: str) -> list[Listed]:
    """The pictures of a list in order; ``name`` of the list is for messages.

    A last picture without a duration that repeats the one before is left out: FFmpeg's own advice is to end lists so,
    because it ignores the last duration.

    Raises:
        InputError: a line that cannot be read, videos or raw samples instead of pictures, or nothing listed.
    """
    entries: list[Listed] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        words = [_PIECE.sub(lambda found: found[1] or found[2] or "", word) for word in _WORD.findall(line)]
        if not words or _PASSED_OVER.fullmatch(words[0]):
            continue
        where = f"{name} line {number}"
        if words[0] == "file" and len(words) == 2:
            entries.append(Listed(_picture_name(words[1], where)))
        elif words[0] == "duration" and len(words) == 2 and entries:
            entries[-1] = Listed(entries[-1].name, _seconds(words[1], where))
        else:
            raise InputError(f"{where} is {line.strip()!r}; expected file NAME or duration SECONDS of a picture list")
    if len(entries) > 1 and entries[-1] == Listed(entries[-2].name):
        entries.pop()
    if not entries:
        raise InputError(f"{name} lists no pictures; expected lines: file NAME, duration SECONDS")
    return entries


def _picture_name(name: str, where: str) -> str:
    if name.lower().endswith(".raw"):
        raise InputError(f"{where} names {name}: {_RAW}")
    return name.removeprefix("file:")


def _seconds(text: str, where: str) -> Fraction:
    """A duration as FFmpeg writes it: ``0.0167``, ``00:00:01.5``, ``16743us``."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise InputError(f"{where}: expected a duration of 0 or more seconds, got {text!r}")
    hours, minutes, seconds, unit = match.groups()
    return (int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)) * _UNITS[unit]


def format_list(names: Sequence[str], ends: Sequence[Fraction]) -> str:
    """The text of a list; ``ends``: when each picture ends, in seconds after the start of the first one.

    Each end is rounded, not each duration, so that an hour of sixtieths stays an hour.
    """
    lines = ["ffconcat version 1.0"]
    last = 0
    for name, end in zip(names, ends, strict=True):
        tick = max(last, round(end * MICROSECONDS))
        seconds, rest = divmod(tick - last, MICROSECONDS)
        quoted = name.replace("'", "'\\''")
        lines += [f"file '{quoted}'", f"duration {seconds}.{rest:06d}"]
        last = tick
    return "\n".join(lines) + "\n"
