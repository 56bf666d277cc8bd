"""Files restored by the whole program, probe included, against their full-color truth."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from vdequant.color import luma_of, to_rgb
from vdequant.errors import InputError
from vdequant.frames import Frame
from vdequant.media.source import open_source
from vdequant.metrics.fidelity import psnr
from vdequant.pipeline import restore
from vdequant.settings import Settings


@dataclass(frozen=True, slots=True)
class Sample:
    """A damaged file, its truth, every how many-th picture of the truth it shows, and whether that in gray."""

    damaged: Path
    truth: Path
    every: int = 1
    gray: bool = False

    def true_pictures(self) -> Iterator[torch.Tensor]:
        """What the file should have shown, ``(1, 3, H, W)`` in [0, 1]."""
        for picture in _pictures(self.truth, self.every):
            yield luma_of(picture).expand_as(picture) if self.gray else picture


def _pictures(path: Path, every: int = 1) -> Iterator[torch.Tensor]:
    """Every ``every``-th picture as ``(1, 3, H, W)`` in [0, 1]."""
    with open_source(str(path), Settings()) as source:
        shown = (item for item in source if isinstance(item, Frame))
        for frame in islice(shown, 0, None, every):
            yield to_rgb(frame.planes, frame.layout)[None]


def mean_psnr(path: Path, sample: Sample) -> float:
    """Mean over the pictures of ``path``, in dB of RGB against the sample's truth.

    Raises:
        InputError: the two do not have as many pictures.
    """
    try:
        pairs = zip(_pictures(path), sample.true_pictures(), strict=True)
        values = [float(psnr(picture, true)) for picture, true in pairs]
    except ValueError as error:
        raise InputError(f"expected {path} to show the pictures of {sample.truth}: {error}") from error
    return sum(values) / len(values)


def restored_psnr(sample: Sample, restorer: str) -> float:
    """The same after ``vdequant DAMAGED -o FILE``, 16 bits a sample and without a lossy codec."""
    still = sample.damaged.suffix == ".png"
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / ("out.png" if still else "out.mkv")
        settings = Settings(restorer=restorer, scale=1, bits=16, lossless=not still, overwrite=True)
        restore(str(sample.damaged), str(output), settings)
        return mean_psnr(output, sample)


def samples_table(samples: Sequence[Sample], restorers: Sequence[str]) -> str:
    """A Markdown table: a row a sample, a column a restorer, "nothing" first."""
    lines = ["| sample | nothing | " + " | ".join(restorers) + " |", "| --- " * (len(restorers) + 2) + "|"]
    for sample in samples:
        values = [mean_psnr(sample.damaged, sample), *(restored_psnr(sample, name) for name in restorers)]
        lines.append(f"| {sample.damaged.name} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
    return "\n".join(lines)
