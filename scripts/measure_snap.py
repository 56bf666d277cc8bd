"""How many native pixels of an enlarged, compressed capture come back exactly (the README's figures).

python scripts/measure_snap.py LOSSLESS_CLIP... [--scale 3] [--crf 18]

Each clip is enlarged by nearest neighbor, compressed by x264 in 4:2:0, and taken back by vdequant without a network;
"nothing" is the middle sample of each enlarged pixel as the codec left it.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from vdequant.color import to_rgb
from vdequant.frames import Frame
from vdequant.media.ffmpeg_cli import find_ffmpeg
from vdequant.media.source import open_source
from vdequant.pipeline import restore
from vdequant.settings import Settings


def codes(path: Path, scale: int) -> Iterator[torch.Tensor]:
    """8-bit RGB ``(3, H, W)`` of every frame, one sample of each native pixel."""
    with open_source(str(path), Settings()) as source:
        for item in source:
            if isinstance(item, Frame):
                yield (to_rgb(item.planes, item.layout)[:, scale // 2 :: scale, scale // 2 :: scale] * 255).round()


def equal_share(path: Path, truth: Path, scale: int) -> float:
    """Share of native pixels whose three samples are those of the lossless clip."""
    pairs = zip(codes(path, scale), codes(truth, 1), strict=True)
    shares = [float((found == true).all(0).double().mean()) for found, true in pairs]
    return sum(shares) / len(shares)


def main() -> None:
    """Print one row a clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="lossless clips at native size")
    parser.add_argument("--scale", type=int, default=3, help="enlargement")
    parser.add_argument("--crf", type=int, default=18, help="of x264")
    args = parser.parse_args()
    print("| clip | nothing | snapped |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        lossy, clean = Path(folder) / "lossy.mp4", Path(folder) / "clean.mkv"
        for clip in args.clips:
            enlarged = f"scale=iw*{args.scale}:ih*{args.scale}:flags=neighbor,format=yuv420p"
            words = [find_ffmpeg(), "-y", "-v", "error", "-i", clip, "-an", "-vf", enlarged]
            subprocess.run([*words, "-c:v", "libx264", "-crf", str(args.crf), lossy], check=True)
            restore(str(lossy), str(clean), Settings(restorer="identity", lossless=True, scale=1, overwrite=True))
            before, after = (equal_share(path, clip, args.scale) for path in (lossy, clean))
            print(f"| {clip.stem} | {before:.2%} | {after:.2%} |", flush=True)


if __name__ == "__main__":
    main()
