"""How much do the networks change art that needs no restoring? The mean change, in codes of 255.

python scripts/measure_harm.py CLIP... [--restorer cellnet-s cellnet-m]

Frames of each clip are cut to their own palette, which loses nothing, and restored as if that palette had been a
quantizer's. "drawn" leaves out pixels near a regular alternation of two colors (dither), where change is wanted.
`vdequant CLIP` itself passes such art through; this is about what would happen if it did not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.color import to_rgb
from vdequant.frame_work import Recipe, keep_drawn, restore_native
from vdequant.frames import Layout
from vdequant.media.source import open_source
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.restorers.loading import load_restorer
from vdequant.settings import Settings

FRAMES = 12
AROUND = 3  # pixels around an alternation that count as dithered


def dithered_places(y: Tensor) -> Tensor:
    """Boolean ``(1, 1, H, W)``: near a place where two colors take turns, a b a b, across or down."""
    codes = (y * 255).round().long()
    code = (codes[:, 0] << 16 | codes[:, 1] << 8 | codes[:, 2])[:, None]
    found = torch.zeros_like(code, dtype=torch.bool)
    for dim in (-1, -2):
        size = code.shape[dim] - 3
        a, b, c, d = (code.narrow(dim, start, size) for start in range(4))
        found.narrow(dim, 1, size).logical_or_((a == c) & (b == d) & (a != b))
    return functional.max_pool2d(found.float(), 2 * AROUND + 1, 1, AROUND) > 0


def changes(clip: Path, name: str) -> tuple[float, float, float]:
    """Mean change of all samples, of those that were drawn, and the largest of the latter, in codes."""
    whole, drawn, largest = [], [], 0.0
    with open_source(str(clip), Settings()) as source:
        layout = source.info.layout
        frames = source.sample(FRAMES)
    restorer = load_restorer(name).to(torch.device("cpu"), torch.bfloat16)
    for frame in frames:
        y = to_rgb(frame.planes, frame.layout)[None]
        quantizer = PaletteQuantizer(torch.unique(y[0].flatten(1).T, dim=0))
        recipe = Recipe(restorer, quantizer, Layout(layout.width, layout.height, "rgb", 16))
        moved = (keep_drawn(recipe, y, restore_native(recipe, y)) - y).abs() * 255
        calm = ~dithered_places(y).expand_as(moved)
        whole.append(float(moved.mean()))
        drawn.append(float(moved[calm].mean()))
        largest = max(largest, float(moved[calm].max()))
    return sum(whole) / len(whole), sum(drawn) / len(drawn), largest


@torch.inference_mode()
def main() -> None:
    """Print one row a clip and restorer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="lossless clips at native size")
    parser.add_argument("--restorer", nargs="+", default=["cellnet-s", "cellnet-m"], help="names of restorers")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| clip | restorer | all | drawn | largest drawn |\n| --- | --- | --- | --- | --- |")
    for clip in args.clips:
        for name in args.restorer:
            whole, drawn, largest = changes(clip, name)
            print(f"| {clip.stem} | {name} | {whole:.2f} | {drawn:.2f} | {largest:.0f} |", flush=True)


if __name__ == "__main__":
    main()
