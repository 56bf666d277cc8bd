"""The pictures of the diffusion tables: square crops from the middle, each with another picture to take colors from."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from vdequant.errors import InputError
from vdequant.evaluation.datasets import Item, Pictures, find_items

SIDE = 256  # pixels; what the paper's model was trained and measured at
STEP = 8  # sides are multiples of it, which all bases can work on
SMALLEST = 16


def middle(picture: Pictures, name: str) -> Pictures:
    """The middle square of ``(T, H, W, 3)``, of at most SIDE pixels a side; raise :class:`InputError` if it is tiny."""
    height, width = picture.shape[1:3]
    side = min(SIDE, height, width) // STEP * STEP
    if side < SMALLEST:
        raise InputError(f"expected pictures of at least {SMALLEST}x{SMALLEST}, got {width}x{height}: {name}")
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(picture[:1, top : top + side, left : left + side])


@dataclass(frozen=True)
class Scene:
    """A picture to measure on.

    Attributes:
        item: where it is.
        other: the picture whose colors it is shown in for tables 1 and 2.
    """

    item: Item
    other: Item

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return self.item.name

    @cached_property
    def truth(self) -> Pictures:
        """``(1, S, S, 3)`` uint8."""
        return middle(self.item.read(), self.name)

    @cached_property
    def partner(self) -> Pictures:
        """``(1, S, S, 3)`` uint8 of the other picture; its side may differ."""
        return middle(self.other.read(), self.other.name)

    @cached_property
    def digest(self) -> str:
        """A checksum of both, to know a cached result by."""
        return hashlib.sha256(self.name.encode() + self.truth.tobytes() + self.partner.tobytes()).hexdigest()[:16]

    def rng(self, purpose: int) -> np.random.Generator:
        """The chance of this picture: the same in every run, and independent of the pictures beside it."""
        return np.random.default_rng((zlib.crc32(self.name.encode()), purpose))


def find_scenes(places: Sequence[Path], *, held_out: bool = False, limit: int = 0) -> tuple[Scene, ...]:
    """The pictures of folders, each with another one of all of them, chosen at random but the same in every run.

    Args:
        held_out, limit: see :func:`~vdequant.evaluation.datasets.find_items`; the other picture may be any.

    Raises:
        InputError: a folder is missing, or there are fewer than two pictures.
    """
    every = [replace(item, frames=1) for item in find_items(places, held_out=held_out)]
    if len(every) < 2:
        raise InputError("expected two pictures or more, so that one can be shown in the colors of another, got one")
    chosen = {item.path for item in find_items(places, held_out=held_out, limit=limit)}
    scenes = []
    for number, item in enumerate(every):
        if item.path in chosen:
            away = np.random.default_rng(zlib.crc32(item.name.encode())).integers(1, len(every))
            scenes.append(Scene(item, every[(number + int(away)) % len(every)]))
    return tuple(scenes)
