"""Restoration of pictures cut to m levels a channel: PSNR of every method on the same pictures.

Protocol: ``y = floor(x * m / 256)`` of 8-bit RGB; "nothing" is the cell centers; PSNR of RGB against the 8-bit
original, computed on float results in their cells, mean over pictures of the per-picture values.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vdequant.errors import InputError
from vdequant.frame_work import Recipe, restore_native
from vdequant.frames import Layout
from vdequant.media.ffmpeg_cli import filter_picture
from vdequant.metrics.fidelity import psnr
from vdequant.pipeline import load_restorer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.schedule.device import Engine
from vdequant.schedule.tiles import automatic_side

SUFFIXES = (".png", ".webp", ".bmp", ".tif", ".tiff", ".jpg")
# Best setting of ffmpeg's spp per level, tuned on Kodak; between the tuned ones the nearest.
SPP_STRENGTH = {4: 16, 8: 8, 16: 4, 32: 2}

Method = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Row:
    """One method at all levels: mean PSNR in dB by level, and seconds a picture."""

    name: str
    psnr: dict[int, float]
    seconds: float


def read_pictures(folder: Path) -> list[Tensor]:
    """All pictures of a folder as ``(1, 3, H, W)`` float32 in [0, 1]; :class:`InputError` when there are none."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InputError(f"expected pictures ({', '.join(SUFFIXES)}) in {folder}, found none")
    arrays = [np.array(Image.open(path).convert("RGB")) for path in paths]
    return [torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255 for array in arrays]


def _restorer_method(name: str, m: int, engine: Engine) -> Method:
    restorer = load_restorer(name).to(engine.device, engine.dtype)
    quantizer = UniformQuantizer.of_levels(m)

    def work(stored: Tensor) -> Tensor:
        height, width = stored.shape[-2:]
        side = automatic_side(height, width, engine.device)
        recipe = Recipe(restorer, quantizer, Layout(width, height, "rgb", 16), tile=side)
        return restore_native(recipe, stored.to(engine.device)).cpu()

    return work


def _spp_method(m: int) -> Method:
    strength = SPP_STRENGTH.get(m, 4)

    def work(stored: Tensor) -> Tensor:
        codes = (stored[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        filtered = filter_picture(codes, f"format=yuv444p,spp=6:{strength}")
        return torch.from_numpy(filtered.copy()).permute(2, 0, 1)[None].float() / 255

    return work


def _method(name: str, m: int, engine: Engine) -> Method:
    if name == "nothing":
        return lambda stored: stored
    return _spp_method(m) if name == "ffmpeg spp" else _restorer_method(name, m, engine)


@torch.inference_mode()
def score(name: str, pictures: Sequence[Tensor], levels: Sequence[int], engine: Engine) -> Row:
    """PSNR of one method, "nothing", "ffmpeg spp" or a restorer, at every number of levels."""
    results: dict[int, float] = {}
    seconds = 0.0
    for m in levels:
        method, quantizer, values = _method(name, m, engine), UniformQuantizer.of_levels(m), []
        for picture in pictures:
            stored = quantizer.quantize(picture)
            began = time.perf_counter()
            restored = method(stored)
            seconds += time.perf_counter() - began
            values.append(float(psnr(restored, picture)))
        results[m] = sum(values) / len(values)
    return Row(name, results, seconds / (len(levels) * len(pictures)))


def markdown(rows: Sequence[Row], levels: Sequence[int]) -> str:
    """A table with a row a method; gains over the first row in brackets."""
    head = "| method | " + " | ".join(f"m = {m}" for m in levels) + " | s a picture |"
    lines = [head, "| --- " * (len(levels) + 2) + "|"]
    for row in rows:
        cells = []
        for m in levels:
            gain = row.psnr[m] - rows[0].psnr[m]
            cells.append(f"{row.psnr[m]:.2f}" + (f" ({gain:+.2f})" if row is not rows[0] else ""))
        lines.append(f"| {row.name} | " + " | ".join(cells) + f" | {row.seconds:.2f} |")
    return "\n".join(lines)
