"""Clean pictures and clips from folders and files, as 8-bit RGB."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vdequant.color import to_rgb
from vdequant.errors import InputError
from vdequant.frames import Frame
from vdequant.media.source import open_source
from vdequant.settings import Settings
from vdequant.training.data import source_is_held

SUFFIXES = (".png", ".webp", ".bmp", ".tif", ".tiff", ".jpg", ".mkv", ".mp4", ".mov", ".webm", ".avi", ".gif", ".y4m")
FRAMES = 24  # of a clip that are read

Pictures = NDArray[np.uint8]  # (T, H, W, 3) RGB


@dataclass(frozen=True, slots=True)
class Item:
    """A picture or the beginning of a clip.

    Attributes:
        path: the file.
        frames: the most that are read.
    """

    path: Path
    frames: int = FRAMES

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return self.path.name

    def read(self) -> Pictures:
        """``(T, H, W, 3)`` uint8 RGB; deeper sources are rounded.

        Raises:
            InputError: it cannot be read, or its pictures are not of one size.
        """
        found: list[Pictures] = []
        with open_source(str(self.path), Settings()) as source:
            for item in source:
                if not isinstance(item, Frame):
                    continue
                codes = (to_rgb(item.planes, item.layout) * 255).round().to(torch.uint8)
                found.append(codes.permute(1, 2, 0).contiguous().numpy())
                if len(found) == self.frames:
                    break
        if len({picture.shape for picture in found}) != 1:
            raise InputError(f"expected pictures of one size in {self.path}, got {len(found)} of several; cut the clip")
        return np.stack(found)


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise InputError(f"expected a folder or file of pictures, {place} does not exist; check the name")
    found = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise InputError(f"expected pictures or clips ({', '.join(SUFFIXES)}) in {place}, found none")
    return found


def find_items(
    places: Sequence[Path], *, held_out: bool = False, limit: int = 0, frames: int = FRAMES
) -> tuple[Item, ...]:
    """Everything to measure on, in the order of the folders and then of the names.

    Args:
        held_out: only tiles that training leaves out, see :func:`~vdequant.training.data.source_is_held`.
        limit: the most that are taken of each folder, evenly spread over its names; 0 is all.

    Raises:
        InputError: a folder is missing, or nothing in it is left.
    """
    items: list[Item] = []
    for place in places:
        paths = [path for path in _files(place) if not held_out or source_is_held(str(path))]
        if not paths:
            raise InputError(f"expected tiles held out from training in {place}, all of them are trained on")
        if 0 < limit < len(paths):
            paths = [paths[i * len(paths) // limit] for i in range(limit)]
        items += [Item(path, frames) for path in paths]
    return tuple(items)


def digest(items: Sequence[Item]) -> str:
    """A checksum of the files' names and contents, to know a cached result by."""
    total = hashlib.sha256()
    for item in items:
        total.update(f"{item.name} {item.frames} {hashlib.sha256(item.path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]
