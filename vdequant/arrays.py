"""Quantizing and restoring pictures in memory: NumPy arrays and torch tensors in, the same kind out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.array_work import Wishes, decide
from vdequant.errors import UsageError
from vdequant.quantizers.spec import parse_target, resolve_target, with_dither
from vdequant.quantizers.threshold import gray

Array = TypeVar("Array", "NDArray[Any]", Tensor)

DEPTHS = {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16}
TENSOR_DEPTHS = {torch.uint8: 8, torch.uint16: 16}
SHAPES = "(H, W), (H, W, 3) or (N, H, W, 3) as NumPy array, or (3, H, W) or (N, 3, H, W) as tensor"


@dataclass(frozen=True)
class Pictures:
    """Pictures as ``(N, 3, H, W)`` float32 in [0, 1] on the CPU, and what is needed to give the same kind back."""

    x: Tensor
    given: NDArray[Any] | Tensor

    @property
    def bits(self) -> int:
        """Depth of the samples; 16 for floating point, which may hold anything."""
        if isinstance(self.given, Tensor):
            return TENSOR_DEPTHS.get(self.given.dtype, 16)
        return DEPTHS.get(self.given.dtype, 16)

    def back(self, x: Tensor, *, floats: bool) -> NDArray[Any] | Tensor:
        """``(N, 3, H, W)`` in the shape of what was given; ``floats``: as float32 instead of its own type."""
        if isinstance(self.given, Tensor):
            shaped = x.reshape(self.given.shape)
            if self.given.dtype in TENSOR_DEPTHS and not floats:
                shaped = (shaped.double() * ((1 << self.bits) - 1)).round()
            return shaped.to(self.given.device, torch.float32 if floats else self.given.dtype)
        if self.given.ndim == 2:
            if not (torch.equal(x[:, 0], x[:, 1]) and torch.equal(x[:, 0], x[:, 2])):
                raise UsageError(
                    "expected (H, W, 3) for a quantizer of colors, got gray (H, W); np.stack([x] * 3, -1) makes it so"
                )
            x = x[:, :1]
        array: NDArray[Any] = x.movedim(1, -1).reshape(self.given.shape).numpy()
        if floats:
            return array
        if self.given.dtype in DEPTHS:
            top = (1 << self.bits) - 1
            return (array.astype(np.float64) * top).round().astype(self.given.dtype)
        return array.astype(self.given.dtype)


def taken_from(x: NDArray[Any] | Tensor) -> Pictures:
    """The pictures of an array or tensor.

    Raises:
        UsageError: for another type, shape or range.
    """
    if isinstance(x, Tensor):
        return Pictures(_from_tensor(x), x)
    if isinstance(x, np.ndarray):
        x = x.astype(x.dtype.newbyteorder("="), copy=False)  # files of another byte order come back in this machine's
        return Pictures(_from_array(x), x)
    raise UsageError(f"expected pictures of shape {SHAPES}, got {type(x).__name__}; np.asarray(x) may make one")


def _from_tensor(x: Tensor) -> Tensor:
    if x.ndim not in (3, 4) or x.shape[-3] != 3 or x.numel() == 0:
        raise UsageError(f"expected {SHAPES}, got a tensor of {tuple(x.shape)}")
    if x.dtype not in TENSOR_DEPTHS and not x.is_floating_point():
        raise UsageError(f"expected a tensor of uint8, uint16 or floats in [0, 1], got {x.dtype}")
    values = (x if x.ndim == 4 else x[None]).detach().cpu()
    if x.dtype in TENSOR_DEPTHS:
        return (values.double() / ((1 << TENSOR_DEPTHS[x.dtype]) - 1)).float()
    return _in_range(values.float())


def _from_array(x: NDArray[Any]) -> Tensor:
    if x.ndim not in (2, 3, 4) or (x.ndim > 2 and x.shape[-1] != 3) or x.size == 0:
        hint = "; x[..., :3] leaves alpha out" if x.ndim > 2 and x.shape[-1] == 4 else ""
        raise UsageError(f"expected {SHAPES}, got an array of {x.shape}{hint}")
    if x.dtype not in DEPTHS and x.dtype.kind != "f":
        raise UsageError(f"expected uint8, uint16 or floats in [0, 1], got {x.dtype}")
    top = (1 << DEPTHS[x.dtype]) - 1 if x.dtype in DEPTHS else 1
    values = torch.from_numpy((x.astype(np.float64) / top).astype(np.float32))
    if values.ndim == 2:
        return _in_range(values.expand(1, 3, -1, -1).contiguous())
    return _in_range((values if values.ndim == 4 else values[None]).movedim(-1, 1).contiguous())


def _in_range(x: Tensor) -> Tensor:
    low, high = float(x.min()), float(x.max())
    if not (low >= 0 and high <= 1):  # not-a-numbers fail this, too
        raise UsageError(f"expected values in [0, 1], got {low:g} to {high:g}; divide 8-bit codes by 255")
    return x


def quantize(x: Array, to: str = "5-5-5", *, dither: str = "none", seed: int = 0) -> Array:
    """See :func:`vdequant.quantize`."""
    taken = taken_from(x)
    request = with_dither(parse_target(to), dither)
    quantizer = resolve_target(request, list(taken.x), seed)
    # One at a time: memory for one picture, and what a quantizer does never depends on its neighbors.
    stored = torch.cat([quantizer.quantize(one) for one in torch.split(taken.x, 1)])
    result: Array = taken.back(stored, floats=False)  # type: ignore[assignment]
    return result


def dequantize(
    x: Array, quantizer: str = "auto", *, restorer: str = "auto", fidelity: float = 1.0, device: str = "auto"
) -> Array:
    """See :func:`vdequant.dequantize`."""
    taken = taken_from(x)
    wishes = Wishes.of(quantizer, restorer, fidelity, device, streaming=False)
    work = decide(wishes, list(taken.x), stored_bits=taken.bits)
    result: Array = taken.back(gray_again(work.restore(taken.x), taken), floats=True)  # type: ignore[assignment]
    return result


def gray_again(x: Tensor, taken: Pictures) -> Tensor:
    """A restored gray array may be colored by a trace; its gray is what quantizers of gray look at."""
    if isinstance(taken.given, Tensor) or taken.given.ndim > 2:
        return x
    return gray(x)[:, None].expand(-1, 3, -1, -1)
