"""Interlaced recordings of a console: with their combs, and parted into fields (the README's figures).

python scripts/measure_fields.py LOSSLESS_CLIP... [--crf 18] [--skip 180] [--frames 120]

Two frames of 240 rows after each other are woven into one picture of 480, as recorders of a real machine's signal do,
and compressed by x264, interlaced, in 4:2:0. The truth is each frame, 720 pixels wide, its rows twice; PSNR in dB, mean
over the frames. "stored" shows each woven picture for two frames.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from vdequant.color import to_rgb
from vdequant.frames import Frame
from vdequant.media.ffmpeg_cli import find_ffmpeg
from vdequant.media.source import open_source
from vdequant.metrics.fidelity import psnr
from vdequant.pipeline import restore
from vdequant.settings import DEINTERLACINGS, Settings

FIELD = "720:240"  # pixels of a field, as of DVDs and capture cards


def ffmpeg(source: Path, chain: str, options: str, target: Path) -> None:
    """Filter and encode without dropping repeated frames."""
    words = [find_ffmpeg(), "-y", "-v", "error", "-i", source, "-an", "-fps_mode", "passthrough", "-vf", chain]
    subprocess.run([*words, *options.split(), target], check=True)


def quality(path: Path, truth: Path, each: int) -> float:
    """Of a film each picture of which stands for so many of the truth's."""
    stored = Settings(deinterlace="off")
    with open_source(str(path), stored) as one, open_source(str(truth), stored) as other:
        wanted = (frame for frame in other if isinstance(frame, Frame))
        found: list[Tensor] = []
        for frame in (frame for frame in one if isinstance(frame, Frame)):
            shown = to_rgb(frame.planes, frame.layout)[None]
            for true in islice(wanted, each):
                rows = to_rgb(true.planes, true.layout)[None]
                found.append(psnr(shown, rows.repeat_interleave(2, dim=-2)))
    return float(torch.cat(found).mean())


def measure(clip: Path, folder: Path, args: argparse.Namespace) -> None:
    """One row."""
    truth, woven, target = folder / "truth.mkv", folder / "woven.mp4", folder / "restored.mkv"
    trim = f"trim=start_frame={args.skip}:end_frame={args.skip + args.frames},setpts=PTS-STARTPTS"
    ffmpeg(clip, f"{trim},scale={FIELD}:flags=bicubic", "-c:v ffv1 -pix_fmt gbrp", truth)
    chain = "weave=first_field=top,setfield=tff,scale=interl=1,format=yuv420p"
    ffmpeg(truth, chain, f"-c:v libx264 -crf {args.crf} -flags +ildct+ilme -x264opts tff=1", woven)
    cells = [f"{quality(woven, truth, 2):.2f}"]
    for way in DEINTERLACINGS:
        restore(str(woven), str(target), Settings(deinterlace=way, lossless=True, overwrite=True, device="cpu"))
        cells.append(f"{quality(target, truth, 2 if way == 'off' else 1):.2f}")
    print(f"| {clip.stem} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="lossless clips of a console at native size")
    parser.add_argument("--crf", type=int, default=18, help="of x264")
    parser.add_argument("--frames", type=int, default=120, help="of each clip, an even number")
    parser.add_argument("--skip", type=int, default=180, help="frames left out at its beginning")
    args = parser.parse_args()
    print(f"| clip | stored | {' | '.join(DEINTERLACINGS)} |\n{'| --- ' * (2 + len(DEINTERLACINGS))}|")
    with tempfile.TemporaryDirectory() as folder:
        for clip in args.clips:
            measure(clip, Path(folder), args)


if __name__ == "__main__":
    main()
