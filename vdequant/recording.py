"""Writes pictures that a program makes, such as an emulator, into a restored video: 10 bits unless told otherwise."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.color import from_rgb
from vdequant.errors import UsageError
from vdequant.expanding import expand
from vdequant.frames import Frame, Layout, SourceInfo
from vdequant.media.lifetimes import AbortsAtExit
from vdequant.media.locking import writing_alone
from vdequant.media.memory import MemorySource
from vdequant.media.plan import OutputPlan, plan_output
from vdequant.media.sink import Finished, Sink, open_sink
from vdequant.planning import SAMPLES
from vdequant.settings import Settings
from vdequant.streaming import FrameRestorer

Picture = NDArray[Any]  # (H, W, 3) or gray (H, W), uint8, uint16 or floats in [0, 1]


def restorer_for(settings: Settings) -> FrameRestorer:
    """What restores as ``settings`` say; several recordings of one machine may share it."""
    return FrameRestorer(
        settings.quantizer, restorer=settings.restorer, fidelity=settings.fidelity, device=settings.device
    )


class Recorder(AbortsAtExit):
    """Restores pictures as they are added, and writes them at a constant rate.

    While the quantizer is unknown, up to 12 pictures are held back to find it in them. Nothing lies under the final
    name before :meth:`finish`; leaving a ``with`` block without it deletes what was written.

    Args:
        path: of a video (.mp4, .mkv, ...) or a folder, as for ``vdequant -o``.
        rate: pictures a second.
        settings: of them, what describes the restoration (quantizer, restorer, fidelity, device) and the output
            (codec, lossless, crf, preset, bits, chroma, scale, overwrite).
        restorer: shared with other recordings; None makes one by ``settings``.

    Attributes:
        pictures: so many were added.

    Raises:
        VdequantError: with one line that says what was expected, what came and what to do.
    """

    def __init__(
        self, path: str, rate: Fraction, settings: Settings | None = None, restorer: FrameRestorer | None = None
    ) -> None:
        if rate <= 0:
            raise UsageError(f"expected a rate above 0 pictures a second, got {float(rate):g}")
        self._settings = settings or Settings()
        self._restorer = restorer or restorer_for(self._settings)
        self._path, self._rate = path, rate
        self._held: list[Picture] = []
        self._open: tuple[Sink, OutputPlan] | None = None
        self._size: tuple[int, ...] = ()
        self._alone = ExitStack()  # holds the output's lock while it is written
        self.pictures = self._written = 0

    def add(self, picture: Picture) -> None:
        """Take the next picture; it may be changed by the caller afterwards."""
        size = picture.shape[:2]
        if self._size and size != self._size:
            raise UsageError(
                f"expected pictures of {self._size[1]}x{self._size[0]} like the first, got {size[1]}x{size[0]}; start "
                "another recording"
            )
        self._size = size
        self.pictures += 1
        if self._restorer.work is not None:
            self._write(picture)
            return
        self._held.append(picture.copy())
        if len(self._held) >= (SAMPLES if self._restorer.needs_many else 1):
            self._write_held()

    def finish(self) -> Finished | None:
        """Complete the file; None when no picture was added, which leaves no file."""
        with self._alone:
            self._write_held()
            return None if self._open is None else self._open[0].finish()

    def abort(self) -> None:
        """Delete what was written; harmless after finish()."""
        with self._alone:
            if self._open is not None:
                self._open[0].abort()

    def _write_held(self) -> None:
        held, self._held = self._held, []
        if held and self._restorer.work is None:
            self._restorer.look(held)
        for picture in held:
            self._write(picture)

    def _write(self, picture: Picture) -> None:
        restored = self._restorer(picture)
        colors = np.stack([restored] * 3, -1) if restored.ndim == 2 else restored
        x = torch.from_numpy(np.ascontiguousarray(colors, dtype=np.float32)).movedim(-1, 0)[None]
        sink, plan = self._open = self._open or self._opened(x)
        enlarged = expand(x, plan.scale, plan.scale, plan.layout.height, plan.layout.width)
        planes = tuple(plane[0] for plane in from_rgb(enlarged, plan.layout, plan.dither))
        sink.write(Frame(planes, plan.layout, self._written, 1 / self._rate, 1))
        self._written += 1

    def _opened(self, x: Tensor) -> tuple[Sink, OutputPlan]:
        layout = Layout(x.shape[-1], x.shape[-2], "rgb", 8)
        info = SourceInfo("video", "", layout, rate=self._rate, time_base=1 / self._rate)
        plan = plan_output(self._path, info, self._settings)
        self._alone.enter_context(writing_alone(self._path))
        return open_sink(plan, MemorySource((), info), overwrite=self._settings.overwrite), plan
