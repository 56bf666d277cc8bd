"""The contract of a restorer, and what it may need of the pictures it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from vdequant.models.parts import Blank, Part
from vdequant.quantizers.base import Cells, Quantizer
from vdequant.restorers.sampling import Sampling

WHOLE_PICTURE = 1 << 20  # halo of a restorer that may look at everything: it is never given tiles


@dataclass(frozen=True, slots=True)
class Needs:
    """What the caller has to provide.

    Attributes:
        multiple_of: height and width are multiples of this; the caller pads and crops.
        halo: how far in pixels an output sample can see; tiles overlap by it. WHOLE_PICTURE where nobody knows.
        min_size: smallest height and width; the caller pads and crops.
        align: tiles are cut at multiples of this, for restorers that look at blocks of pixels.
        views: turned and mirrored, whose answers' mean is taken unless the user wants another number of them.
    """

    multiple_of: int = 1
    halo: int = 0
    min_size: int = 1
    align: int = 1
    views: int = 1

    def __post_init__(self) -> None:
        if min(self.multiple_of, self.min_size, self.align, self.views) < 1 or self.halo < 0:
            raise ValueError(f"expected multiple_of, min_size, align and views >= 1 and halo >= 0, got {self}")


class Restorer(Protocol):
    """From the stored picture and its cells to a plausible fine one."""

    needs: Needs

    def to(self, device: torch.device, dtype: torch.dtype) -> Restorer:
        """The same restorer on ``device``, computing in ``dtype`` where it has weights; may return itself."""
        ...

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Restore ``y`` of shape ``(N, 3, H, W)``, float32 in [0, 1].

        Returns:
            A new tensor of the same shape and device, float32 in [0, 1], not yet projected into ``cells``.
        """
        ...


@runtime_checkable
class Explaining(Protocol):
    """A restorer that would rather know which quantizer stored the picture than its cells alone."""

    def restore_stored(self, y: Tensor, cells: Cells, quantizer: Quantizer) -> Tensor:
        """:meth:`Restorer.restore` for a picture that ``quantizer`` stored."""
        ...


@runtime_checkable
class Parted(Protocol):
    """A restorer that can be run in parts; what is between them may be kept and moved with the picture.

    Running all of the parts on whole pictures, and then :meth:`answer`, is :meth:`Restorer.restore`.

    Attributes:
        parts: from input to output, () where it cannot be cut; their halos add up to that of ``needs``.
    """

    parts: tuple[Part, ...]

    def begin(self, y: Tensor, cells: Cells) -> Tensor:
        """Run the first part on stored pictures, or on windows of them, and their cells.

        Windows go beyond the picture's borders where the part's halo does, and stored pixels are repeated there.

        Returns:
            ``(N, C, h, w)`` in a type of its own, as large as ``y``; of windows, all but the halo is right.
        """
        ...

    def go_on(self, index: int, x: Tensor, cells: Cells, blank: Blank | None) -> Tensor:
        """Run another part.

        Args:
            index: of the part.
            x: what the part before made; windows go beyond the picture's borders where the halo does, and are zero
                there.
            cells: any of the clip's.
            blank: of windows, without whose halo the answer comes; None for whole pictures, whose size stays.
        """
        ...

    def answer(self, y: Tensor, cells: Cells, x: Tensor) -> Tensor:
        """What :meth:`Restorer.restore` returns for ``y``, from what the last part made of it: pixel by pixel."""
        ...


@runtime_checkable
class Costly(Protocol):
    """A restorer that takes so long that one wants to know before."""

    def seconds(self, height: int, width: int) -> float:
        """About how long a picture takes at most, where the restorer is now."""
        ...


@runtime_checkable
class Sampled(Protocol):
    """A restorer that draws its pictures at random, by the rules of ``sampling``, which may be replaced."""

    sampling: Sampling


class Scaler(Protocol):
    """Enlarges restored pictures by a whole factor, otherwise than by repeating their pixels."""

    factor: int

    def describe(self) -> str:
        """A few words for the plan line."""
        ...

    def to(self, device: torch.device) -> Scaler:
        """The same on ``device``; may return itself."""
        ...

    def enlarge(self, x: Tensor) -> Tensor:
        """``(N, 3, H, W)`` float32 in [0, 1] to ``(N, 3, factor * H, factor * W)``, as fine."""
        ...
