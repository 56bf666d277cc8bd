"""Quantizers of old machines: their colors, and where simple facts limit which of them may stand together.

The size of a machine's screen is in the table, but no quantizer changes a picture's size: that is the command's
business (``vdequant quantize --size native``).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

import torch
from torch import Tensor

from vdequant.checks import check_choice, check_picture
from vdequant.quantizers import console_palettes as palettes
from vdequant.quantizers.attributes import (
    BlockRule,
    PairRule,
    block_cells,
    block_numbers,
    nearest_allowed,
    squared_distances,
)
from vdequant.quantizers.base import Cells, Quantizer, per_picture
from vdequant.quantizers.nes_attributes import NesRule
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.rows import from_rows, to_rows
from vdequant.quantizers.uniform import UniformQuantizer

ROWS = 1 << 16  # pixels that the soft form looks at together


@dataclass(frozen=True)
class Console:
    """What a machine can show.

    Attributes:
        words: its name for people.
        colors: hexadecimal codes separated by blanks, "" for a lattice.
        levels: 8-bit codes that each channel can take, () for a palette.
        size: width and height of its screen, None where it has many.
        rule: limit of the colors of a block, None where any may stand anywhere.
    """

    words: str
    colors: str = ""
    levels: tuple[int, ...] = ()
    size: tuple[int, int] | None = None
    rule: BlockRule | None = None

    def palette(self) -> Tensor:
        """``(K, 3)`` float32 in [0, 1], in the machine's order."""
        codes = [list(bytes.fromhex(code)) for code in self.colors.split()]
        return torch.tensor(codes, dtype=torch.float32) / 255

    def free(self) -> UniformQuantizer | PaletteQuantizer:
        """Its colors without its limits."""
        if self.levels:
            return UniformQuantizer([[code / 255 for code in self.levels]] * 3)
        return PaletteQuantizer(self.palette())


def _replicated(bits: int) -> tuple[int, ...]:
    """Codes of a register of few bits, repeated downward to fill 8: what emulators do (``k << 3 | k >> 2``)."""
    return tuple(int((f"{code:0{bits}b}" * 8)[:8], 2) for code in range(1 << bits))


# Normal colors 1-7 and bright ones 8-14 may not share a block; black is in both sets.
_ZX_RULE = PairRule(8, 8, groups=((0, 1, 2, 3, 4, 5, 6, 7), (0, 8, 9, 10, 11, 12, 13, 14)))

CONSOLES: dict[str, Console] = {
    "nes": Console("NES", palettes.NES, size=(256, 240), rule=NesRule()),
    "gameboy": Console("Game Boy", palettes.GAME_BOY, size=(160, 144)),
    "gameboy-green": Console("Game Boy in green", palettes.GAME_BOY_GREEN, size=(160, 144)),
    # 15-bit color registers: Nintendo's SNES, Game Boy Color and Game Boy Advance programming manuals.
    "snes": Console("SNES", levels=_replicated(5), size=(256, 224)),
    "gbc": Console("Game Boy Color", levels=_replicated(5), size=(160, 144)),
    "gba": Console("Game Boy Advance", levels=_replicated(5), size=(240, 160)),
    # 6-bit CRAM: Sega Master System hardware reference. 9-bit CRAM: Genesis Technical Overview; even steps, although
    # its converter bends them a little.
    "sms": Console("Master System", levels=_replicated(2), size=(256, 192)),
    "genesis": Console("Genesis", levels=_replicated(3), size=(320, 224)),
    "cga": Console("CGA, 16 colors", palettes.CGA),
    "cga4-0": Console("CGA palette 0", palettes.CGA_0, size=(320, 200)),
    "cga4-0-bright": Console("CGA palette 0, bright", palettes.CGA_0_BRIGHT, size=(320, 200)),
    "cga4-1": Console("CGA palette 1", palettes.CGA_1, size=(320, 200)),
    "cga4-1-bright": Console("CGA palette 1, bright", palettes.CGA_1_BRIGHT, size=(320, 200)),
    "cga4-5": Console("CGA mode 5", palettes.CGA_5, size=(320, 200)),
    "cga4-5-bright": Console("CGA mode 5, bright", palettes.CGA_5_BRIGHT, size=(320, 200)),
    # IBM Enhanced Graphics Adapter: the CGA colors by default, two bits a channel with its own monitor.
    "ega": Console("EGA, 16 colors", palettes.CGA, size=(320, 200)),
    "ega64": Console("EGA, 64 colors", levels=_replicated(2), size=(640, 350)),
    # IBM VGA: a RAMDAC of 6 bits a channel.
    "vga": Console("VGA", levels=_replicated(6), size=(320, 200)),
    # Commodore Amiga Hardware Reference Manual: 12-bit color registers.
    "amiga": Console("Amiga", levels=_replicated(4), size=(320, 256)),
    # Two colors a block in the bitmap modes: C64 Programmer's Reference Guide, "standard bit map mode".
    "c64": Console("Commodore 64", palettes.C64, size=(320, 200), rule=PairRule(8, 8)),
    "c64-colodore": Console("Commodore 64, Colodore", palettes.C64_COLODORE, size=(320, 200), rule=PairRule(8, 8)),
    "zx": Console("ZX Spectrum", palettes.ZX_SPECTRUM, size=(256, 192), rule=_ZX_RULE),
    # Graphics II: two colors for each 8 pixels of a line (TMS9918A data manual).
    "msx": Console("MSX", palettes.MSX, size=(256, 192), rule=PairRule(8, 1)),
    "atari2600": Console("Atari 2600", palettes.ATARI_2600, size=(160, 192)),
    "pico8": Console("PICO-8", palettes.PICO_8, size=(128, 128)),
    # Lynda Weinman's 216 colors of 1996: what 8-bit displays of two systems had in common.
    "websafe": Console("web-safe colors", levels=(0, 51, 102, 153, 204, 255)),
}


