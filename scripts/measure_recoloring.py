"""Recoloring of random parts, measured as in tables 3 and 4 of *diffusion*.

    python scripts/measure_recoloring.py KODAK [--limit 24]

Of the middle 256x256 pixels of each picture a random ellipse is recolored, 13.4 % of the pixels as in the paper: with
its own mean color, where the picture itself is the truth (PSNR, SSIM), and with a random color, where the paper's
palette error with 16 colors tells whether that color came. The paper's numbers are of 1000 other pictures and parts.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from measure_palettes import SIDE, pictures
from torch import Tensor

from vdequant.edits import RECOLOR_FAST
from vdequant.edits.palette_transfer import Requantizer
from vdequant.edits.recolor import filled, mean_color, recolor
from vdequant.metrics.fidelity import psnr, ssim
from vdequant.metrics.palette_fidelity import palette_psnr, palette_ssim

SHARE = 0.134  # of the pixels, the paper's mean
COLORS = 16


def ellipse(chance: torch.Generator) -> Tensor:
    """A mask ``(1, 1, SIDE, SIDE)`` of an ellipse of any aspect up to 2, wholly inside."""
    aspect = 2 ** (2 * float(torch.rand(1, generator=chance)) - 1)
    radius = math.sqrt(SHARE * SIDE**2 / math.pi)
    across, down = radius * math.sqrt(aspect), radius / math.sqrt(aspect)
    x, y = (reach + float(torch.rand(1, generator=chance)) * (SIDE - 1 - 2 * reach) for reach in (across, down))
    place = torch.arange(SIDE, dtype=torch.float32)
    inside = ((place - x) / across).square()[None] + ((place - y) / down).square()[:, None] <= 1
    return inside.float()[None, None]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="pictures of at least 256x256")
    parser.add_argument("--limit", type=int, default=24, help="how many of them")
    args = parser.parse_args()
    found, chance = pictures(args.folder, args.limit), torch.Generator().manual_seed(0)
    parts = [(x, ellipse(chance), torch.rand(1, 3, 1, 1, generator=chance)) for x in found]
    print("| texture | mean color: PSNR / SSIM | random color: palette PSNR / palette SSIM |")
    print("| --- | --- | --- |")
    for texture in RECOLOR_FAST:
        sums = torch.zeros(4, dtype=torch.float64)
        for x, weight, color in parts:
            own = recolor(x, weight, mean_color(x, weight), texture=texture)
            other, asked = recolor(x, weight, color, texture=texture), filled(x, weight, color)
            again = Requantizer(COLORS)
            values = [psnr(own, x), ssim(own, x), palette_psnr(other, asked, again), palette_ssim(other, asked, again)]
            sums += torch.cat(values)
        mean = (sums / len(parts)).tolist()
        print(f"| {texture} | {mean[0]:.2f} / {mean[1]:.4f} | {mean[2]:.2f} / {mean[3]:.4f} |")


if __name__ == "__main__":
    main()
