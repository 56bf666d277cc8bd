"""A folder of numbered pictures as a video, and a video as a folder of pictures."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from vdequant.errors import InputError
from vdequant.frames import Frame, Layout, SidePacket, SourceInfo
from vdequant.media.containers import READABLE_PICTURES
from vdequant.media.contracts import Finished
from vdequant.media.image import picture_bytes
from vdequant.media.lifetimes import AbortsAtExit, ClosesAtExit
from vdequant.media.plan import OutputPlan
from vdequant.media.stills import decode
from vdequant.media.targets import explain
from vdequant.media.timing import Span
from vdequant.settings import Settings

FOLDER_RATE = Fraction(60)  # a folder has no time of its own; emulators dump one picture a refresh
SUFFIX = ".png"


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which frame2 comes before frame10: numbers by value, text as text."""
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


def _list_pictures(path: str) -> list[Path]:
    files = [f for f in Path(path).iterdir() if f.suffix.lower() in READABLE_PICTURES and not f.name.startswith(".")]
    if not files:
        raise InputError(f"folder {path} holds no pictures; expected {' '.join(READABLE_PICTURES)}")
    files.sort(key=lambda f: natural(f.name))
    stems: dict[str, str] = {}
    for file in files:
        other = stems.setdefault(file.stem, file.name)
        if other != file.name:
            raise InputError(f"{path} holds both {other} and {file.name}, which would become one; move one away")
    return files


class FolderSource(ClosesAtExit):
    """Pictures of a folder in natural order; ``pts`` counts them at :data:`FOLDER_RATE`."""

    def __init__(self, path: str, settings: Settings) -> None:
        self.warnings: list[str] = []
        files = _list_pictures(path)
        span = Span.of(settings)
        chosen = files if span.whole else [files[i] for i in span.indexes(len(files), FOLDER_RATE)]
        self._files = chosen
        _, _, self._layout = decode(chosen[0].read_bytes(), str(chosen[0]))
        suffix = chosen[0].suffix.lower().lstrip(".")
        self.info = SourceInfo(
            "folder",
            path,
            self._layout,
            frames=len(chosen),
            seconds=float(len(chosen) / FOLDER_RATE),
            rate=FOLDER_RATE,
            time_base=1 / FOLDER_RATE,
            codec=suffix,
            container="folder",
        )

    def _read(self, index: int) -> Frame:
        file = self._files[index]
        planes, alpha, layout = decode(file.read_bytes(), str(file))
        expected = self._layout
        if (layout.width, layout.height) != (expected.width, expected.height):
            raise InputError(
                f"{file} is {layout.width}x{layout.height}, the first picture {self._files[0].name} is "
                f"{expected.width}x{expected.height}; put pictures of one size into a folder"
            )
        planes, layout = _as_first(planes, layout, expected, str(file))
        return Frame(planes, layout, index, 1 / FOLDER_RATE, 1, alpha, file.name)

    def __iter__(self) -> Iterator[Frame | SidePacket]:
        for index in range(len(self._files)):
            yield self._read(index)

    def sample(self, count: int) -> list[Frame]:
        """At most ``count`` pictures, evenly spaced."""
        total = len(self._files)
        count = min(count, total)
        return [self._read((2 * i + 1) * total // (2 * count)) for i in range(count)]


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
    """Writes numbered PNGs beside the target and moves them there at the end.

    A folder that does not exist appears complete or not at all; into an existing one the files are moved one by one.
    """

    def __init__(self, plan: OutputPlan) -> None:
        self.warnings: list[str] = []
        self._plan = plan
        self._target = Path(os.path.normpath(plan.path))
        self._part = self._target.with_name(f"{self._target.name}.part")
        self._frames = self._bytes = 0
        try:
            shutil.rmtree(self._part, ignore_errors=True)
            self._part.mkdir()
        except OSError as error:
            raise explain(error, plan.path) from error

    def write(self, item: Frame | SidePacket) -> None:
        """Write a picture under the name it came with, or a number; side packets have no place in a folder."""
        if isinstance(item, SidePacket):
            return
        self._frames += 1
        name = f"{Path(item.name).stem}{SUFFIX}" if item.name else f"frame_{self._frames:06d}{SUFFIX}"
        data, _ = picture_bytes(item, self._plan, SUFFIX)
        try:
            (self._part / name).write_bytes(data)
        except OSError as error:
            self.abort()
            raise explain(error, self._plan.path, self._bytes) from error
        self._bytes += len(data)

    def finish(self) -> Finished:
        """Give the folder its name."""
        try:
            if self._target.is_dir():
                for file in sorted(self._part.iterdir()):
                    os.replace(file, self._target / file.name)
                self._part.rmdir()
            else:
                os.replace(self._part, self._target)
        except OSError as error:
            raise explain(error, self._plan.path) from error
        return Finished(self._plan.path, self._bytes, self._frames)

    def abort(self) -> None:
        """Delete what was written; harmless after finish()."""
        shutil.rmtree(self._part, ignore_errors=True)
