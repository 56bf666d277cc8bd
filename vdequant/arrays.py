"""Quantizing and restoring pictures in memory: NumPy arrays and torch tensors in, the same kind out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdequant.checks import check_choice, check_fraction
from vdequant.errors import UsageError
from vdequant.frame_work import Recipe, expand, fold, restore_native
from vdequant.frames import Layout
from vdequant.pipeline import load_restorer
from vdequant.planning import suited_restorer
from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.spec import parse_quantizer, parse_target, resolve, resolve_target, with_dither
from vdequant.restorers import RESTORERS
from vdequant.schedule.device import choose_engine
from vdequant.schedule.tiles import automatic_side

Array = TypeVar("Array", "NDArray[Any]", Tensor)

DEPTHS = {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16}
SHAPES = "(H, W), (H, W, 3) or (N, H, W, 3) as NumPy array, or (3, H, W) or (N, 3, H, W) as tensor"


@dataclass(frozen=True)
class _Pictures:
    """Pictures as ``(N, 3, H, W)`` float32 in [0, 1] on the CPU, and what is needed to give the same kind back."""

    x: Tensor
    given: NDArray[Any] | Tensor

    @property
    def bits(self) -> int:
        """Depth of the samples; 16 for floating point, which may hold anything."""
        return 16 if isinstance(self.given, Tensor) else DEPTHS.get(self.given.dtype, 16)

    def back(self, x: Tensor, *, floats: bool) -> NDArray[Any] | Tensor:
        """``(N, 3, H, W)`` in the shape of what was given; ``floats``: as float32 instead of its own type."""
        if isinstance(self.given, Tensor):
            shaped = x.reshape(self.given.shape)
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


def _taken(x: NDArray[Any] | Tensor) -> _Pictures:
    """The pictures of an array or tensor.

    Raises:
        UsageError: for another type, shape or range.
    """
    if isinstance(x, Tensor):
        return _Pictures(_from_tensor(x), x)
    if isinstance(x, np.ndarray):
        return _Pictures(_from_array(x), x)
    raise UsageError(f"expected pictures of shape {SHAPES}, got {type(x).__name__}; np.asarray(x) may make one")


def _from_tensor(x: Tensor) -> Tensor:
    if x.ndim not in (3, 4) or x.shape[-3] != 3 or x.numel() == 0:
        raise UsageError(f"expected {SHAPES}, got a tensor of {tuple(x.shape)}")
    if not x.is_floating_point():
        raise UsageError(f"expected a tensor of floats in [0, 1], got {x.dtype}; divide 8-bit codes by 255")
    return _in_range((x if x.ndim == 4 else x[None]).detach().to("cpu", torch.float32))


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
    taken = _taken(x)
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
    taken = _taken(x)
    check_choice(restorer, ("auto", *RESTORERS), "restorer")
    check_fraction(fidelity, "fidelity")
    request = parse_quantizer(quantizer)
    engine = choose_engine(device)
    finding = estimate(list(taken.x), lossy_codec=False, stored_bits=taken.bits)
    known = finding.quantizer if request.kind == "auto" else resolve(request, list(taken.x))
    stated = None if request.kind == "auto" else known
    name = suited_restorer(finding, stated, small=False) if restorer == "auto" else restorer
    across, down = finding.native_scale
    height, width = taken.x.shape[-2:]
    recipe = Recipe(
        restorer=load_restorer(name).to(engine.device, engine.dtype),
        quantizer=known,
        output=Layout(width, height, "rgb", 16),
        fidelity=fidelity,
        # a dither that was stated knows its own cells
        dithered=finding.dithered and not request.dither,
        tile=automatic_side(height // down, width // across, engine.device),
    )
    results = []
    with torch.inference_mode():
        for one in torch.split(taken.x, 1):
            native = fold(one, finding.native_scale).to(engine.device)
            results.append(expand(restore_native(recipe, native).cpu(), across, down, height, width))
    restored = torch.cat(results).clone()
    result: Array = taken.back(_gray_again(restored, taken), floats=True)  # type: ignore[assignment]
    return result


def _gray_again(x: Tensor, taken: _Pictures) -> Tensor:
    """A restored gray array may be colored by a trace; its channels are averaged."""
    if isinstance(taken.given, Tensor) or taken.given.ndim > 2:
        return x
    return x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
