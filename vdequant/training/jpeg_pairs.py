"""Pairs of crops before and after JPEG: any quality and chroma, standard and other tables, known or not."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vdequant.quantizers.jpeg_codec import HALVED, Subsampling, tables_of
from vdequant.training.data import SIDE, to_tensor

MARGIN = 16  # pixels around a crop, so that its chroma is upsampled as inside a picture; also the grid's period
MOST_SIDE = SIDE - 2 * MARGIN  # of a crop
SUBSAMPLINGS: tuple[Subsampling, ...] = ("420", "444", "422")
SUBSAMPLING_SHARES = (0.72, 0.2, 0.08)
OTHER_TABLES = 0.12  # share of the crops whose tables are not those of libjpeg's qualities
UNKNOWN = 0.1  # share of the crops whose tables and grid are not told
PHOTO_SHARE = 0.65
SMALLER_SHARE = 0.5  # of the crops are taken from a tile that is shrunk, which has more detail a pixel
SHORTEST = 0.5  # of a shrunk tile's side; height and width shrink apart
CHOSEN_SHARE, CHOICE = 0.6, 3  # of the crops are the busiest of so many: JPEG's error is mostly where detail is
TONED_SHARE = 0.4  # of the crops have other tones: brightness and gamma of each channel, and contrast
SWAPPED_SHARE = 0.2  # of the crops have their channels in another order
USUAL, USUAL_STEP, USUAL_POWER = 2.7e-3, 196.0, 0.78  # at quality 10: error, mean step of luma; and the slope
QUALITIES = ((0.55, 5, 60), (0.27, 55, 95), (0.18, 1, 12))  # share, first and last


@dataclass(frozen=True)
class JpegBatch:
    """Training pairs of one subsampling.

    ``truth``, ``stored`` ``(N, 3, S, S)`` float32 in [0, 1]; ``luma``, ``chroma`` ``(N, 8, 8)`` float32 steps, zero
    where the network is not told; ``usual`` ``(N,)``: the squared error that these tables usually make, see
    :func:`usual_error`; ``across``, ``down``: how many pixels share a chroma sample.
    """

    truth: Tensor
    stored: Tensor
    luma: Tensor
    chroma: Tensor
    usual: Tensor
    across: int
    down: int

    def to(self, device: torch.device) -> JpegBatch:
        """The same on ``device``."""
        truth, stored, luma, chroma, usual = (
            plane.to(device) for plane in (self.truth, self.stored, self.luma, self.chroma, self.usual)
        )
        return JpegBatch(truth, stored, luma, chroma, usual, self.across, self.down)


Tables = tuple[np.ndarray, np.ndarray]  # luma and chroma, (8, 8) whole numbers 1..255


def standard_tables(quality: int) -> Tables:
    """libjpeg's tables of a quality, 1 to 100."""
    luma, chroma = tables_of(quality)
    return luma.numpy(), chroma.numpy()


def usual_error(tables: Tables) -> float:
    """The mean squared error of photographs in these tables: LIVE1's at qualities 10 to 40, and the power between."""
    return float(USUAL * (tables[0].mean() / USUAL_STEP) ** USUAL_POWER)


def other_tables(quality: int, rng: np.random.Generator) -> Tables:
    """Tables as other encoders have: chroma of another quality, steps that rise more or less with frequency."""
    luma, _ = standard_tables(quality)
    _, chroma = standard_tables(int(np.clip(quality + rng.integers(-20, 21), 1, 100)))
    power = rng.uniform(0.4, 1.3)

    def bent(table: np.ndarray) -> np.ndarray:
        middle = np.exp(np.log(table).mean())
        return np.asarray(np.clip(np.round(middle * (table / middle) ** power), 1, 255))

    return bent(luma), bent(chroma)


def jpeg_roundtrip(pixels: np.ndarray, tables: Tables, subsampling: Subsampling) -> np.ndarray:
    """``(H, W, 3)`` uint8 through libjpeg with these tables."""
    file = io.BytesIO()
    lists = [[int(step) for step in table.ravel()] for table in tables]
    chroma = {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0"}[subsampling]
    Image.fromarray(pixels).save(file, "JPEG", qtables=lists, subsampling=chroma)
    coded = np.frombuffer(file.getvalue(), np.uint8)
    return np.ascontiguousarray(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1])


def random_quality(rng: np.random.Generator) -> int:
    """Mostly coarse, where most can be gained."""
    _, first, last = QUALITIES[int(rng.choice(len(QUALITIES), p=[share for share, _, _ in QUALITIES]))]
    return int(rng.integers(first, last + 1))