class ConsoleQuantizer:
    """What a machine of the table would show of a picture, its size apart.

    Without a limit per block this is its lattice or palette. With one, the colors of every block are chosen first, by
    least squared error; cells are then Voronoi cells among the colors that the block shows. They hold the truth, but
    re-quantizing another picture from the cells may choose other colors for a block.

    Args:
        name: of CONSOLES.
    """

    def __init__(self, name: str) -> None:
        self.name = check_choice(name, tuple(CONSOLES), "console")
        self.console = CONSOLES[name]
        self.free: Quantizer = self.console.free()
        self._palette = self.console.palette() if self.console.rule else torch.zeros(0, 3)

    @property
    def period(self) -> int:
        """Pixels after which blocks repeat: tiles of a picture have to begin at multiples of it."""
        rule = self.console.rule
        return lcm(rule.width, rule.height) if rule else 1

    def describe(self) -> str:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        rule = self.console.rule
        blocks = f", limited in {rule.width}x{rule.height} blocks" if rule else ""
        return f"{self.console.words}: {self.free.describe()}{blocks}"

    def quantize(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        rule = self.console.rule
        if rule is None:
            return self.free.quantize(x)
        check_picture(x)
        palette = self._palette.to(x)
        known = x.detach()
        allowed = rule.choose(known, palette).flatten(0, 2)
        return from_rows(palette[nearest_allowed(to_rows(known), palette, allowed, block_numbers(x, rule))], x)

    def soft(self, x: Tensor, k: float | Tensor) -> Tensor:
        """Softmax over the colors of each block (*map*, eq. 8); which ones those are has no gradient."""
        rule = self.console.rule
        if rule is None:
            return self.free.soft(x, k)
        check_picture(x)
        palette = self._palette.to(x)
        allowed, block = rule.choose(x.detach(), palette).flatten(0, 2), block_numbers(x, rule)
        sharpness = per_picture(k, x, 2).expand(len(x), 1).repeat_interleave(x.shape[2] * x.shape[3], 0)
        parts = []
        split = [torch.split(part, ROWS) for part in (to_rows(x), block, sharpness)]
        for rows, number, steepness in zip(*split, strict=True):
            exponents = (-steepness * squared_distances(rows, palette)).masked_fill(~allowed[number], -torch.inf)
            parts.append(torch.softmax(exponents, dim=1) @ palette)
        return from_rows(torch.cat(parts), x)

    def straight_through(self, x: Tensor) -> Tensor:
        """See :class:`~vdequant.quantizers.base.Quantizer`."""
        return self.quantize(x) + (x - x.detach())

    def cells(self, y: Tensor) -> Cells:
        """Of the lattice or palette; with a limit per block among the colors that each block shows."""
        if self.console.rule is None:
            return self.free.cells(y)
        check_picture(y, "y")
        return block_cells(y, self._palette.to(y), self.console.rule)
