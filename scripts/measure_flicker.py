"""Flicker and warping error of lossy clips, frame by frame and smoothed (the README's figures).

python scripts/measure_flicker.py LOSSLESS_CLIP... [--crf 25] [--enlarge 4] [--frames 120] [--skip 60]
    [--restorer cellnet-s]

Each lossless clip is compressed by x264 in 4:2:0 and restored with ``--temporal off`` and ``flow``; the clip itself is
the truth. With ``--crf -1`` it is restored itself, with ``off`` and ``lock``; "nothing" is the input as it is. With
``--enlarge`` it is enlarged before it is compressed, as recorders do, restored with ``lock`` as well, and compared by
one sample of each native pixel.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from vdequant.color import to_rgb
from vdequant.frames import Frame
from vdequant.media.ffmpeg_cli import find_ffmpeg
from vdequant.media.source import open_source
from vdequant.metrics.fidelity import psnr
from vdequant.metrics.temporal import flicker, warping_error
from vdequant.pipeline import restore
from vdequant.settings import Settings

LOSSLESS = -1  # in place of a crf


def pictures_of(path: Path, times: int = 1) -> Tensor:
    """``(T, 3, H, W)`` float32 in [0, 1]; of an enlarged clip the middle of each native pixel."""
    own = (..., slice(times // 2, None, times), slice(times // 2, None, times))
    with open_source(str(path), Settings()) as source:
        return torch.stack([to_rgb(item.planes, item.layout)[own] for item in source if isinstance(item, Frame)])


def cut(clip: Path, target: Path, skip: int, frames: int) -> None:
    """Write some frames of a clip without loss and without dropping repeated ones."""
    chain = f"trim=start_frame={skip}:end_frame={skip + frames},setpts=PTS-STARTPTS"
    words = [find_ffmpeg(), "-y", "-v", "error", "-i", clip, "-an", "-fps_mode", "passthrough", "-vf", chain]
    subprocess.run([*words, "-c:v", "ffv1", target], check=True)


def compress(clip: Path, target: Path, crf: int, times: int) -> None:
    """x264 as recorders use it."""
    chain = f"scale=iw*{times}:ih*{times}:flags=neighbor,format=yuv420p"
    words = [find_ffmpeg(), "-y", "-v", "error", "-i", clip, "-fps_mode", "passthrough", "-vf", chain]
    subprocess.run([*words, "-c:v", "libx264", "-crf", str(crf), target], check=True)


def row(name: str, words: str, found: Tensor, truth: Tensor, rest: str = "") -> None:
    """Print one line of the table."""
    quality = f"{float(psnr(found, truth).clamp(max=99).mean()):.2f}"
    steady = flicker(found, truth)
    shown = f"{steady:.4f}" if steady else "0"  # 0 is exact
    numbers = f"{quality} | {shown} | {warping_error(found, truth) * 1e5:.2f}"
    print(f"| {name} | {words} | {numbers} | {rest} |", flush=True)


def restored_row(name: str, given: Path, target: Path, truth: Tensor, settings: Settings, times: int = 1) -> None:
    """Restore ``given`` to ``target``, stored as it is, and print its line."""
    stored = replace(settings, lossless=True, bits=16, scale=1, overwrite=True, device="cpu")
    done = restore(str(given), str(target), stored)
    certificate = "" if done.certificate is None else f"{done.certificate:.2%} in cells, {done.fps:.1f} fps"
    row(name, f"{done.restorer}, {settings.temporal}", pictures_of(target, times), truth, certificate)


def measure(clip: Path, folder: Path, args: argparse.Namespace) -> None:
    """The rows of one clip."""
    original, given, target = folder / "original.mkv", folder / "given.mkv", folder / "restored.mkv"
    cut(clip, original, args.skip, args.frames)
    lossless = args.crf == LOSSLESS
    if lossless:
        given = original
    else:
        compress(original, given, args.crf, args.enlarge)
    truth = pictures_of(original)
    row(clip.stem, "the truth", truth, truth)
    row(clip.stem, "nothing", pictures_of(given, args.enlarge), truth)
    for temporal in ("off", *(("lock",) if lossless or args.enlarge > 1 else ()), *(() if lossless else ("flow",))):
        restored_row(clip.stem, given, target, truth, Settings(restorer=args.restorer, temporal=temporal), args.enlarge)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="lossless clips at native size")
    parser.add_argument("--crf", type=int, default=25, help="of x264; -1 for the lossless clip itself")
    parser.add_argument("--enlarge", type=int, default=1, help="whole number of times, before compressing")
    parser.add_argument("--frames", type=int, default=120, help="of each clip")
    parser.add_argument("--skip", type=int, default=60, help="frames left out at its beginning")
    parser.add_argument("--restorer", default="cellnet-s", help="see vdequant --help")
    args = parser.parse_args()
    if args.crf == LOSSLESS and args.enlarge > 1:
        parser.error("--enlarge is for clips that are compressed; give a --crf of 0 or more")
    print("| clip | method | PSNR | flicker, codes² | E_warp x 1e5 | |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for clip in args.clips:
            measure(clip, Path(folder), args)


if __name__ == "__main__":
    main()
