"""A bank of tiles and degraded versions in memory, and batches cut from it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vdequant.errors import InputError
from vdequant.quantizers.base import box_room, room_of
from vdequant.quantizers.mean_cells import evened
from vdequant.training.degrade import PaletteRecord, lossy_tile, palette_record, random_lattice
from vdequant.training.dithered_levels import drawn_levels, level_record
from vdequant.training.machines import machine_colors, machine_record
from vdequant.training.screens import flat_record, with_text

SIDE = 256
SUFFIXES = (".png", ".webp", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")
SMOOTH_SHARE = 0.05  # synthetic gradients for each tile, to be cut to palettes too
FLAT_SHARE = 0.25  # screens of pixel art for each tile
TEXT_SHARES = (0.1, 0.35)  # of the plain and of the dithered palette records have text over them
MOST_TILES = 12  # of one picture, so that a few large ones do not outweigh the rest
GRADIENT_SHARE = 0.12  # of the lattice crops are synthetic gradients
PHOTO_SHARE = 0.4  # of the lattice crops are taken from photographs in any case, the others from all tiles
DRAWN_SHARE = 0.3  # of the crops of the last two kinds below are flat art: few colors alone do not mean finer ones
MACHINE_TEXT_SHARE = 0.35  # of the crops in a machine's colors have text over them
MORE_TEXT_SHARE = 0.3  # of the crops of dithered records get text over what is there
# What a batch is made of: lattice, palette, lossy, flat art that is its own truth, the colors of a machine, dithered
# levels. A network may know one half only.
SHARES = {
    "all": (0.61, 0.21, 0.05, 0.06, 0.04, 0.03),
    "levels": (0.92, 0.0, 0.08, 0.0, 0.0, 0.0),
    "palettes": (0.0, 0.6, 0.0, 0.13, 0.15, 0.12),
}


@dataclass(frozen=True)
class Batch:
    """Training pairs.

    ``truth``, ``stored``, ``low``, ``high`` ``(N, 3, S, S)``; ``room`` ``(N, 1, S, S)``; ``spread`` (N,);
    ``facts`` (N, 3).
    """

    truth: Tensor
    stored: Tensor
    low: Tensor
    high: Tensor
    room: Tensor
    spread: Tensor
    facts: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on ``device``."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Bank:
    """Everything a batch is cut from; numpy arrays, so that it pickles and maps quickly.

    Attributes:
        tiles: list of ``(256, 256, 3)`` uint8.
        palettes: (tile number, record) pairs.
        lossy: (tile number, decoded tile) pairs.
        flat: screens of pixel art, which are their own truth.
        photos: tile numbers that are photographs; lattices need more of them, for grain hides in the finest cells.
        held: tile numbers kept out of training for validation; all tiles of one source picture stand on one side.
    """

    tiles: list[np.ndarray]
    palettes: list[tuple[int, PaletteRecord]]
    lossy: list[tuple[int, np.ndarray]]
    flat: list[PaletteRecord]
    held: frozenset[int] = frozenset()
    photos: frozenset[int] = frozenset()


def source_is_held(path: str) -> bool:
    """Whether a tile belongs to a validation source: one source picture in 25, by the checksum of its name."""
    return zlib.crc32(Path(path).stem.rsplit("_", 1)[0].encode()) % 25 == 0


def _tiles_of(path: Path) -> list[np.ndarray]:
    """The whole 256x256 tiles of a picture, at most MOST_TILES, spread over it."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    rows, columns = pixels.shape[0] // SIDE, pixels.shape[1] // SIDE
    corners = [(row * SIDE, column * SIDE) for row in range(rows) for column in range(columns)]
    chosen = corners[:: max(1, -(-len(corners) // MOST_TILES))]
    return [np.ascontiguousarray(_crop(pixels, SIDE, corner)) for corner in chosen]


def read_tiles(folders: list[Path]) -> tuple[list[np.ndarray], list[str]]:
    """All pictures of the folders, at any depth, cut into RGB tiles; and the path of each tile's picture.

    Raises:
        InputError: when a folder holds no picture of at least 256x256.
    """
    tiles: list[np.ndarray] = []
    names: list[str] = []
    for folder in folders:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        before = len(tiles)
        for path in paths:
            found = _tiles_of(path)
            tiles += found
            names += [str(path)] * len(found)
        if len(tiles) == before:
            raise InputError(f"expected pictures of at least {SIDE}x{SIDE} ({', '.join(SUFFIXES)}) in {folder}, "
                             f"found none among {len(paths)} files")  # fmt: skip
    return tiles, names


def palettes_of(tiles: list[np.ndarray], rng: np.random.Generator) -> list[tuple[int, PaletteRecord]]:
    """One palette record of each tile, made from up to three other tiles as well."""
    records = []
    for number, tile in enumerate(tiles):
        partners = rng.integers(len(tiles), size=int(rng.integers(0, 4)))
        records.append((number, palette_record(tile, [tiles[i] for i in partners], rng)))
    return records


def build_bank(folders: list[Path], seed: int, palettes_per_tile: int = 2, lossy_share: float = 0.4) -> Bank:
    """Read tiles and make the expensive degradations once; about four minutes on one core for 2,600 tiles."""
    rng = np.random.default_rng(seed)
    tiles, paths = read_tiles(folders)
    smooth = [gradient(rng, SIDE) for _ in range(round(SMOOTH_SHARE * len(tiles)))]
    tiles, paths = tiles + smooth, paths + [""] * len(smooth)
    palettes = [pair for _ in range(palettes_per_tile) for pair in palettes_of(tiles, rng)]
    lossy: list[tuple[int, np.ndarray]] = []
    flat = [flat_record(rng) for _ in range(round(FLAT_SHARE * len(tiles)))]
    held = frozenset(i for i, path in enumerate(paths) if path and source_is_held(path))
    for number, tile in enumerate(tiles):
        if rng.random() < lossy_share:
            lossy.append((number, lossy_tile(tile, rng)))
    photos = frozenset(i for i, path in enumerate(paths) if "photo" in path)
    palettes = [
        (
            number,
            with_text(record, rng) if number not in held and rng.random() < TEXT_SHARES[record.dithered] else record,
        )
        for number, record in palettes
    ]
    return Bank(tiles, palettes, lossy, flat, held, photos)


def _crop(array: np.ndarray, side: int, corner: tuple[int, int]) -> np.ndarray:
    row, column = corner
    return array[row : row + side, column : column + side]


def to_tensor(array: np.ndarray) -> Tensor:
    """``(H, W, 3)`` uint8 to ``(3, H, W)`` float32 in [0, 1]."""
    return torch.from_numpy(np.array(array)).permute(2, 0, 1).float() / 255


def gradient(rng: np.random.Generator, side: int) -> np.ndarray:
    """A smooth random picture ``(side, side, 3)`` uint8, every other one with a few flat boxes in front.

    It is a cutout of a larger one, so that slopes of every size occur, down to fewer than one code in ten pixels.
    """
    count = int(rng.integers(2, 6))
    knots = rng.uniform(0, 1, 3) + rng.normal(size=(count, count, 3)) * rng.uniform(0.02, 0.4)
    large = side * int(rng.integers(1, 5))
    smooth = cv2.resize(knots.astype(np.float32), (large, large), interpolation=cv2.INTER_CUBIC)
    row, column = rng.integers(0, large - side + 1, 2)
    picture = (smooth[row : row + side, column : column + side] * 255).clip(0, 255).round().astype(np.uint8)
    for _ in range(int(rng.integers(0, 4)) * int(rng.integers(0, 2))):
        top, left = rng.integers(0, side, 2)
        height, width = rng.integers(1, side // 2, 2)
        picture[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return picture


def _evened(stored: Tensor, low: Tensor, high: Tensor, room: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`evened` for one picture without the first axis."""
    low, high, room = evened(*(plane[None] for plane in (stored, low, high, room)))
    return low[0], high[0], room[0]


def sample_of(record: PaletteRecord, truth: np.ndarray | None) -> Sample:
    """What a record of the side of a crop stands for: ``truth``, or where that is None itself."""
    index = record.index.astype(np.int64)
    stored = to_tensor(record.palette[index])
    reach = torch.from_numpy(record.reach[index]).permute(2, 0, 1)
    goal = stored
    if truth is not None:
        goal = torch.where(torch.from_numpy(record.kept.copy()), stored, to_tensor(truth))
    spread = 4.5 if record.dithered else 1.5
    facts = (float(record.dithered), 0.0, 1.0)
    told = stored - reach[:3], stored + reach[3:6], reach[6:]
    if record.dithered:
        told = _evened(stored, *told)
    return goal, stored, *told, spread, facts


Sample = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, float, tuple[float, float, float]]


class Sampler:
    """Cuts batches from a bank; flips, transposition and channel order are random.

    Each batch has a generator of its own, made from the seed and the batch's number, so that a resumed run goes on
    with the batches that an uninterrupted one would have had. ``subject`` is a key of SHARES.
    """

    def __init__(self, bank: Bank, seed: int, side: int, subject: str = "all") -> None:
        self.bank = bank
        self.side = side
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.tiles = [i for i in range(len(bank.tiles)) if i not in bank.held]
        self.photos = [i for i in self.tiles if i in bank.photos]
        self.palettes = [pair for pair in bank.palettes if pair[0] not in bank.held]
        self.lossy = [pair for pair in bank.lossy if pair[0] not in bank.held]
        # A small bank can lack a kind.
        present = np.array(SHARES[subject]) * [
            bool(kind) for kind in (self.tiles, self.palettes, self.lossy, bank.flat, self.tiles, self.tiles)
        ]
        self.shares = present / present.sum()

    def _corner(self) -> tuple[int, int]:
        row, column = self.rng.integers(0, SIDE - self.side + 1, size=2)
        return int(row), int(column)

    def _truth(self) -> Tensor:
        """A crop of a tile, or a synthetic gradient: skies without grain are rare in the tiles and common in games."""
        if self.rng.random() < GRADIENT_SHARE:
            return to_tensor(gradient(self.rng, self.side))
        numbers = self.photos if self.photos and self.rng.random() < PHOTO_SHARE else self.tiles
        tile = self.bank.tiles[numbers[int(self.rng.integers(len(numbers)))]]
        return to_tensor(_crop(tile, self.side, self._corner()))

    def _lattice(self) -> Sample:
        truth = self._truth()
        quantizer = random_lattice(self.rng)
        stored = quantizer.quantize(truth[None])
        cells = quantizer.cells(stored)
        return truth, stored[0], cells.low[0], cells.high[0], room_of(cells)[0], 1.0, (0.0, 0.0, 0.0)

    def _palette(self, record: PaletteRecord, truth: np.ndarray | None) -> Sample:
        """A crop of a record, with the picture that it was made of; None: it is its own truth."""
        corner = self._corner()
        cut = self._cut(record, corner)
        if truth is None:
            return sample_of(cut, None)
        if record.dithered and self.rng.random() < MORE_TEXT_SHARE:
            cut = with_text(cut, self.rng)
        return sample_of(cut, self._crop(truth, corner))

    def _crop(self, array: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
        return _crop(array, self.side, corner)

    def _cut(self, record: PaletteRecord, corner: tuple[int, int]) -> PaletteRecord:
        return replace(record, index=self._crop(record.index, corner), kept=self._crop(record.kept, corner))

    def _machine(self) -> Sample:
        if self.rng.random() < DRAWN_SHARE:
            return self._palette(flat_record(self.rng, machine_colors(self.rng)), None)
        truth = self._part()
        record = machine_record(truth, self.rng)
        text = self.rng.random() < MACHINE_TEXT_SHARE
        return sample_of(with_text(record, self.rng) if text else record, truth)

    def _part(self) -> np.ndarray:
        """A crop of any tile, ``(side, side, 3)`` uint8."""
        tile = self.bank.tiles[self.tiles[int(self.rng.integers(len(self.tiles)))]]
        return np.ascontiguousarray(_crop(tile, self.side, self._corner()))

    def _dithered_levels(self) -> Sample:
        if self.rng.random() < DRAWN_SHARE:
            return self._palette(drawn_levels(self.rng), None)
        return sample_of(*level_record(self._part(), self.rng))

    def _lossy(self) -> Sample:
        number, decoded = self.lossy[int(self.rng.integers(len(self.lossy)))]
        corner = self._corner()
        truth = to_tensor(_crop(self.bank.tiles[number], self.side, corner))
        stored = to_tensor(_crop(decoded, self.side, corner))
        # What a probe would say of such a clip: roughly how far values are off, between 2 and 12 codes.
        radius = float((stored - truth).abs().quantile(0.9)) * float(self.rng.uniform(0.8, 1.4))
        radius = min(max(radius, 2 / 255), 12 / 255)
        low, high = (stored - radius).clamp(0, 1), (stored + radius).clamp(0, 1)
        return truth, stored, low, high, box_room(stored, low, high), 1.0, (0.0, 1.0, 0.0)

    def _one(self) -> Sample:
        kind = int(self.rng.choice(6, p=self.shares))
        if kind == 0:
            return self._lattice()
        if kind == 1:
            number, record = self.palettes[int(self.rng.integers(len(self.palettes)))]
            return self._palette(record, self.bank.tiles[number])
        if kind == 2:
            return self._lossy()
        if kind == 4:
            return self._machine()
        if kind == 5:
            return self._dithered_levels()
        return self._palette(self.bank.flat[int(self.rng.integers(len(self.bank.flat)))], None)

    def batch(self, count: int, number: int) -> Batch:
        """``count`` pairs, always the same ones for the same seed and ``number``."""
        self.rng = np.random.default_rng((self.seed, number))
        samples = [self._one() for _ in range(count)]
        planes = torch.stack([torch.cat(sample[:5]) for sample in samples])  # (N, 13, S, S)
        if self.rng.random() < 0.5:
            planes = planes.flip(-1)
        if self.rng.random() < 0.5:
            planes = planes.flip(-2)
        if self.rng.random() < 0.5:
            planes = planes.transpose(-1, -2)
        order = torch.from_numpy(self.rng.permutation(3))
        truth, stored, low, high = (planes[:, i : i + 3][:, order].contiguous() for i in (0, 3, 6, 9))
        spread = torch.tensor([sample[5] for sample in samples])
        facts = torch.tensor([sample[6] for sample in samples])
        return Batch(truth, stored, low, high, planes[:, 12:].contiguous(), spread, facts)
