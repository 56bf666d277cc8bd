"""Smoothing over time in the pipeline: which smoother, and where it stands.

workers: native picture ─► restored, not finished ──► this thread, in order: smoother ──► threads: finish ─┐
                                                                             write ◄── in order again ◄────┘
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import torch
from torch import Tensor

from vdequant.color import to_rgb
from vdequant.frame_work import Recipe, Restored, Taken, cells_of, finish, margin_of, with_matrix
from vdequant.frames import Frame, SegmentStart, SidePacket, SourceInfo
from vdequant.quantizers.base import Cells
from vdequant.quantizers.finding import Finding
from vdequant.quantizers.own_palettes import OwnPalettes
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.snapping import SCALER, SnappedQuantizer
from vdequant.quantizers.unmixing_snap import UnmixingSnap
from vdequant.schedule.device import Engine
from vdequant.schedule.in_order import InOrder
from vdequant.settings import Settings
from vdequant.temporal.base import RestoredFrame, Smoother

SETTLED = 0.5 / 255  # by which colors differ that are one
LARGE = 1024 * 768  # native pixels from which on smoothing, which runs on one CPU core, would hold up a GPU

Write = Callable[[Frame | SidePacket, Restored | None], None]


def choose_temporal(
    settings: Settings, info: SourceInfo, finding: Finding, restorer: str, engine: Engine
) -> tuple[str, str]:
    """What ``--temporal`` means for an input, "off", "lock" or "flow", and why in a few words."""
    if info.kind == "image":
        return "off", ""
    if settings.temporal != "auto":
        return settings.temporal, "as asked"
    unmixed = finding.recovery is not None and isinstance(finding.recovery.snap, UnmixingSnap)
    if restorer == "identity" and not unmixed:
        return "off", "nothing is made up that could flicker"
    across, down = finding.native_scale
    if engine.device.type == "cuda" and info.layout.width * info.layout.height > LARGE * across * down:
        return "off", "large pictures would wait for it"
    if isinstance(finding.quantizer, OwnPalettes):
        return "flow", "every palette shows one place in another way"
    if unmixed:
        return "flow", "in places that stand still, several frames tell the color"
    if finding.lossless or (isinstance(finding.quantizer, SnappedQuantizer) and finding.quantizer.source == SCALER):
        return "lock", "no codec in the way: equal colors in one place are equal"
    return "flow", "a codec shows one place in ever other ways"


def unfinished(recipe: Recipe, taken: Taken, restored: Tensor, certify: bool) -> Restored:
    """In place of :func:`~vdequant.frame_work.finish`: stored and restored native picture as the two "planes"."""
    return Restored((taken.y, restored), cells=taken.cells)


def as_frame(
    recipe: Recipe, y: Tensor, restored: Tensor, known: Cells | None = None, shown: Tensor | None = None
) -> RestoredFrame:
    """What a smoother is given of a stored native picture ``(1, 3, H, W)``, the restored one and maybe its cells.

    ``shown``: what it judges by in place of ``y``, see :func:`shown_of`.
    """
    if shown is not None:
        held = _Held(y, known)
        return RestoredFrame(
            shown,
            restored,
            lambda _: known or cells_of(recipe, y),
            pixelwise=False,
            fidelity=recipe.fidelity,
            margin=margin_of(recipe),
            origin=held,
            doubtful=True,
        )
    own = isinstance(recipe.quantizer, OwnPalettes)  # a part of a picture does not have its palette
    pixelwise = recipe.quantizer.period == 1 and not recipe.dithered and not own
    cells = partial(cells_of, recipe) if known is None else lambda _: known
    certain = None
    # At its own size a picture in 4:2:0 has too little color for anybody to be certain.
    if isinstance(recipe.quantizer, SnappedQuantizer) and recipe.grid is not None and recipe.grid.enlarged:
        certain = recipe.quantizer.clean
    return RestoredFrame(y, restored, cells, pixelwise, recipe.fidelity, margin_of(recipe), known, certain)


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """What goes past a smoother that judges by something else: the native picture, and maybe its cells."""

    y: Tensor
    cells: Cells | None


def shown_of(recipe: Recipe, frame: Frame) -> Tensor | None:
    """``(1, 3, H, W)`` as decoded, at native size; None where the native picture itself tells what stands still.

    Unmixed colors do not: a pixel whose color is doubtful has one in this frame and another in the next.
    """
    if not isinstance(recipe.snap, UnmixingSnap):
        return None
    decoded = to_rgb(tuple(plane[None] for plane in frame.planes), with_matrix(recipe, frame.layout))
    return decoded if recipe.grid is None else recipe.grid.crop(decoded)


def _settled(recipe: Recipe, y: Tensor, restored: Tensor) -> Tensor:
    """Pictures of few colors in those colors again: a mean of two of them is none."""
    quantizer, snap = recipe.quantizer, recipe.snap
    if not isinstance(snap, UnmixingSnap) or not isinstance(quantizer, SnappedQuantizer):
        return restored
    if not isinstance(quantizer.inner, PaletteQuantizer):
        return restored
    moved = (restored - y).abs().amax(1) > SETTLED
    return snap.settled(restored, moved & quantizer.clean(y)[:, 0]) if bool(moved.any()) else restored


class SmoothingWriter:
    """Smooths unfinished results, finishes them and passes them on; side packets keep their place among the frames.

    Args:
        recipe: that the results were made with.
        smoother: of one clip.
        write: what comes after.
        engine: where frames are finished.
        certify_every: one of so many frames is certified.
        live: each frame is written before the next one is taken.
    """

    def __init__(
        self,
        recipe: Recipe,
        smoother: Smoother,
        write: Write,
        *,
        engine: Engine,
        certify_every: int,
        live: bool = False,
    ) -> None:
        self.recipe, self.smoother, self.write = recipe, smoother, write
        self.device, self.certify_every = engine.device, certify_every
        threads = 1 if engine.device.type == "cuda" else engine.workers
        self._line: InOrder[Restored] = InOrder(threads, ahead=0 if live else 2 * threads)
        self._waiting: deque[Frame | SidePacket] = deque()
        self._begun = 0
        self._last: tuple[Tensor, Tensor, Future[Restored]] | None = None
        self._seen: tuple[Tensor, Tensor | None] | None = None

    def __call__(self, item: Frame | SidePacket, result: Restored | None) -> None:
        """Take the next item of the source and, for frames, its result from :func:`unfinished`."""
        if isinstance(item, SegmentStart):
            self.flush()
            self._begun, self._last = 0, None
        self._waiting.append(item)
        if result is None:
            self._pass_packets()
            return
        y, restored = result.planes
        frame = as_frame(self.recipe, y, restored, result.cells, self._shown(item, y))
        if isinstance(item, Frame):
            frame = replace(frame, source_pixels=item.layout.width * item.layout.height)
        with torch.inference_mode():
            self._pass(self.smoother.push(frame))

    def _shown(self, item: Frame | SidePacket, y: Tensor) -> Tensor | None:
        """See :func:`shown_of`; the same object for the same picture, so that repeated frames are known."""
        if self._seen is None or self._seen[0] is not y:
            shown = shown_of(self.recipe, item) if isinstance(item, Frame) else None
            self._seen = (y, shown if shown is None or shown.shape == y.shape else None)
        return self._seen[1]

    def flush(self) -> None:
        """No more items are coming."""
        with torch.inference_mode():
            self._pass(self.smoother.flush())
        self._line.finish()

    def close(self) -> None:
        """Stop the threads; what they have not begun is dropped."""
        self._line.close()

    def _pass(self, frames: list[RestoredFrame]) -> None:
        for frame in frames:
            self._pass_packets()
            item = self._waiting.popleft()
            if not isinstance(item, Frame):
                raise RuntimeError("a smoother gave out more frames than it was given")
            self._line.hand_on(*self._done(frame, item))
        self._pass_packets()

    def _pass_packets(self) -> None:
        while self._waiting and isinstance(self._waiting[0], SidePacket):
            self._line.hand_on(None, partial(self.write, self._waiting.popleft()))

    def _done(self, frame: RestoredFrame, item: Frame) -> tuple[Future[Restored], Callable[[Restored | None], None]]:
        """The finished frame to come, that of the frame before where both are the same objects; and who gets it."""
        last = self._last
        if last is not None and last[0] is frame.y and last[1] is frame.restored:
            return last[2], partial(self.write, item)
        certify = self._begun % self.certify_every == 0
        self._begun += 1
        done = self._line.begin(partial(self._finished, frame, item, certify))
        self._last = (frame.y, frame.restored, done)
        return done, partial(self.write, item)

    def _finished(self, frame: RestoredFrame, item: Frame, certify: bool) -> Restored:
        held = frame.origin if isinstance(frame.origin, _Held) else _Held(frame.y, cast("Cells | None", frame.origin))
        y, restored, *planes = (x.to(self.device) for x in (held.y, frame.restored, *(p[None] for p in item.planes)))
        restored = _settled(self.recipe, y, restored)
        grid = self.recipe.grid
        geometry = grid if grid is not None and tuple(y.shape[:-3:-1]) == grid.size else None
        done = finish(self.recipe, Taken(y, geometry, tuple(planes), item.layout, held.cells), restored, certify)
        return Restored(tuple(plane.cpu() for plane in done.planes), done.inside, done.samples)
