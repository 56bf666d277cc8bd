"""Pixel art made up at random: flat tile maps that must stay as they are, and text that lies over shaded pictures.

What a game draws with its palette has no finer picture behind it. The networks learn from these to leave hard-edged
art, letters and intended one-pixel textures alone, while shades and dither around them become smooth.
"""

from __future__ import annotations

import string
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vdequant.training.degrade import PaletteRecord, reach_of

SIDE = 256
LETTERS = string.ascii_letters + string.digits + "  .:!?-+*/"
MOST_COLORS = 32  # of flat art
NEW_COLORS = 0.6  # share of the texts that have colors of their own
INK_SHARES = (0.28, 0.14, 0.14, 0.12, 0.08, 0.08, 0.08, 0.08)  # of white, black, yellow, red and free colors
TILES = 14  # different tiles of a map


def random_text(rng: np.random.Generator) -> str:
    """Two to twenty letters, digits and signs."""
    return "".join(rng.choice(list(LETTERS), int(rng.integers(2, 21))))


def text_mask(rng: np.random.Generator, lines: int, side: int = SIDE) -> np.ndarray:
    """``(side, side)`` bool, true on the strokes of ``lines`` lines of text without antialiasing."""
    canvas = Image.new("1", (side, side))
    pen = ImageDraw.Draw(canvas)
    pen.fontmode = "1"
    fonts = [ImageFont.load_default_imagefont(), ImageFont.load_default(float(rng.integers(8, 17)))]
    for _ in range(lines):
        place = (int(rng.integers(-10, max(side - 40, 1))), int(rng.integers(0, side - 8)))
        pen.text(place, random_text(rng), fill=1, font=fonts[int(rng.integers(2))])
    return np.asarray(canvas, dtype=bool)


