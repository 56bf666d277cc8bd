"""A folder of pictures as a video, and a video as a folder of pictures."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from vdequant.errors import InputError
from vdequant.frames import Frame, Layout, SidePacket, SourceInfo
from vdequant.media.containers import LISTED
from vdequant.media.contracts import Finished
from vdequant.media.damage import Damage
from vdequant.media.ffconcat import LIST_NAME, format_list
from vdequant.media.folder_sound import FolderSound, find_sound
from vdequant.media.frame_list import frames_in
from vdequant.media.image import picture_bytes
from vdequant.media.jpeg_sequences import codings_of_files
from vdequant.media.lifetimes import AbortsAtExit, ClosesAtExit
from vdequant.media.limits import check_count
from vdequant.media.missing_numbers import missing_numbers
from vdequant.media.passengers import Passengers
from vdequant.media.plan import OutputPlan
from vdequant.media.raw import raw_rate
from vdequant.media.stills import decode
from vdequant.media.targets import explain, sync_folder
from vdequant.media.timing import Span
from vdequant.settings import Settings

SUFFIX = ".png"
_NUMBERED = re.compile(r"frame_[0-9]{6,}(_[0-9]+)?\.png")  # as FolderSink names pictures that have no name


class FolderSource(ClosesAtExit):
    """Pictures of a folder in the order and with the times of :func:`frames_in`, and the sound beside a list."""

    def __init__(self, path: str, settings: Settings) -> None:
        """``path``: the folder, or a list of pictures."""
        self.warnings: list[str] = []
        span = Span.of(settings)
        listing = frames_in(path, span, raw_rate(settings))
        self._frames, self._time_base = listing.frames, listing.time_base
        check_count(len(self._frames), listing.folder, settings.max_frames)
        gap = missing_numbers([shown.file.name for shown in self._frames]) if listing.container == "folder" else ""
        self.warnings += [gap] if gap else []
        self._most, self._damage = settings.max_pixels, Damage()
        self._last = self._first_whole()
        self._layout, first = self._last.layout, self._frames[0].file
        sound = find_sound(listing.folder) if listing.container == LISTED else None
        self._sound = None if sound is None else FolderSound(sound, span, listing.start)
        self.passengers = Passengers() if self._sound is None else self._sound.passengers
        self.info = SourceInfo(
            "folder",
            listing.folder,
            self._layout,
            frames=len(self._frames),
            seconds=float(listing.seconds),
            rate=listing.rate,
            time_base=listing.time_base,
            codec=first.suffix.lower().lstrip("."),
            container=listing.container,
            audio=len(self.passengers.streams),
            jpegs=codings_of_files([shown.file for shown in self._frames]),
        )

    @property
    def damage(self) -> Damage:
        """See :class:`vdequant.media.contracts.Source`."""
        return self._damage

    def _first_whole(self) -> Frame:
        """The first picture that can be read; it tells the layout.

        Raises:
            InputError: none can; about the first one.
        """
        why: Exception | None = None
        for shown in self._frames:
            try:
                planes, alpha, layout = self._decoded(shown.file)
            except InputError as error:
                why = why or error
                continue
            return Frame(planes, layout, shown.pts, self._time_base, shown.duration, alpha, shown.file.name)
        raise why or InputError("expected pictures, got none")

    def _decoded(self, file: Path) -> tuple[tuple[Tensor, ...], Tensor | None, Layout]:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise InputError(f"{file} cannot be read ({error.strerror}); check that it is there") from error
        return decode(data, str(file), max_pixels=self._most)

    def _read_or_repeat(self, index: int) -> Frame:
        """A picture, or in place of one that is damaged or has gone the one before, with the damaged one's time."""
        shown = self._frames[index]
        try:
            pixels = self._decoded(shown.file)
        except InputError:
            self._damage.repeated += 1
            stand_in = replace(self._last, pts=shown.pts, duration=shown.duration)
            return replace(stand_in, name=shown.file.name, corrupt=True)
        self._last = self._fitted(index, *pixels)
        return self._last

    def _fitted(self, index: int, planes: tuple[Tensor, ...], alpha: Tensor | None, layout: Layout) -> Frame:
        shown, expected = self._frames[index], self._layout
        file = shown.file
        if (layout.width, layout.height) != (expected.width, expected.height):
            raise InputError(
                f"{file} is {layout.width}x{layout.height}, the first picture {self._frames[0].file.name} is "
                f"{expected.width}x{expected.height}; a video needs one size, -o FOLDER/ takes each picture for itself"
            )
        planes, layout = _as_first(planes, layout, expected, str(file))
        return Frame(planes, layout, shown.pts, self._time_base, shown.duration, alpha, file.name)

    def __iter__(self) -> Iterator[Frame | SidePacket]:
        for index, shown in enumerate(self._frames):
            if self._sound is not None:
                yield from self._sound.until(shown.pts * self._time_base)
            yield self._read_or_repeat(index)
        if self._sound is not None:
            yield from self._sound.until(None)
        if self._damage.line():
            self.warnings.append(self._damage.line())

    def sample(self, count: int) -> list[Frame]:
        """At most ``count`` pictures, evenly spaced, of those that can be read."""
        total = len(self._frames)
        count = min(count, total)
        frames = []
        for i in range(count):
            index = (2 * i + 1) * total // (2 * count)
            try:
                pixels = self._decoded(self._frames[index].file)
            except InputError:
                continue
            frames.append(self._fitted(index, *pixels))
        return frames or [self._last]

    def close(self) -> None:
        """Close the sound."""
        if self._sound is not None:
            self._sound.close()


