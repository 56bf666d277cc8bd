"""The contract of a smoother, and the frames that it is given.

restored frames, in order ──► push ──► smoothed frames, in order, each exactly once ──► flush: the last ones
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from vdequant.checks import check_picture, check_same_shape
from vdequant.quantizers.base import MARGIN, Cells, toward_cells


@dataclass(frozen=True, slots=True, eq=False)
class RestoredFrame:
    """One restored picture on its way to the sink, at native size and before it is expanded and encoded.

    Attributes:
        y: stored picture ``(1, 3, H, W)`` float32 in [0, 1].
        restored: the restorer's picture of the same shape, already in the cells.
        cells_of: the cells of a stored picture; asked only when they are needed.
        pixelwise: a pixel's cell depends on its own stored color alone, not on its neighbors (dither, JPEG).
        fidelity, margin: how far pictures are moved into the cells, see :func:`~vdequant.quantizers.base.toward_cells`.
        origin: whatever the caller wants back with the frame; nobody here looks at it.
        certain: which pixels ``(1, 1, H, W)`` of a stored picture have exactly the color from before a lossy codec;
            None where nobody can tell. Asked only when it is needed.
        doubtful: restored pictures may differ from frame to frame where the stored ones do not, by more than noise;
            what stands still is told by the stored ones alone.
        source_pixels: of the frame that the caller keeps until this one comes back; a smoother that holds many frames
            holds fewer of those.
    """

    y: Tensor
    restored: Tensor
    cells_of: Callable[[Tensor], Cells]
    pixelwise: bool = True
    fidelity: float = 1.0
    margin: float = MARGIN
    origin: object = None
    certain: Callable[[Tensor], Tensor] | None = None
    doubtful: bool = False
    source_pixels: int = 0

    def __post_init__(self) -> None:
        check_picture(self.y, "y")
        check_same_shape(self.y, self.restored, "y, restored")
        if len(self.y) != 1:
            raise ValueError(f"expected one picture a frame, got {len(self.y)}; split the batch")

    def limited(self, x: Tensor) -> Tensor:
        """``x`` of the frame's shape moved into the frame's cells, as far as ``fidelity`` asks, within [0, 1]."""
        return toward_cells(x, self.cells_of(self.y), self.fidelity, self.margin).clamp(0, 1)


class Smoother(Protocol):
    """Makes neighboring frames agree where they show the same thing.

    Every frame comes back exactly once and in order, with its own ``y`` and ``origin``, and a new ``restored`` of the
    same shape, type and device within [0, 1]; ``restored`` of the frame that was given is never written to. Nothing
    crosses a cut, so each shot is smoothed as if it were alone. A clip that stands still comes out unchanged. What is
    held does not grow with the clip, and equal clips give equal results.

    Attributes:
        look_behind: frames before a given one that its result depends on; None when it depends, through what is
            remembered of them, on all of its shot.
        look_ahead: frames after a given one that have to be pushed before it comes out, at most.
    """

    # Read-only, so that class attributes fit.
    @property
    def look_behind(self) -> int | None: ...
    @property
    def look_ahead(self) -> int: ...

    def push(self, frame: RestoredFrame) -> list[RestoredFrame]:
        """Take the next frame, of any size (another size begins a new shot); the frames that are ready now."""
        ...

    def flush(self) -> list[RestoredFrame]:
        """No more frames are coming: all that are left. The smoother can then be used for another clip."""
        ...
