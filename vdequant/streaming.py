"""Restores pictures that arrive one after another, as arrays or tensors, while the next ones are still being made."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.array_work import ArrayWork, Wishes, decide
from vdequant.arrays import Pictures, gray_again, taken_from
from vdequant.checks import check_choice
from vdequant.errors import UsageError
from vdequant.planning import SAMPLES

Array = TypeVar("Array", "NDArray[Any]", Tensor)

# Type of the results -> its bits; floats keep what the network gives.
DTYPES = {"float32": 16, "uint8": 8, "uint16": 16}


class FrameRestorer:
    """Restores pictures of one clip by a recipe that is decided once, from the pictures it was first shown.

    Args:
        quantizer, restorer, fidelity, device: see :func:`vdequant.dequantize`; with restorer "auto" the smaller
            network runs on a CPU, as for video.
        dtype: of the results: "float32" in [0, 1], or "uint8" or "uint16", rounded.

    Attributes:
        work: the recipe and what was found; None before :meth:`look`.

    Raises:
        UsageError: for a name or number that does not exist.
    """

    def __init__(
        self,
        quantizer: str = "auto",
        *,
        restorer: str = "auto",
        fidelity: float = 1.0,
        device: str = "auto",
        dtype: str = "float32",
    ) -> None:
        self._wishes = Wishes.of(quantizer, restorer, fidelity, device, streaming=True)
        self._dtype = check_choice(dtype, tuple(DTYPES), "dtype")
        self.work: ArrayWork | None = None
        self._last: tuple[Tensor, Tensor] | None = None

    @property
    def needs_many(self) -> bool:
        """Whether the quantizer has to be found in the pictures; one that is known needs a single look for its grid."""
        return self._wishes.request.kind == "auto" or self._wishes.request.needs_pictures

    def look(self, frames: Sequence[NDArray[Any] | Tensor]) -> ArrayWork:
        """Decide what was lost and what is done, from ``frames`` as :func:`vdequant.restore_frames` takes them."""
        seen = [_taken(frame)[0] for frame in frames]
        if not seen:
            raise UsageError("expected at least one picture to look at, got none")
        pictures = [one for item in seen for one in item.x]
        alike = [one for one in pictures if one.shape == pictures[0].shape]  # a machine may change its size
        bits = max(item.bits for item in seen)
        self._last = None
        self.work = decide(self._wishes, alike, stored_bits=bits, output_bits=DTYPES[self._dtype])
        return self.work

    def __call__(self, frame: Array) -> Array:
        """Restore one picture or batch; the recipe is decided from it if none was yet.

        Args:
            frame: see :func:`vdequant.restore_frames`.

        Returns:
            The same shape and kind, of the type that was asked for.

        Raises:
            UsageError: for something that is no picture.
        """
        work = self.work or self.look([frame])
        taken, first = _taken(frame)
        restored = taken.back(gray_again(self._restored(work, taken.x), taken), floats=True)
        if self._dtype != "float32":
            restored = np.rint(np.asarray(restored) * np.float64((1 << DTYPES[self._dtype]) - 1)).astype(self._dtype)
        if isinstance(frame, Tensor):
            tensor = torch.from_numpy(np.asarray(restored))
            restored = (tensor.movedim(-1, -3) if first else tensor).to(frame.device)
        return restored  # type: ignore[return-value]

    def _restored(self, work: ArrayWork, x: Tensor) -> Tensor:
        """The result for ``x``; a picture that comes again, as half of a 30-fps game's do, is not computed again."""
        if self._last is None or not torch.equal(self._last[0], x):
            self._last = x, work.restore(x)
        return self._last[1].clone()


def _taken(frame: NDArray[Any] | Tensor) -> tuple[Pictures, bool]:
    """A frame as pictures, and whether it was a tensor with its channels first."""
    if not isinstance(frame, Tensor):
        return taken_from(frame), False
    first = frame.ndim > 2 and frame.shape[-3] == 3
    values = frame.detach().cpu()
    values = values.movedim(-3, -1) if first else values
    return taken_from((values.float() if values.is_floating_point() else values).numpy()), first


def restore_frames(
    frames: Iterable[Array],
    quantizer: str = "auto",
    *,
    restorer: str = "auto",
    fidelity: float = 1.0,
    device: str = "auto",
    dtype: str = "float32",
    look_ahead: int = SAMPLES,
) -> Iterator[Array]:
    """See :func:`vdequant.restore_frames`."""
    if look_ahead < 1:
        raise UsageError(f"expected look_ahead of 1 or more, got {look_ahead}; 1 holds no picture back")
    made = FrameRestorer(quantizer, restorer=restorer, fidelity=fidelity, device=device, dtype=dtype)
    return _streamed(frames, made, look_ahead if made.needs_many else 1)


def _streamed(frames: Iterable[Array], restorer: FrameRestorer, look_ahead: int) -> Iterator[Array]:
    held: deque[Array] = deque()
    for frame in frames:
        if restorer.work is not None:
            yield restorer(frame)
            continue
        held.append(frame)
        if len(held) >= look_ahead:
            restorer.look(held)
            while held:
                yield restorer(held.popleft())
    if held:
        restorer.look(held)
    while held:
        yield restorer(held.popleft())
