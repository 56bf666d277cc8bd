"""Is the dither of GIFs recognized, and is what is not dithered left alone? (The README's figures.)

python scripts/measure_finding.py FOLDER... [--every 4]

Each picture of the folders is cut to 16, 64 and 256 colors by ffmpeg's palettegen and paletteuse, as for a GIF, and to
a few levels of each channel, without dither and with several kinds. One row a kind: the share of the pictures that
`auto` takes for dithered.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from gifs import as_gif
from PIL import Image

from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.uniform import UniformQuantizer

COLORS = (16, 64, 256)
KINDS = ("none", "bayer:bayer_scale=0", "bayer:bayer_scale=2", "floyd_steinberg", "sierra2_4a", "atkinson")
LEVELS = {"1-2-2": (1, 2, 2), "3-3-2": (3, 3, 2), "4-4-4": (4, 4, 4), "5-5-5": (5, 5, 5)}  # bits
LEVEL_KINDS = ("none", "fs", "atkinson", "jarvis", "bayer4", "bayer8")
LARGEST = 384  # pixels a side, from the middle


def pictures(folders: list[Path], every: int) -> list[torch.Tensor]:
    """``(3, H, W)`` in [0, 1]."""
    found = []
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix in (".png", ".webp"))[::every]:
            with Image.open(path) as opened:
                whole = np.asarray(opened.convert("RGB"))
            top, left = (max(0, side - LARGEST) // 2 for side in whole.shape[:2])
            part = whole[top : top + LARGEST, left : left + LARGEST]
            found.append(torch.from_numpy(part.copy()).permute(2, 0, 1) / 255)
    return found


def is_found(picture: torch.Tensor) -> bool:
    """Whether dither is found in a stored picture."""
    return estimate([picture], lossy_codec=False, stored_bits=8, fold=False).dithered


def in_levels(picture: torch.Tensor, bits: tuple[int, int, int], kind: str) -> torch.Tensor:
    """``(3, H, W)`` in [0, 1] in levels of that many bits."""
    levels = UniformQuantizer.of_bits(bits)
    return (levels if kind == "none" else DitherQuantizer(levels, kind)).quantize(picture[None])[0]


def main() -> None:
    """Print one row a kind of dither."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of full-color pictures")
    parser.add_argument("--every", type=int, default=1, help="take one picture of so many")
    args = parser.parse_args()
    torch.set_num_threads(1)
    fine = pictures(args.folders, args.every)
    print(f"{len(fine)} pictures\n| dither | {' | '.join(f'{count} colors' for count in COLORS)} |")
    print("| --- " * (1 + len(COLORS)) + "|")
    for kind in KINDS:
        shares = [np.mean([is_found(as_gif(picture, count, kind)) for picture in fine]) for count in COLORS]
        print(f"| {kind} | {' | '.join(f'{share:.0%}' for share in shares)} |", flush=True)
    print(f"\n| levels, dither | {' | '.join(LEVELS)} |\n" + "| --- " * (1 + len(LEVELS)) + "|")
    for kind in LEVEL_KINDS:
        shares = [np.mean([is_found(in_levels(each, bits, kind)) for each in fine]) for bits in LEVELS.values()]
        print(f"| {kind} | {' | '.join(f'{share:.0%}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
