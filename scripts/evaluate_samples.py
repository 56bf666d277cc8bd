"""PSNR of the samples before and after, against their full-color truth, for several restorers.

python scripts/evaluate_samples.py [--restorers deband cellnet-s cellnet-m]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from vdequant.color import to_rgb
from vdequant.frames import Frame
from vdequant.media.source import open_source
from vdequant.metrics.fidelity import psnr
from vdequant.pipeline import restore
from vdequant.settings import Settings

SAMPLES = Path(__file__).parent.parent / "samples"
# damaged sample, its truth, every how many-th picture of the truth it shows
CASES = [
    ("scene_555.mkv", "scene_truth.mkv", 1),
    ("scene_16.gif", "scene_truth.mkv", 2),
    ("scene_h264.mp4", "scene_truth.mkv", 1),
    ("still_m8.png", "still_truth.png", 1),
    ("still_16.png", "still_truth.png", 1),
]


def pictures(path: Path, every: int = 1) -> Iterator[torch.Tensor]:
    """Every ``every``-th picture as ``(1, 3, H, W)`` in [0, 1]."""
    with open_source(str(path), Settings()) as source:
        shown = (item for item in source if isinstance(item, Frame))
        for number, frame in enumerate(shown):
            if number % every == 0:
                yield to_rgb(frame.planes, frame.layout)[None]


def mean_psnr(path: Path, truth: Path, every: int) -> float:
    """Mean over pictures, in dB; both files must have the same number of them."""
    pairs = zip(pictures(path), pictures(truth, every), strict=True)
    values = [float(psnr(picture, true)) for picture, true in pairs]
    return sum(values) / len(values)


def main() -> None:
    """Print one row a sample."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--restorers", nargs="+", default=["deband", "cellnet-s", "cellnet-m"], help="columns")
    args = parser.parse_args()
    print("| sample | nothing | " + " | ".join(args.restorers) + " |")
    print("| --- | --- |" + " --- |" * len(args.restorers))
    with tempfile.TemporaryDirectory() as folder:
        for name, truth, every in CASES:
            cells = [f"{mean_psnr(SAMPLES / name, SAMPLES / truth, every):.2f}"]
            for restorer in args.restorers:
                still = name.endswith(".png")
                output = Path(folder) / ("out.png" if still else "out.mkv")
                settings = Settings(restorer=restorer, scale=1, bits=16, lossless=not still, overwrite=True)
                restore(str(SAMPLES / name), str(output), settings)
                cells.append(f"{mean_psnr(output, SAMPLES / truth, every):.2f}")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
