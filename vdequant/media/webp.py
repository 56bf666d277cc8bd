"""An animated WebP as a video, read by Pillow, because FFmpeg has no decoder for it."""

from __future__ import annotations

import dataclasses
import os
import struct
from collections.abc import Collection, Iterator
from fractions import Fraction
from itertools import accumulate

import numpy as np
import torch
from PIL import Image

from vdequant.errors import InputError
from vdequant.frames import Frame, Layout, SidePacket, SourceInfo
from vdequant.media.damage import Damage
from vdequant.media.lifetimes import ClosesAtExit
from vdequant.media.limits import check_count, check_size
from vdequant.media.timing import Span
from vdequant.settings import Settings

TICK = Fraction(1, 1000)  # the format stores durations in milliseconds
_HIGHEST_RATE, _FALLBACK_RATE = Fraction(480), Fraction(60)


def is_animated(head: bytes) -> bool:
    """Bit 1 of the flags in the VP8X chunk, the first chunk of an extended WebP."""
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) > 20 and bool(head[20] & 2)


def canvas(path: str) -> tuple[int, int]:
    """Width and height, each less one in 3 bytes of the VP8X chunk."""
    with open(path, "rb") as file:
        head = file.read(30)
    return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1


def durations(path: str) -> list[int]:
    """Milliseconds of each picture, from the ANMF chunks; nothing is decoded.

    A file is "RIFF", size, "WEBP", then chunks: 4 bytes name, 4 bytes size, the content, and a byte if that is odd.
    An ANMF chunk begins with place and size of its picture in 12 bytes, then 3 bytes duration.
    """
    found = []
    with open(path, "rb") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            start = file.read(15) if name == b"ANMF" else b""
            if len(start) == 15:
                found.append(int.from_bytes(start[12:], "little"))
            file.seek(size + size % 2 - len(start), os.SEEK_CUR)
    return found


class WebpSource(ClosesAtExit):
    """The pictures of an animated WebP, composed as a player shows them, each with its own duration.

    One picture is in memory at a time, beside the compressed file as a whole.
    """

    def __init__(self, path: str, settings: Settings) -> None:
        self.warnings: list[str] = []
        self._path, self._warned_alpha, self._damage = path, False, Damage()
        check_size(*canvas(path), path, settings.max_pixels)
        self._durations = durations(path)
        check_count(len(self._durations), path, settings.max_frames)
        self._starts = list(accumulate(self._durations, initial=0))[:-1]
        span = Span.of(settings)
        chosen = [i for i, at in enumerate(self._starts) if not span.before(at * TICK) and not span.after(at * TICK)]
        if not chosen:
            raise InputError(f"{path} ends before --start {float(span.start):g} s; choose an earlier one")
        self._chosen = chosen
        first = next(self._pictures(chosen[:1]))
        seconds = sum(self._durations[i] for i in chosen) * TICK
        self.info = SourceInfo(
            "video",
            path,
            first.layout,
            frames=len(chosen),
            seconds=float(seconds),
            rate=min(len(chosen) / seconds, _HIGHEST_RATE) if seconds else _FALLBACK_RATE,
            time_base=TICK,
            codec="webp",
            pixel_format="rgba",
            container="webp",
        )

    @property
    def damage(self) -> Damage:
        """See :class:`vdequant.media.contracts.Source`."""
        return self._damage

    def _pictures(self, wanted: Collection[int]) -> Iterator[Frame]:
        """The pictures of these rising numbers; what lies before them is decoded as well, because they build on it.

        From the first damaged one on, the one before is repeated.
        """
        origin, last, whole = self._starts[self._chosen[0]], None, True
        try:
            film = Image.open(self._path)
        except Exception as error:  # Pillow's readers stumble over damaged files in every way there is
            raise InputError(f"{self._path} is damaged; record it again, best as APNG or Matroska") from error
        with film:
            for number in wanted:
                pts, duration = self._starts[number] - origin, self._durations[number]
                try:
                    if whole:
                        film.seek(number)
                        last = _frame(film, pts, duration)
                except Exception as error:
                    whole = False
                    if last is None:
                        raise InputError(f"{self._path} is damaged; record it again, best as APNG") from error
                if last is not None:
                    yield last if whole else dataclasses.replace(last, pts=pts, duration=duration, corrupt=True)

    def __iter__(self) -> Iterator[Frame | SidePacket]:
        """Every picture of the span, once."""
        for frame in self._pictures(self._chosen):
            if not self._warned_alpha and frame.alpha is not None and int(frame.alpha.min()) < 255:
                self._warned_alpha = True
                self.warnings.append(
                    "transparency is not kept in video; transparent places show the color stored there"
                )
            self._damage.repeated += frame.corrupt
            yield dataclasses.replace(frame, alpha=None)
        if self._damage.line():
            self.warnings.append(self._damage.line())

    def sample(self, count: int) -> list[Frame]:
        """At most ``count`` pictures, evenly spaced."""
        total = len(self._chosen)
        count = min(count, total)
        wanted = [self._chosen[(2 * i + 1) * total // (2 * count)] for i in range(count)]
        return [dataclasses.replace(frame, alpha=None) for frame in self._pictures(wanted)]


def _frame(film: Image.Image, pts: int, duration: int) -> Frame:
    samples = np.asarray(film.convert("RGBA"))
    planes = [torch.from_numpy(np.array(samples[..., channel])) for channel in range(4)]
    layout = Layout(film.width, film.height, "rgb", 8)
    return Frame(tuple(planes[:3]), layout, pts, TICK, duration, alpha=planes[3])
