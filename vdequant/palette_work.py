"""What is done to the frames of a palette transfer, and to its results: work for the workers, and their writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from vdequant.color import from_rgb, to_rgb
from vdequant.edits.mapping import PaletteMapping
from vdequant.edits.palette_transfer import Transfer, Transferred, share_kept
from vdequant.expanding import expand
from vdequant.frames import Frame, SegmentStart, SidePacket
from vdequant.media.plan import OutputPlan
from vdequant.media.sink import Sink
from vdequant.palette_error import palette_error
from vdequant.schedule.device import Engine

MEASURE_EVERY = 24  # frames between two whose palette fidelity is measured

Measured = tuple[float, float | None, float | None]  # share in cells, palette PSNR in dB, palette SSIM


@dataclass(frozen=True, slots=True)
class Result:
    """Planes of one frame, and what was measured of some."""

    planes: tuple[Tensor, ...]
    measured: Measured | None = None


class PaletteWork:
    """What is done to frames: the transfer of the shot that they are in, in order; some are measured.

    Args:
        mappings: of the shots.
        make: the transfer for a mapping.
        output: what is written.
        engine: where it is done.
        samples: results for each frame.
        threads: inside a worker.
    """

    def __init__(
        self,
        mappings: Sequence[PaletteMapping],
        make: Callable[[PaletteMapping], Transfer],
        output: OutputPlan,
        engine: Engine,
        samples: int = 1,
        threads: int = 1,
    ) -> None:
        self.mappings, self.make, self.output, self.engine = mappings, make, output, engine
        self.samples, self.threads = samples, threads
        self._since = 0
        self._transfer: Transfer | None = None

    def begin(self, shot: int) -> None:
        """The frames that follow are of this shot."""
        self._transfer = self.make(self.mappings[shot])
        self._since = 0

    def plan(self, frame: Frame) -> partial[list[Result]]:
        """The work for the next frame."""
        if self._transfer is None:
            raise ValueError("expected begin() before the first frame")
        measure = self._since % MEASURE_EVERY == 0
        self._since += 1
        return partial(self._run, self._transfer, frame, measure)

    def _run(self, transfer: Transfer, frame: Frame, measure: bool) -> list[Result]:
        if self.threads > 1:
            torch.set_num_threads(self.threads)
        x = to_rgb(frame.planes, frame.layout)[None].to(self.engine.device)
        return [self._sample(transfer, x, number, measure) for number in range(self.samples)]

    def _sample(self, transfer: Transfer, x: Tensor, number: int, measure: bool) -> Result:
        done = transfer(x, number)
        picture, layout = done.result.cpu(), self.output.layout
        enlarged = expand(picture, self.output.scale, self.output.scale, layout.height, layout.width)
        planes = from_rgb(enlarged[0], layout, self.output.dither)
        return Result(planes, measured(transfer, done) if measure else None)


def measured(transfer: Transfer, done: Transferred) -> Measured:
    """Share of the samples in their cells, and the palette error of one picture."""
    return share_kept(transfer, done), *palette_error(done.result, done.stored, len(transfer.mapping.source))


class PaletteWriter:
    """Puts results in the place of the source's planes, writes them, and collects what was measured.

    Args:
        sinks: one for each sample.
        output: what is written.
    """

    def __init__(self, sinks: Sequence[Sink], output: OutputPlan) -> None:
        self.sinks, self.output = sinks, output
        self.measured: list[Measured] = []
        self.lost_alpha = False

    def __call__(self, item: Frame | SidePacket, results: list[Result] | None) -> None:
        if isinstance(item, SegmentStart):
            return
        if not isinstance(item, Frame) or results is None:
            for sink in self.sinks:
                sink.write(item)
            return
        pictures = self.output.kind in ("image", "folder")
        self.lost_alpha |= item.alpha is not None and not pictures
        alpha = item.alpha if pictures else None
        for sink, result in zip(self.sinks, results, strict=True):
            if result.measured is not None:
                self.measured.append(result.measured)
            sink.write(replace(item, planes=result.planes, layout=self.output.layout, alpha=alpha))

    def mean(self, place: int) -> float | None:
        """The mean of what was measured in this place of the rows; None for none."""
        values = [value for row in self.measured if (value := row[place]) is not None]
        return round(sum(values) / len(values), 6) if values else None