def unfinished_folder(path: str) -> Path:
    """Where the pictures of the folder ``path`` lie until all are there."""
    target = Path(os.path.normpath(path))
    return target.with_name(f"{target.name}.part")


def _as_first(
    planes: tuple[Tensor, ...], layout: Layout, expected: Layout, name: str
) -> tuple[tuple[Tensor, ...], Layout]:
    """Gray pictures among colored ones become R = G = B; other differences are errors."""
    if layout == expected:
        return planes, layout
    if layout.bits == expected.bits and layout.model == "gray":
        return planes * 3, expected
    raise InputError(
        f"{name} is {layout.model} with {layout.bits} bits, the first picture {expected.model} with {expected.bits}; "
        "convert all pictures of a folder to one kind"
    )


class FolderSink(AbortsAtExit):
    """Writes numbered PNGs beside the target and moves them there at the end, with a list of their times if planned.

    A folder that does not exist appears complete or not at all; into an existing one the files are moved one by one.
    """

    def __init__(self, plan: OutputPlan, *, keep: bool = False) -> None:
        """``keep``: what an earlier run has written beside the target stays there."""
        self.warnings: list[str] = []
        self._plan = plan
        self._target = Path(os.path.normpath(plan.path))
        self._part = unfinished_folder(plan.path)
        self._frames = self._bytes = 0
        self._written: dict[str, bytes] = {}  # name -> digest, where a list may show one file twice
        self._shown: list[tuple[str, Fraction]] = []  # name and beginning in seconds
        self._end = Fraction(0)
        try:
            if not keep:
                shutil.rmtree(self._part, ignore_errors=True)
            self._part.mkdir(exist_ok=keep)
        except OSError as error:
            raise explain(error, plan.path) from error

    def write(self, item: Frame | SidePacket) -> None:
        """Write a picture under the name it came with, or a number; side packets have no place in a folder."""
        if isinstance(item, SidePacket):
            return
        self._frames += 1
        stem = Path(item.name).stem if item.name else f"frame_{self._frames:06d}"
        data, _ = picture_bytes(item, self._plan, SUFFIX)
        name, new = self._name(stem, data) if self._plan.listed else (f"{stem}{SUFFIX}", True)
        if self._plan.listed:
            self._shown.append((name, item.pts * item.time_base))
            self._end = (item.pts + item.duration) * item.time_base if item.duration else self._next_end(item)
        if new:
            self._put(name, data)

    def _next_end(self, item: Frame) -> Fraction:
        return item.pts * item.time_base + 1 / self._plan.rate

    def _name(self, stem: str, data: bytes) -> tuple[str, bool]:
        """A name for ``data`` that no other picture has, and whether it is not written yet."""
        digest = hashlib.blake2b(data, digest_size=16).digest()
        name, number = f"{stem}{SUFFIX}", 1
        while self._written.get(name, digest) != digest:
            number += 1
            name = f"{stem}_{number}{SUFFIX}"
        new = name not in self._written
        self._written[name] = digest
        return name, new

    def _put(self, name: str, data: bytes) -> None:
        try:
            (self._part / name).write_bytes(data)
        except OSError as error:
            self.abort()
            raise explain(error, self._plan.path, self._bytes) from error
        self._bytes += len(data)

    def _list(self) -> bytes:
        """Each picture is shown until the next one begins."""
        starts = [start for _, start in self._shown]
        ends = [end - starts[0] for end in (*starts[1:], self._end)]
        return format_list([name for name, _ in self._shown], ends).encode()

    def finish(self) -> Finished:
        """Give the folder its name."""
        if self._shown:
            self._put(LIST_NAME, self._list())
        try:
            if hasattr(os, "sync"):
                os.sync()  # all pictures at once: one by one takes longer than making them
            if self._target.is_dir():
                self._remove_earlier()
                for file in sorted(self._part.iterdir()):
                    os.replace(file, self._target / file.name)
                self._part.rmdir()
            else:
                os.replace(self._part, self._target)
            sync_folder(self._target.parent)
        except OSError as error:
            raise explain(error, self._plan.path) from error
        return Finished(self._plan.path, self._bytes, self._frames)

    def _remove_earlier(self) -> None:
        """What an earlier run has numbered or listed here would be taken for a part of this clip."""
        for file in self._target.iterdir():
            if _NUMBERED.fullmatch(file.name) or file.name == LIST_NAME:
                file.unlink()

    def abort(self) -> None:
        """Delete what was written; harmless after finish()."""
        shutil.rmtree(self._part, ignore_errors=True)