def _blobs(rng: np.random.Generator, side: int, count: int) -> np.ndarray:
    """``(side, side)`` int: patches of ``count`` values with hard edges, some mirrored as sprites are."""
    grid = int(rng.integers(2, side + 1))
    noise = cv2.resize(rng.normal(size=(grid, grid)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.4:
        noise = (noise + noise[:, ::-1]) / 2
    borders = np.sort(rng.choice(noise.ravel(), count - 1)) if count > 1 else np.zeros(0)
    return np.searchsorted(borders, noise).astype(np.int64)


def _texture(rng: np.random.Generator, side: int) -> np.ndarray:
    """``(side, side)`` int of 0 and 1: one-pixel lines, bricks or sparse dots, which are meant to stay."""
    row, column = np.mgrid[:side, :side]
    step = int(rng.integers(2, 6))
    kind = int(rng.integers(4))
    if kind == 0:
        return np.asarray(row % step == 0, np.int64)
    if kind == 1:
        return np.asarray((column + row) % step == 0, np.int64)
    if kind == 2:
        bricks = (row % 4 == 0) | ((column + 4 * ((row // 4) % 2)) % 8 == 0)
        return np.asarray(bricks, np.int64)
    return np.asarray(rng.random((side, side)) < 0.1, np.int64)


def _tile(rng: np.random.Generator, side: int, colors: int) -> np.ndarray:
    """A tile of a map ``(side, side)`` of color numbers below ``colors``."""
    kind = rng.random()
    if kind < 0.3:
        return np.full((side, side), int(rng.integers(colors)))
    pattern = _texture(rng, side) if kind < 0.5 else _blobs(rng, side, int(rng.integers(2, 5)))
    chosen = rng.integers(colors, size=int(pattern.max()) + 1)
    drawn = np.asarray(chosen[pattern])
    if rng.random() < 0.4:
        drawn[[0, -1], :] = drawn[:, [0, -1]] = int(rng.integers(colors))
    return drawn


def _map(rng: np.random.Generator, colors: int) -> np.ndarray:
    """A map ``(256, 256)`` of repeated tiles before a flat background, shifted as by scrolling."""
    side = int(rng.choice([8, 16]))
    tiles = [_tile(rng, side, colors) for _ in range(TILES)]
    count = SIDE // side + 1
    sky, ground = int(rng.integers(colors)), float(rng.uniform(0.2, 0.9))
    place = np.where(rng.random((count, count)) < ground, rng.integers(TILES, size=(count, count)), -1)
    # Runs of one tile, as platforms and walls are.
    place = np.where(rng.random((count, count)) < 0.5, np.roll(place, 1, axis=1), place)
    empty = np.full((side, side), sky)
    rows = [np.concatenate([tiles[n] if n >= 0 else empty for n in line], axis=1) for line in place]
    drawn = np.roll(np.concatenate(rows, axis=0), rng.integers(side, size=2), axis=(0, 1))
    return np.ascontiguousarray(drawn[:SIDE, :SIDE])


def _palette(rng: np.random.Generator) -> np.ndarray:
    """``(K, 3)`` uint8: ramps of a few hues as artists make them, or free colors, often on a console's lattice."""
    count = int(rng.integers(4, MOST_COLORS + 1))
    if rng.random() < 0.6:
        bases = rng.uniform(0.1, 1.0, (max(1, count // 4), 3))
        shades = rng.uniform(0.15, 1.0, (count, 1))
        colors = bases[rng.integers(len(bases), size=count)] * shades
    else:
        colors = rng.uniform(0, 1, (count, 3))
    colors[0] = 0
    top = float(rng.choice([7, 15, 31, 255]))
    return np.unique((np.round(colors * top) / top * 255).round().astype(np.uint8), axis=0)


def flat_record(rng: np.random.Generator, palette: np.ndarray | None = None) -> PaletteRecord:
    """A screen of flat art with text: its own truth. ``palette``: ``(K, 3)`` uint8; None: one made up."""
    palette = _palette(rng) if palette is None else palette
    index = _map(rng, len(palette))
    for _ in range(int(rng.integers(0, 3))):
        top, left, height, width = (int(value) for value in rng.integers(0, SIDE // 2, 4))
        index[top : top + height, left : left + width] = int(rng.integers(len(palette)))
    index[text_mask(rng, int(rng.integers(0, 8)))] = int(rng.integers(len(palette)))
    used, inverse = np.unique(index, return_inverse=True)
    palette, index = palette[used], inverse.reshape(index.shape).astype(np.uint8)
    return PaletteRecord(index, palette, reach_of(palette), bool(rng.random() < 0.3), np.ones(index.shape, bool))


def _with_colors(record: PaletteRecord, rng: np.random.Generator) -> PaletteRecord:
    """One to three more colors at the end of the palette, unused so far."""
    inks = np.array([[255, 255, 255], [0, 0, 0], [255, 255, 0], [255, 0, 0], *rng.integers(0, 256, (4, 3))], np.uint8)
    chosen = inks[rng.choice(len(inks), int(rng.integers(1, 4)), replace=False, p=INK_SHARES)]
    known = {tuple(color) for color in record.palette}
    new = [color for color in chosen if tuple(color) not in known][: 256 - len(record.palette)]
    if not new:
        return record
    palette = np.concatenate([record.palette, new]).astype(np.uint8)
    return replace(record, palette=palette, reach=reach_of(palette))


def with_text(record: PaletteRecord, rng: np.random.Generator) -> PaletteRecord:
    """The record with lines of text over it, see :func:`written`.

    The text has colors of the palette, or new ones that nothing else on the screen has, as white letters often are.
    """
    old = len(record.palette)
    record = _with_colors(record, rng) if rng.random() < NEW_COLORS else record
    own = len(record.palette)
    return written(record, np.arange(old, own) if own > old else np.arange(own), rng)


def written(record: PaletteRecord, inks: np.ndarray, rng: np.random.Generator) -> PaletteRecord:
    """The record with lines of text over it in the colors numbered ``inks``, some in a box: there they are true."""
    index, kept = record.index.copy(), record.kept.copy()
    for _ in range(int(rng.integers(1, 4))):
        strokes = text_mask(rng, int(rng.integers(1, 4)), index.shape[0])
        if rng.random() < 0.3:
            rows, columns = np.nonzero(strokes)
            if len(rows):
                box = np.s_[max(0, rows.min() - 3) : rows.max() + 4, max(0, columns.min() - 3) : columns.max() + 4]
                index[box], kept[box] = int(rng.integers(len(record.palette))), True
        index[strokes], kept[strokes] = int(rng.choice(inks)), True
    return replace(record, index=index, kept=kept)
