"""What travels along with the pictures: sound, subtitles, attachments, chapters and metadata."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from vdequant.media.rationals import as_fraction
from vdequant.media.timing import Span

if TYPE_CHECKING:
    from av.container.core import Chapter  # exists in the stubs only

# Written by the muxer for its own file; copying them would state the old file's values.
_STALE_TAGS = (
    "encoder",
    "duration",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "creation_time",
    "alpha_mode",
)
_STALE_PREFIXES = ("_STATISTICS", "BPS", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES")


@dataclass(frozen=True, slots=True)
class Passengers:
    """Streams to take along, in the source's order; they belong to the source's container and die with it.

    Attributes:
        streams: audio, subtitle, data and attachment streams.
        others: further video streams and streams of unknown kind, which are always left behind.
        chapters: in PyAV's form, already moved to the span's time.
        metadata: of the file. ``video_metadata``: of the video stream.
    """

    streams: tuple[Stream, ...] = ()
    others: tuple[Stream, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    video_metadata: dict[str, str] = field(default_factory=dict)


def living_tags(metadata: dict[str, str]) -> dict[str, str]:
    """``metadata`` without what only described the old file."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _STALE_TAGS and not key.upper().startswith(_STALE_PREFIXES)
    }


def _is_chapter_track(stream: Stream) -> bool:
    """QuickTime keeps chapter titles in a data track as well; muxers refuse it, and write their own."""
    return stream.type == "data" and stream.metadata.get("handler_name", "").startswith("SubtitleHandler")


def _moved_chapters(container: InputContainer, span: Span, shift: Fraction) -> tuple[Chapter, ...]:
    """Chapters of the span, cut to it and shifted like the pictures."""
    moved: list[Chapter] = []
    for chapter in container.chapters():
        base = as_fraction(chapter["time_base"], Fraction(1, 1000))
        start, end = chapter["start"] * base, chapter["end"] * base
        if end <= span.start or span.after(start):
            continue
        start = max(start, shift)
        end = end if span.end is None else min(end, span.end + shift - span.start)
        ticks = [round((instant - shift) / base) for instant in (start, end)]
        moved.append(
            {
                "id": chapter["id"],
                "start": ticks[0],
                "end": max(ticks),
                "time_base": base,
                "metadata": dict(chapter["metadata"]),
            }
        )
    return tuple(moved)


def passengers_of(container: InputContainer, film: VideoStream, span: Span, shift: Fraction) -> Passengers:
    """Everything in ``container`` besides its ``film``; ``shift``: seconds by which time stamps move to the front."""
    streams = [s for s in container.streams if s.index != film.index]
    carried = [s for s in streams if s.type in ("audio", "subtitle", "data", "attachment")]
    return Passengers(
        streams=tuple(s for s in carried if not _is_chapter_track(s)),
        others=tuple(s for s in streams if s not in carried),
        chapters=_moved_chapters(container, span, shift) if not span.whole else tuple(container.chapters()),
        metadata=living_tags(dict(container.metadata)),
        video_metadata=living_tags(dict(film.metadata)),
    )
