"""How well are dithered game screens with text over them restored? (The README's figures.)

python scripts/measure_dedither.py SCREENS [--restorer cellnet-s cellnet-m] [--ink yellow]

SCREENS is a folder of full-color game screens that training never saw (scripts/game_screens.py makes one). Each is
cut to 16 and 32 colors (Pillow's median cut, and the ink of the text), dithered, and two lines of text are laid over.
PSNR of the dithered picture, text included, and the gain over it in dB; and how far letters are from their color, in
codes of 255: the mean over their pixels of the worst channel, and the share of them that is within 2.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont
from torch import Tensor

from vdequant.frame_work import Recipe, keep_drawn, restore_native
from vdequant.frames import Layout
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.restorers.base import Restorer
from vdequant.restorers.loading import load_restorer

KINDS = ("bayer4", "bayer8", "knoll4", "knoll8", "checkerboard", "column", "fs")
COLORS = (16, 32)
NEAR = 2.0  # codes
LINES = (((8, 8), "SCORE 001200   LIVES x03"), ((40, 200), "Press START to continue."))


def letters(width: int, height: int) -> Tensor:
    """Boolean ``(1, 1, H, W)``: the strokes of a bitmap font of 6x11 pixels."""
    canvas = Image.new("1", (width, height))
    for place, text in LINES:
        ImageDraw.Draw(canvas).text(place, text, fill=1, font=ImageFont.load_default_imagefont())
    return torch.from_numpy(np.asarray(canvas).copy())[None, None]


def palette_of(picture: Image.Image, colors: int, ink: Tensor) -> Tensor:
    """``(K, 3)`` in [0, 1]: Pillow's median cut, and the ink (3)."""
    cut = picture.quantize(colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    table = np.asarray(cut.getpalette()[: 3 * colors], dtype=np.float32).reshape(-1, 3)
    return torch.cat([torch.from_numpy(table) / 255, ink[None]])


def ink_of(name: str) -> Tensor:
    """``(3,)`` in [0, 1] of a color as Pillow and CSS name it."""
    return torch.tensor(ImageColor.getrgb(name)[:3]) / 255


def decibels(error: Tensor, than: Tensor) -> float:
    """How much smaller the first difference is than the second."""
    return float(10 * torch.log10(than.square().mean() / error.square().mean()))


def score(restorer: Restorer, path: Path, colors: int, kind: str, ink: Tensor) -> tuple[float, float, float, float]:
    """PSNR of the stored picture, gain, mean difference of the letters, share of them that is near."""
    picture = Image.open(path).convert("RGB")
    truth = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255
    quantizer = DitherQuantizer(PaletteQuantizer(palette_of(picture, colors, ink)), kind)
    strokes, ink = letters(*picture.size), ink[:, None, None]
    stored = torch.where(strokes, ink, quantizer.quantize(truth))
    truth = torch.where(strokes, ink, truth)
    layout = Layout(picture.width, picture.height, "rgb", 16)
    recipe = Recipe(restorer, quantizer, layout, dithered=True)
    result = keep_drawn(recipe, stored, restore_native(recipe, stored))
    text = ((result - truth).abs().amax(1, keepdim=True) * 255)[strokes]
    nothing = decibels(stored - truth, torch.ones_like(truth))
    return nothing, decibels(result - truth, stored - truth), float(text.mean()), float((text <= NEAR).float().mean())


@torch.inference_mode()
def main() -> None:
    """Print one row a restorer, dither and number of colors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("screens", type=Path, help="folder of pictures")
    parser.add_argument("--restorer", nargs="+", default=["cellnet-s", "cellnet-m"], help="names of restorers")
    parser.add_argument("--ink", type=ink_of, default="white", help="color of the text, as yellow or #e02020")
    args = parser.parse_args()
    torch.set_num_threads(1)
    paths = sorted(path for path in args.screens.iterdir() if path.suffix in (".png", ".webp"))
    print(
        "| restorer | colors | dither | nothing, dB | gain, dB | text off by | text within 2 |\n" + "| --- " * 7 + "|"
    )
    for name in args.restorer:
        restorer = load_restorer(name).to(torch.device("cpu"), torch.bfloat16)
        for colors in COLORS:
            for kind in KINDS:
                rows = [score(restorer, path, colors, kind, args.ink) for path in paths]
                nothing, gain, text, near = (sum(column) / len(rows) for column in zip(*rows, strict=True))
                print(
                    f"| {name} | {colors} | {kind} | {nothing:.2f} | {gain:+.2f} | {text:.2f} | {near:.1%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
