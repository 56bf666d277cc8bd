"""How many native pixels of a compressed capture come back exactly, and how near the others (the README's figures).

python scripts/measure_snap.py LOSSLESS_CLIP... [--scale 3] [--crf 18] [--frames 0]
python scripts/measure_snap.py LOSSLESS_CLIP... --scaler bilinear --size 1234x1080

Each clip is enlarged by nearest neighbor, or by another scaler to another size, compressed by x264 in 4:2:0, and taken
back by vdequant without a network; "nothing" is the sample in the middle of each enlarged pixel as the codec left it.
With ``--scale 1`` a clip is compressed at its own size. PSNR is that of the mean squared error of all frames.
Of blended pixels, "snapped" are those that a least squares fit finds in the result.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from math import log10
from pathlib import Path

import torch
from torch import Tensor

from vdequant.color import to_rgb
from vdequant.frames import Frame
from vdequant.media.ffmpeg_cli import find_ffmpeg
from vdequant.media.source import open_source
from vdequant.pipeline import restore
from vdequant.quantizers.blends import Blend
from vdequant.quantizers.grid import Grid, blended_axis
from vdequant.settings import Settings

Fold = Callable[[Tensor], Tensor]
Size = tuple[int, int]
SCALERS = {"nearest": "neighbor", "area": "area", "bilinear": "bilinear"}  # those that overshoot are cut off in RGB


def codes(path: Path, fold: Fold) -> Iterator[Tensor]:
    """8-bit RGB ``(3, H, W)`` of the native pixels of every frame."""
    with open_source(str(path), Settings()) as source:
        for item in source:
            if isinstance(item, Frame):
                yield (fold(to_rgb(item.planes, item.layout)) * 255).round()


def middles(native: Size, stored: Size) -> Fold:
    """One sample of each native pixel; sizes are width and height."""
    columns, rows = (((torch.arange(few) + 0.5) * many / few).long() for few, many in zip(native, stored, strict=True))
    return lambda picture: picture[:, rows][:, :, columns]


def likeness(path: Path, truth: Path, fold: Fold, frames: int) -> str:
    """Share of native pixels whose three samples are those of the lossless clip, and PSNR; two cells of the table."""
    shares, errors = [], []
    for found, true in zip(
        codes(path, fold), islice(codes(truth, lambda picture: picture), frames or None), strict=True
    ):
        shares.append(float((found == true).all(0).double().mean()))
        errors.append(float((found - true).square().mean()))
    error = max(sum(errors) / len(errors), 1e-9)
    return f"{sum(shares) / len(shares):.2%} | {10 * log10(255**2 / error):.2f}"


def size_of(clip: Path) -> Size:
    """Width and height."""
    with open_source(str(clip), Settings()) as source:
        return source.info.layout.width, source.info.layout.height


def compress(clip: Path, lossy: Path, size: Size | None, scaler: str, crf: int, frames: int) -> None:
    """Enlarge and compress a clip, or compress it as it is; its first frames, or all of them (0)."""
    enlarged = f"scale={size[0]}:{size[1]}:flags={SCALERS[scaler]}," if size else ""
    words = [find_ffmpeg(), "-y", "-v", "error", "-i", clip, "-an", "-fps_mode", "passthrough"]
    words += ["-vf", f"{enlarged}format=yuv420p", *(("-frames:v", str(frames)) if frames else ())]
    subprocess.run([*words, "-c:v", "libx264", "-crf", str(crf), lossy], check=True)


def main() -> None:
    """Print one row a clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="lossless clips at native size")
    parser.add_argument("--scale", type=int, default=3, help="enlargement")
    parser.add_argument("--size", help="WIDTHxHEIGHT to enlarge to, in place of --scale")
    parser.add_argument("--scaler", choices=SCALERS, default="nearest", help="what enlarges")
    parser.add_argument("--crf", type=int, default=18, help="of x264")
    parser.add_argument("--frames", type=int, default=0, help="of each clip, from its beginning; 0 for all")
    parser.add_argument("--restorer", default="identity", help="after snapping; see vdequant --help")
    args = parser.parse_args()
    print("| clip | nothing | PSNR | snapped | PSNR |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        lossy, clean = Path(folder) / "lossy.mp4", Path(folder) / "clean.mkv"
        for clip in args.clips:
            native = size_of(clip)
            width, height = map(int, args.size.split("x")) if args.size else (side * args.scale for side in native)
            middle = fold = middles(native, (width, height))
            if args.scaler != "nearest":
                across, down = Blend(args.scaler, width / native[0]), Blend(args.scaler, height / native[1])
                fold = Grid(blended_axis(across, width), blended_axis(down, height)).fold
            compress(
                clip, lossy, None if (width, height) == native else (width, height), args.scaler, args.crf, args.frames
            )
            restore(str(lossy), str(clean), Settings(restorer=args.restorer, lossless=True, scale=1, overwrite=True))
            before, after = (likeness(*pair, args.frames) for pair in ((lossy, clip, middle), (clean, clip, fold)))
            print(f"| {clip.stem} | {before} | {after} |", flush=True)


if __name__ == "__main__":
    main()
