"""Reads a whole input once, shot by shot, and keeps a few pictures of each: what a palette for a shot is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from vdequant.color import to_rgb
from vdequant.errors import InputError
from vdequant.frames import Frame, SegmentStart, SidePacket
from vdequant.temporal.cuts import CutDetector

MOST_KEPT = 16  # pictures of a shot
MOST_PIXELS = 1 << 16  # of each, so that a shot takes 12 MiB whatever it is like; a still is kept whole

T = TypeVar("T")


class _Gathering:
    """Some pictures of a shot, evenly spaced, although nobody knows how long it will be.

    When there are too many, every other one is dropped, and from then on only every other one is taken.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.pixels: list[Tensor] = []
        self._seen, self._every = 0, 1

    def add(self, pixels: Callable[[], Tensor]) -> None:
        """Take a picture, or leave it."""
        if self._seen % self._every == 0:
            self.pixels.append(pixels())
        self._seen += 1
        if len(self.pixels) > MOST_KEPT:
            self.pixels, self._every = self.pixels[::2], 2 * self._every


def _visible(rgb: Tensor, alpha: Tensor | None, most: int) -> Tensor:
    """At most ``most`` pixels ``(3, 1, P)`` of ``(3, H, W)``, evenly spaced; fully transparent ones do not count."""
    flat = rgb.flatten(1)
    if alpha is not None and bool((alpha.to(torch.int32) > 0).any()):
        flat = flat[:, (alpha.to(torch.int32) > 0).flatten()]
    step = -(-flat.shape[1] // most) if most else 1
    return flat[:, ::step].contiguous()[:, None]


def for_each_shot(
    source: Iterable[Frame | SidePacket], make: Callable[[int, list[Tensor]], T], *, still: bool, name: str
) -> list[T]:
    """Call ``make`` for every shot with the number of its first frame and pixels ``(3, 1, P)`` of its pictures.

    Args:
        source: frames in order.
        still: the only picture is kept whole.
        name: of the input, for the message.

    Raises:
        InputError: there is not one picture.
    """
    cuts, made, number = CutDetector(), [], 0
    shot: _Gathering | None = None
    for item in source:
        if not isinstance(item, Frame):
            continue
        rgb, alpha = to_rgb(item.planes, item.layout), item.alpha
        if cuts.starts_shot(rgb[None]) or shot is None:
            if shot is not None:
                made.append(make(shot.first, shot.pixels))
            shot = _Gathering(number)
        shot.add(lambda rgb=rgb, alpha=alpha: _visible(rgb, alpha, 0 if still else MOST_PIXELS))  # type: ignore[misc]
        number += 1
    if shot is None:
        raise InputError(f"expected pictures in {name}, found none that decode")
    return [*made, make(shot.first, shot.pixels)]


def with_shots(
    source: Iterable[Frame | SidePacket], beginnings: Iterable[int], begin: Callable[[int], None]
) -> Iterator[Frame | SidePacket]:
    """``source`` with a :class:`SegmentStart` before the first frame of every shot.

    Args:
        beginnings: numbers of those frames, rising, the first 0.
        begin: told the number of the shot when whoever reads asks for its first frame.
    """
    numbers = {frame: shot for shot, frame in enumerate(beginnings)}
    number = 0
    for item in source:
        if isinstance(item, Frame):
            if number in numbers:
                yield SegmentStart(first=number)
                begin(numbers[number])
            number += 1
        yield item
