"""Measures debanding: PSNR, SSIM, CAMBI and our banding index of restored 5- and 6-bit pictures, beside the clean ones.

python scripts/measure_banding.py PICTURES [--limit 6] [--quantizer m=32 m=64] [--rows cellnet-s cellnet-m]

The pictures are those of a folder, before them skies that are made here: smooth gradients with a little grain, and
without any, as games and user interfaces have them. Prints a Markdown table a group and loss. A debander at its job
lowers CAMBI (lower is less banding) towards the clean picture's own and does not lower PSNR.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vdequant.color import from_rgb
from vdequant.errors import VdequantError
from vdequant.evaluation.datasets import Item, find_items
from vdequant.evaluation.degradations import Stored, parse_degradation, to_tensor
from vdequant.evaluation.filters import Setting, deband, gradfun
from vdequant.evaluation.methods import Method, Restoring, Work
from vdequant.evaluation.run import evaluate
from vdequant.frames import Layout
from vdequant.schedule.device import choose_engine

METRICS = ("psnr", "ssim", "cambi", "banding")
# filter -> name of a row -> setting: the filters' own defaults, and as strong as their users make them
STRENGTHS: dict[str, dict[str, Setting]] = {
    "deband": {"ffmpeg deband": (0.02, 16), "ffmpeg deband, strong": (0.04, 16)},
    "gradfun": {"ffmpeg gradfun": (1.2, 16), "ffmpeg gradfun, strong": (8, 16)},
}
ROWS = ("cellnet-s", "cellnet-m", "deband")
GRAIN = 0.5  # codes


class Filter:
    """A filter of ffmpeg at one setting for every loss; see :class:`~vdequant.evaluation.methods.Method`."""

    def __init__(self, name: str, kind: str, setting: Setting) -> None:
        self.name, self.setting = name, setting
        self.run = {"deband": deband, "gradfun": gradfun}[kind]

    def key(self, degradation: str) -> str:
        """See the contract."""
        return f"{self.name} {self.setting} {degradation}"

    def prepare(self, degradation: str) -> Work:
        """See the contract."""
        return lambda stored: to_tensor(self.run(stored, self.setting))


class Written:
    """A restorer's result as `--bits 8` writes it: blue noise instead of rounding, or steps of one code would show."""

    def __init__(self, inner: Restoring) -> None:
        self.inner, self.name = inner, f"{inner.name}, 8 bits"

    def key(self, degradation: str) -> str:
        """See the contract."""
        return f"{self.inner.key(degradation)}, 8 bits"

    def prepare(self, degradation: str) -> Work:
        """See the contract."""
        restore = self.inner.prepare(degradation)

        def work(stored: Stored) -> Tensor:
            fine = restore(stored)
            layout = Layout(fine.shape[-1], fine.shape[-2], "rgb", 8)
            return torch.stack(from_rgb(fine, layout, True), dim=1).to(torch.float32) / 255

        return work


def make_skies(folder: Path, grain: float, count: int = 4, width: int = 512, height: int = 384) -> None:
    """Write skies as PNG: two colors that fade into each other along a tilted, bent line; ``grain`` in codes."""
    y, x = np.mgrid[:height, :width] / height
    for seed in range(count):
        random = np.random.default_rng(seed)
        low, high = random.uniform(20, 150, 3), random.uniform(110, 250, 3)
        tilt, bend = random.uniform(-0.4, 0.4), random.uniform(0.7, 1.6)
        share = np.clip((y + tilt * (x - 0.6) + 0.3) / 1.6, 0, 1) ** bend
        sky = low + (high - low) * share[..., None] + grain * random.normal(0, 1, (height, width, 3))
        Image.fromarray(sky.round().clip(0, 255).astype(np.uint8)).save(folder / f"sky_{seed}.png")


def banding_tables(title: str, items: Sequence[Item], losses: Sequence[str], methods: Sequence[Method]) -> str:
    """A table a loss: a row a method, a column a metric, the clean picture's own scores last."""
    degradations = [parse_degradation(loss) for loss in losses]
    found = evaluate(items, degradations, methods, engine=choose_engine("cpu"), metrics=METRICS)
    parts = []
    for loss in losses:
        lines = [f"**{title}, {loss}** ({len(items)} pictures)", "", "| method | " + " | ".join(METRICS) + " |"]
        lines.append("| --- " * (len(METRICS) + 1) + "|")
        for name in found.methods:
            row = found.row(name, loss)
            cells = [f"{row.mean(metric):.4g}" if metric in row.values else "" for metric in METRICS]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of clean pictures of at least 216 pixels")
    parser.add_argument("--limit", type=int, default=6, help="the most pictures that are taken of it")
    parser.add_argument("--quantizer", nargs="+", default=["m=32", "m=64"], help="which losses")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), help="which restorers besides the filters")
    args = parser.parse_args()
    engine = choose_engine("cpu")
    methods: list[Method] = [Filter(name, kind, at) for kind, rows in STRENGTHS.items() for name, at in rows.items()]
    rows = [Restoring(name, engine) for name in args.rows]
    methods += [*rows, *(Written(row) for row in rows)]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as clean:
        make_skies(Path(folder), GRAIN)
        make_skies(Path(clean), 0)
        groups = (("skies", Path(folder), 0), ("skies without grain", Path(clean), 0))
        for title, place, limit in (*groups, (str(args.pictures.name), args.pictures, args.limit)):
            items = find_items([place], limit=limit)
            print(f"\n{banding_tables(title, items, args.quantizer, methods)}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except VdequantError as error:
        sys.exit(f"measure_banding: {error}")
