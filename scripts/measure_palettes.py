"""Palette transfer between the pictures of a folder, measured as in tables 1 and 2 of *diffusion*.

    python scripts/measure_palettes.py KODAK [--limit 6]

Each picture, its middle 256x256 pixels, takes the palette of the one half the list further on. Printed are the means
over the pictures of the paper's palette PSNR and SSIM (the result is quantized anew by median cut and compared with the
remapped picture) and of the banding that is left. "remap only" is the remapped picture itself, which no palette error
can be below. The paper's numbers are of 1000 other pictures.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from vdequant.edits import METHODS
from vdequant.edits.mapping import PaletteMapping
from vdequant.edits.matching import match_palettes
from vdequant.edits.palette_transfer import PaletteTransfer, Requantizer
from vdequant.evaluation.datasets import find_items
from vdequant.frame_work import Recipe, restore_native
from vdequant.frames import Layout
from vdequant.metrics.banding import banding
from vdequant.metrics.palette_fidelity import palette_psnr, palette_ssim
from vdequant.palette_targets import shares_of
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.palettes_from import palette_from
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.loading import load_restorer
from vdequant.schedule.device import choose_engine

SIDE = 256  # pixels, as in the paper
RESTORERS = {"remap only": "identity", "cellnet-s": "cellnet-s", "cellnet-m": "cellnet-m"}
COLORS = (8, 32)

Scores = tuple[float, float, float]  # palette PSNR, palette SSIM, banding


def pictures(folder: Path, limit: int) -> list[Tensor]:
    """The middles of the pictures, ``(1, 3, SIDE, SIDE)``."""
    found = []
    for item in find_items([folder], limit=limit):
        x = torch.from_numpy(item.read()[0]).permute(2, 0, 1)[None] / 255
        top, left = (x.shape[-2] - SIDE) // 2, (x.shape[-1] - SIDE) // 2
        found.append(x[..., top : top + SIDE, left : left + SIDE].contiguous())
    return found


def mapping_of(x: Tensor, other: Tensor, colors: int, method: str) -> PaletteMapping:
    """From the palette of one picture to that of another."""
    target = palette_from([other[0]], colors)
    source = palette_from([x[0]], len(target))
    shares, wanted = (
        shares_of(palette, picture[0].flatten(1).T.contiguous()) for palette, picture in ((source, x), (target, other))
    )
    return PaletteMapping(source, target[match_palettes(source, shares, target, wanted, method)], shares)


def dequantized(recipe: Recipe, stored: Tensor, quantizer: Quantizer) -> Tensor:
    """What the recipe's restorer makes of a stored picture, in the cells of the quantizer."""
    return restore_native(replace(recipe, quantizer=quantizer), stored)


def score(x: Tensor, mapping: PaletteMapping, recipe: Recipe, texture: str) -> Scores:
    """The scores of one transfer."""
    done = PaletteTransfer(mapping, partial(dequantized, recipe), texture=texture, fidelity=recipe.fidelity)(x)
    again = Requantizer(len(mapping.source))
    return (
        float(palette_psnr(done.result, done.stored, again)),
        float(palette_ssim(done.result, done.stored, again)),
        float(banding(done.result)),
    )


def cell(found: list[Tensor], colors: int, method: str, recipe: Recipe, texture: str) -> str:
    """The means over the pictures, as one cell of the table."""
    rows = []
    for i, x in enumerate(found):
        mapping = mapping_of(x, found[(i + len(found) // 2) % len(found)], colors, method)
        with torch.inference_mode():
            rows.append(score(x, mapping, recipe, texture))
    psnr, ssim, steps = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return f"{psnr:.1f} / {ssim:.3f} / {steps:.4f}"


def recipe_of(name: str, fidelity: float) -> Recipe:
    """What decides a dequantization, but for the palette."""
    engine = choose_engine("cpu")
    restorer = load_restorer(RESTORERS[name]).to(engine.device, engine.dtype)
    whole = UniformQuantizer.of_bits((8, 8, 8))  # in whose place each transfer puts its own
    return Recipe(restorer, whole, Layout(SIDE, SIDE, "rgb", 16), fidelity=fidelity)


def main() -> None:
    """Print one table for each method of matching."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="pictures of at least 256x256")
    parser.add_argument("--limit", type=int, default=6, help="how many of them")
    parser.add_argument("--fidelity", type=float, default=1.0, help="share of the way into the cells")
    args = parser.parse_args()
    found = pictures(args.folder, args.limit)
    rows = [(texture, name) for texture in ("off", "L-post") for name in RESTORERS] + [("L", "remap only")]
    for method in METHODS:
        print(f"\n{method}: palette PSNR / palette SSIM / banding, {len(found)} pictures\n")
        print("| texture | dequantizer | " + " | ".join(f"{colors} colors" for colors in COLORS) + " |")
        print("| --- " * (2 + len(COLORS)) + "|")
        for texture, name in rows:
            recipe = recipe_of(name, args.fidelity)
            cells = [cell(found, colors, method, recipe, texture) for colors in COLORS]
            print(f"| {texture} | {'none' if texture == 'L' else name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
