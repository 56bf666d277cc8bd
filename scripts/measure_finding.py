"""Is the dither of GIFs recognized, and is what is not dithered left alone? (The README's figures.)

python scripts/measure_finding.py FOLDER... [--every 4] [--gains cellnet-m]

Each picture of the folders is cut to 16, 64 and 256 colors by ffmpeg's palettegen and paletteuse, as for a GIF, and to
a few levels of each channel, without dither and with several kinds. One row a kind: the share of the pictures that
`auto` takes for dithered; with ``--gains`` what the default run gains with that restorer, in dB.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gifs import as_gif
from PIL import Image

from vdequant.metrics.fidelity import psnr
from vdequant.pipeline import restore
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.settings import Settings

COLORS = (16, 64, 256)
KINDS = ("none", "bayer:bayer_scale=0", "bayer:bayer_scale=2", "floyd_steinberg", "sierra2_4a", "atkinson")
LEVELS = {"1-2-2": (1, 2, 2), "3-3-2": (3, 3, 2), "4-4-4": (4, 4, 4), "5-5-5": (5, 5, 5)}  # bits
LEVEL_KINDS = ("none", "fs", "atkinson", "jarvis", "bayer4", "bayer8")
Cut = Callable[[torch.Tensor, Any, str], torch.Tensor]  # to how many colors or bits, with which dither
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


def gain(fine: torch.Tensor, stored: torch.Tensor, restorer: str) -> float:
    """By how many dB a restored file is nearer to the truth than the stored one."""
    with tempfile.TemporaryDirectory() as folder:
        given, target = Path(folder) / "given.png", Path(folder) / "restored.png"
        Image.fromarray((stored * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()).save(given)
        restore(str(given), str(target), Settings(restorer=restorer, bits=8, scale=1, device="cpu"))
        restored = torch.from_numpy(np.array(Image.open(target).convert("RGB"))).permute(2, 0, 1) / 255
    return float(psnr(restored[None], fine[None]) - psnr(stored[None], fine[None]))


def in_levels(picture: torch.Tensor, bits: tuple[int, int, int], kind: str) -> torch.Tensor:
    """``(3, H, W)`` in [0, 1] in levels of that many bits."""
    levels = UniformQuantizer.of_bits(bits)
    return (levels if kind == "none" else DitherQuantizer(levels, kind)).quantize(picture[None])[0]


def table(
    title: str, columns: dict[str, Any], kinds: tuple[str, ...], cut: Cut, fine: list[torch.Tensor], gains: str
) -> None:
    """Print one row a kind of dither."""
    print(f"\n| {title} | {' | '.join(columns)} |\n" + "| --- " * (1 + len(columns)) + "|")
    for kind in kinds:
        cells = []
        for to in columns.values():
            stored = [cut(picture, to, kind) for picture in fine]
            if gains:
                cells.append(f"{np.mean([gain(a, b, gains) for a, b in zip(fine, stored, strict=True)]):+.2f}")
            else:
                cells.append(f"{np.mean([is_found(each) for each in stored]):.0%}")
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of full-color pictures")
    parser.add_argument("--every", type=int, default=1, help="take one picture of so many")
    parser.add_argument("--gains", default="", metavar="RESTORER", help="restore them, and print what that gains")
    args = parser.parse_args()
    torch.set_num_threads(1)
    fine = pictures(args.folders, args.every)
    print(f"{len(fine)} pictures")
    table("dither", {f"{count} colors": count for count in COLORS}, KINDS, as_gif, fine, args.gains)
    table("levels, dither", LEVELS, LEVEL_KINDS, in_levels, fine, args.gains)


if __name__ == "__main__":
    main()