def cut(tile: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A square of ``tile``, anywhere."""
    row, column = (int(rng.integers(0, length - side + 1)) for length in tile.shape[:2])
    return tile[row : row + side, column : column + side]


def busiest(crops: list[np.ndarray]) -> np.ndarray:
    """The one whose pixels differ most from their right neighbors."""
    return max(crops, key=lambda crop: float(cv2.absdiff(crop[:, 1:], crop[:, :-1]).mean()))


def turned(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """In any of the eight orientations, and now and then with the channels in another order."""
    crop = crop[:, ::-1] if rng.random() < 0.5 else crop
    crop = crop[::-1] if rng.random() < 0.3 else crop
    crop = crop.transpose(1, 0, 2) if rng.random() < 0.3 else crop
    return crop[..., rng.permutation(3)] if rng.random() < SWAPPED_SHARE else crop


def toned(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(H, W, 3)`` uint8 with other tones. Before JPEG, so that it is as true a picture as the one it was."""
    gamma = rng.uniform(0.7, 1.4) * rng.uniform(0.9, 1.1, 3)
    gain = rng.uniform(0.6, 1.0) * rng.uniform(0.9, 1.0, 3)
    lift = rng.uniform(0, 1 - gain.max())
    curve = lift + gain * np.linspace(0, 1, 256)[:, None] ** gamma
    curves = (curve * 255).round().astype(np.uint8)
    return np.stack([curves[crop[..., channel], channel] for channel in range(3)], axis=-1)


class JpegSampler:
    """Cuts batches from tiles; batch ``number`` is always the same.

    Args:
        tiles: ``(256, 256, 3)`` uint8.
        photos: numbers of those that are photographs; they come more often.
        seed: of all batches.
        side: of a crop, a multiple of 16 up to 224. Large ones leave little of a tile to shrink.
    """

    def __init__(self, tiles: list[np.ndarray], photos: list[int], seed: int, side: int) -> None:
        if side % MARGIN or not 0 < side <= MOST_SIDE:
            raise ValueError(f"expected a side that is a multiple of {MARGIN} up to {MOST_SIDE}, got {side}")
        self.tiles, self.photos, self.seed, self.side = tiles, photos, seed, side

    def _tile(self, rng: np.random.Generator) -> np.ndarray:
        if self.photos and rng.random() < PHOTO_SHARE:
            return self.tiles[self.photos[int(rng.integers(len(self.photos)))]]
        return self.tiles[int(rng.integers(len(self.tiles)))]

    def _truth(self, rng: np.random.Generator) -> np.ndarray:
        """A crop with its margin, seldom as it was: millions of weights learn a thousand tiles by heart."""
        tile = self._tile(rng)
        if rng.random() < SMALLER_SHARE:
            least = self.side + 2 * MARGIN
            width, height = (max(least, round(SIDE * share)) for share in rng.uniform(SHORTEST, 1, 2))
            tile = np.asarray(cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA))
        count = CHOICE if rng.random() < CHOSEN_SHARE else 1
        crop = turned(busiest([cut(tile, self.side + 2 * MARGIN, rng) for _ in range(count)]), rng)
        return np.ascontiguousarray(toned(crop, rng) if rng.random() < TONED_SHARE else crop)

    def _pair(self, subsampling: Subsampling, rng: np.random.Generator) -> tuple[Tensor, ...]:
        truth, quality = self._truth(rng), random_quality(rng)
        tables = other_tables(quality, rng) if rng.random() < OTHER_TABLES else standard_tables(quality)
        decoded = jpeg_roundtrip(truth, tables, subsampling)
        known = rng.random() >= UNKNOWN
        # Unknown: the crop begins anywhere in the grid.
        row, column = (MARGIN, MARGIN) if known else (int(i) for i in rng.integers(MARGIN // 2, MARGIN * 3 // 2, 2))
        rows, columns = slice(row, row + self.side), slice(column, column + self.side)
        luma, chroma = (torch.from_numpy(table).float() * known for table in tables)
        usual = torch.tensor(usual_error(tables))
        return to_tensor(truth[rows, columns]), to_tensor(decoded[rows, columns]), luma, chroma, usual

    def batch(self, count: int, number: int) -> JpegBatch:
        """``count`` pairs of one subsampling."""
        rng = np.random.default_rng((self.seed, number))
        subsampling = SUBSAMPLINGS[int(rng.choice(len(SUBSAMPLINGS), p=SUBSAMPLING_SHARES))]
        pairs = [self._pair(subsampling, rng) for _ in range(count)]
        truth, stored, luma, chroma, usual = (torch.stack(planes) for planes in zip(*pairs, strict=True))
        return JpegBatch(truth, stored, luma, chroma, usual, *HALVED[subsampling])
