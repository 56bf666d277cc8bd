"""The training set on disk, so that a resumed run need not make it again. Tensors only: nothing in it can run code."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vdequant.training.data import SUFFIXES, Bank
from vdequant.training.degrade import PaletteRecord

VERSION = 4  # of what is made of the pictures; a cache of another version is left alone
Packed = tuple[Tensor, Tensor, Tensor, bool, Tensor]


def fingerprint(folders: Sequence[Path]) -> str:
    """Eight hexadecimal digits that change with the names and sizes of the pictures."""
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    listing = f"version {VERSION}\n" + "\n".join(f"{file.resolve()} {file.stat().st_size}" for file in files)
    return f"{zlib.crc32(listing.encode()):08x}"


def _packed(record: PaletteRecord) -> Packed:
    arrays = (record.index, record.palette, record.reach, record.kept)
    index, palette, reach, kept = (torch.from_numpy(np.array(array)) for array in arrays)
    return index, palette, reach, record.dithered, kept


def _record(packed: Packed) -> PaletteRecord:
    index, palette, reach, dithered, kept = packed
    return PaletteRecord(index.numpy(), palette.numpy(), reach.numpy(), dithered, kept.numpy())


def save_bank(bank: Bank, path: Path) -> None:
    """Write beside and rename, so that a kill never leaves half of one."""
    values = {
        "tiles": [torch.from_numpy(np.array(tile)) for tile in bank.tiles],
        "palettes": [(number, _packed(record)) for number, record in bank.palettes],
        "lossy": [(number, torch.from_numpy(np.array(tile))) for number, tile in bank.lossy],
        "flat": [_packed(record) for record in bank.flat],
        "held": sorted(bank.held),
        "photos": sorted(bank.photos),
    }
    unfinished = path.with_suffix(".next")
    torch.save(values, unfinished)
    unfinished.replace(path)


def load_bank(path: Path) -> Bank:
    """What :func:`save_bank` wrote."""
    values = torch.load(path, weights_only=True)
    return Bank(
        [tile.numpy() for tile in values["tiles"]],
        [(number, _record(packed)) for number, packed in values["palettes"]],
        [(number, tile.numpy()) for number, tile in values["lossy"]],
        [_record(packed) for packed in values["flat"]],
        frozenset(values["held"]),
        frozenset(values["photos"]),
    )
