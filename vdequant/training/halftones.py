"""Pictures that were dithered to so few levels that single pixels say next to nothing: black and white, four grays.

Made of whole tiles, before training: error diffusion needs a way to settle, and a crop of its own would mostly show
how it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vdequant.quantizers.dither import DitherQuantizer, nearest_levels
from vdequant.quantizers.error_diffusion import Colors, Nearest
from vdequant.quantizers.threshold import gray
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.training.data import SIDE, Bank, gradient, read_tiles, source_is_held, to_tensor
from vdequant.training.degrade import PaletteRecord
from vdequant.training.dithered_levels import ends_of
from vdequant.training.screens import flat_record, written

COUNTS = {2: 0.5, 3: 0.13, 4: 0.25, 5: 0.06, 6: 0.03, 8: 0.03}  # of levels
BITS_SHARE = 0.35  # of the color pictures have a depth for each channel, of one to three bits
CENTERED_SHARE, UNEVEN_SHARE = 0.15, 0.1  # have levels in the middle of equal cells, or (grays only) any levels
GRAY_SHARE = 0.62
TEXT_SHARE = 0.3
SMOOTH_SHARE, FLAT_SHARE = 0.08, 0.15  # synthetic gradients, and screens of flat art, for each tile
ROUNDS = 3  # times that each tile is dithered
GROUP = 32  # pictures that are dithered together: a front of one picture is too little work
KINDS = {
    "fs": 0.24, "serpentine": 0.08, "atkinson": 0.12, "jarvis": 0.05, "stucki": 0.04, "burkes": 0.04, "sierra": 0.03,
    "sierra-lite": 0.06, "bayer2": 0.03, "bayer4": 0.11, "bayer8": 0.11, "checkerboard": 0.03, "bluenoise": 0.04,
    "random": 0.02,
}  # fmt: skip


def serpentine(x: Colors, nearest: Nearest) -> Colors:
    """Floyd and Steinberg's, every other row from right to left: pixel by pixel, so many pictures at once.

    Args:
        x: ``(N, 3, H, W)`` float32 in [0, 1].
        nearest: the choice of a stored color.
    """
    count, _, height, width = x.shape
    # One column beside the picture on both sides, and one row below, catch what is passed out of it.
    work = np.zeros((height + 1, width + 2, count, 3), np.float32)
    work[:height, 1:-1] = x.transpose(2, 3, 0, 1)
    for row in range(height):
        step = 1 if row % 2 == 0 else -1
        for column in range(1, width + 1)[::step]:
            wanted = work[row, column].clip(0, 1)
            stored = nearest(wanted)
            error = (wanted - stored) / np.float32(16)
            work[row, column] = stored
            work[row, column + step] += error * 7
            work[row + 1, column - step] += error * 3
            work[row + 1, column] += error * 5
            work[row + 1, column + step] += error
    return np.ascontiguousarray(work[:height, 1:-1].transpose(2, 3, 0, 1))


Dither = Callable[[Tensor, UniformQuantizer, np.random.Generator], Tensor]


def _serpentine(x: Tensor, levels: UniformQuantizer, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(serpentine(x.numpy(), nearest_levels(levels.levels)))


def _random(x: Tensor, levels: UniformQuantizer, rng: np.random.Generator) -> Tensor:
    """White noise of one step before rounding, as the first programs of home computers had it."""
    step = torch.stack([(channel[-1] - channel[0]) / (len(channel) - 1) for channel in levels.levels])
    noise = torch.from_numpy(rng.uniform(-0.5, 0.5, (len(x), 1, *x.shape[-2:])).astype(np.float32))
    return levels.quantize((x + noise * step[:, None, None]).clamp(0, 1))


def _of_kind(kind: str) -> Dither:
    def dithered(x: Tensor, levels: UniformQuantizer, rng: np.random.Generator) -> Tensor:
        quantizer = DitherQuantizer(levels, kind)
        if quantizer.ordered and rng.random() < 0.5:  # programs have Bayer's matrices either way round
            return quantizer.quantize(x.mT.contiguous()).mT.contiguous()
        return quantizer.quantize(x)

    return dithered


OTHERS: dict[str, Dither] = {
    "serpentine": _serpentine,
    "random": _random,
}


def few_levels(is_gray: bool, rng: np.random.Generator) -> UniformQuantizer:
    """2 to 8 levels a channel, mostly 2 or 4."""
    kind = rng.random()
    if not is_gray and rng.random() < BITS_SHARE:
        return UniformQuantizer.of_bits(rng.integers(1, 4, 3).tolist(), "replicate")
    count = int(rng.choice(list(COUNTS), p=list(COUNTS.values())))
    if kind < CENTERED_SHARE:
        return UniformQuantizer.of_levels(count)
    levels = np.linspace(0, 1, count)
    if is_gray and kind < CENTERED_SHARE + UNEVEN_SHARE:
        levels[1:-1] += rng.uniform(-0.35, 0.35, count - 2) / (count - 1)
    return UniformQuantizer([levels.tolist()] * 3)


def told_reach(levels: UniformQuantizer, colors: int) -> np.ndarray:
    """``(K, 7)`` float32, see :class:`PaletteRecord`: half of the mean step for all colors."""
    half = np.array([float(c[-1] - c[0]) / (2 * len(c) - 2) for c in levels.levels], np.float32)
    return np.tile(np.concatenate([half, half, half.min(keepdims=True)]), (colors, 1))


def _record(stored: np.ndarray, levels: UniformQuantizer, rng: np.random.Generator) -> PaletteRecord:
    """A picture ``(3, H, W)`` of such levels, some with text over it in black, white or another pure color."""
    inks = ends_of(levels)
    codes = (stored.transpose(1, 2, 0) * 255).round().astype(np.uint8).reshape(-1, 3)
    is_gray = bool((codes == codes[:, :1]).all())
    inks = inks[[0, -1]] if is_gray else inks
    colors, numbers = np.unique(np.concatenate([inks, codes]), axis=0, return_inverse=True)
    index = numbers.ravel()[len(inks) :].reshape(stored.shape[1:]).astype(np.uint16)
    record = PaletteRecord(index, colors, told_reach(levels, len(colors)), True, np.zeros(index.shape, bool))
    return written(record, numbers.ravel()[: len(inks)], rng) if rng.random() < TEXT_SHARE else record


def halftone_records(tiles: list[np.ndarray], is_gray: bool, rng: np.random.Generator) -> list[PaletteRecord]:
    """Tiles ``(H, W, 3)`` uint8 of one size, all dithered in one random way to the same random levels."""
    levels, kind = few_levels(is_gray, rng), str(rng.choice(list(KINDS), p=list(KINDS.values())))
    pictures = torch.stack([to_tensor(tile) for tile in tiles])
    stored = OTHERS.get(kind, _of_kind(kind))(pictures, levels, rng).numpy()
    return [_record(picture, levels, rng) for picture in stored]


def drawn_halftone(rng: np.random.Generator) -> PaletteRecord:
    """A screen of flat art in few levels, its own truth: letters, outlines, one-pixel textures that are meant so."""
    is_gray = rng.random() < GRAY_SHARE
    levels = few_levels(is_gray, rng)
    if is_gray:
        colors = np.repeat(levels.levels[0].numpy()[:, None], 3, axis=1)
    else:
        count = int(rng.integers(3, 17))
        colors = np.stack([rng.choice(channel.numpy(), count) for channel in levels.levels], axis=1)
    palette = np.unique((colors * 255).round().astype(np.uint8), axis=0)
    record = flat_record(rng, palette)
    return PaletteRecord(record.index, record.palette, told_reach(levels, len(record.palette)), True, record.kept)


def _as_gray(tile: np.ndarray) -> np.ndarray:
    """``(H, W, 3)`` uint8 of three equal channels."""
    level = (gray(to_tensor(tile)[None])[0] * 255).round().to(torch.uint8).numpy()
    return np.repeat(level[..., None], 3, axis=2)


def halftone_bank(folders: list[Path], seed: int, rounds: int = ROUNDS) -> Bank:
    """The pictures of the folders in color and in gray, dithered; six minutes on one core for 2,600 tiles.

    Raises:
        InputError: when a folder holds no picture of at least 256x256.
    """
    rng = np.random.default_rng(seed)
    tiles, paths = read_tiles(folders)
    smooth = [gradient(rng, SIDE) for _ in range(round(SMOOTH_SHARE * len(tiles)))]
    tiles, paths = tiles + smooth, paths + [""] * len(smooth)
    both = tiles + [_as_gray(tile) for tile in tiles]
    records: list[tuple[int, PaletteRecord]] = []
    for _ in range(rounds):
        numbers = rng.permutation(len(tiles))
        for first in range(0, len(numbers), GROUP):
            is_gray = rng.random() < GRAY_SHARE
            group = [int(i) + len(tiles) * is_gray for i in numbers[first : first + GROUP]]
            records += zip(group, halftone_records([both[i] for i in group], is_gray, rng), strict=True)
    flat = [drawn_halftone(rng) for _ in range(round(FLAT_SHARE * len(tiles)))]
    held = frozenset(i for i, path in enumerate(2 * paths) if path and source_is_held(path))
    return Bank(both, records, [], flat, held)
