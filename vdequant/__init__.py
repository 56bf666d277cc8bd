"""vdequant: turn coarsely quantized pictures and video into finely quantized ones.

Importing this package loads neither torch nor PyAV; the functions below import what they need when called.

    summary = vdequant.restore("game.mkv", "restored.mp4", vdequant.Settings(restorer="cellnet-s"))
    coarse = vdequant.quantize(photo, "m=8")  # arrays and tensors
    fine = vdequant.dequantize(coarse)
    for frame in vdequant.restore_frames(emulator.frames()):  # while they are being made
        ...
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from vdequant.errors import InputError, ModelError, OutputError, UsageError, VdequantError
from vdequant.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from vdequant.observing import Observer
    from vdequant.pipeline import Summary
    from vdequant.planning import Plan

Array = TypeVar("Array", "NDArray[Any]", "Tensor")  # names, so that neither library is loaded

__version__ = "0.1.0"

__all__ = [
    "InputError",
    "ModelError",
    "OutputError",
    "Settings",
    "UsageError",
    "VdequantError",
    "__version__",
    "dequantize",
    "probe",
    "quantize",
    "restore",
    "restore_frames",
]


def restore(
    input: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    observer: Observer[Plan] | None = None,
) -> Summary:
    """Restore one video, picture or folder of numbered frames; what ``vdequant INPUT -o OUTPUT`` does.

    Args:
        input: a file, a folder of frames, or "-" for standard input.
        output: a file, a folder, or "-" for standard output; it appears only once it is complete.
        settings: what to do and how to write it; None means the defaults.
        observer: told the plan, the progress and warnings.

    Raises:
        VdequantError: with one line that says what was expected, what came and what to do.
    """
    from vdequant import pipeline

    return pipeline.restore(os.fspath(input), os.fspath(output), settings or Settings(), observer)


def probe(input: str | os.PathLike[str], settings: Settings | None = None) -> Plan:
    """Find out what was lost and what :func:`restore` would do, without writing anything."""
    from vdequant import pipeline

    return pipeline.probe(os.fspath(input), settings or Settings())


def quantize(x: Array, to: str = "5-5-5", *, dither: str = "none", seed: int = 0) -> Array:
    """Quantize pictures in memory; what ``vdequant quantize`` does to files.

    Args:
        x: NumPy ``(H, W)`` gray, ``(H, W, 3)`` or ``(N, H, W, 3)``, as uint8, uint16 or floats in [0, 1]; or a torch
            tensor ``(3, H, W)`` or ``(N, 3, H, W)`` of the same types.
        to: what shall be lost, in the words of ``--to``: "m=8", "5-6-5/shift", "palette:16", "jpeg:10", "nes".
            A palette is made for all pictures together.
        dither: "none", "fs", "atkinson", "jarvis", "stucki", "burkes", "sierra", "sierra-lite", "bayer2", "bayer4",
            "bayer8", "checkerboard", "column", "bluenoise", "playstation", "knoll4", "knoll8".
        seed: of palettes by k-means and of random depths, 0 to 2**32 - 1.

    Returns:
        The same shape and type as ``x``; integer codes are rounded. No gradient passes; the classes of
        ``vdequant.quantizers`` have ``soft`` and ``straight_through`` for that.

    Raises:
        VdequantError: with one line that says what was expected, what came and what to do.
    """
    from vdequant import arrays

    return arrays.quantize(x, to, dither=dither, seed=seed)


def dequantize(
    x: Array, quantizer: str = "auto", *, restorer: str = "auto", fidelity: float = 1.0, device: str = "auto"
) -> Array:
    """Restore coarsely quantized pictures in memory; what ``vdequant INPUT -o OUTPUT`` does to files.

    Args:
        x: as for :func:`quantize`; several pictures are taken for a clip that was quantized in one way.
        quantizer: what was lost, in the words of ``--quantizer``; "auto" finds it out.
        restorer: "auto", or a name of the README's table.
        fidelity: 1: the result is moved into the cells of ``x``, so that quantizing it gives ``x`` again; where ``x``
            is dithered, or looks so, cells bind local means instead; machines that choose the colors of each block anew
            ("c64", "msx", ...) may choose others for the result (1 % of a C64 picture's samples); 0: trust the restorer
            alone.
        device: "auto", "cpu", "cuda" or "cuda:1".

    Returns:
        float32 in [0, 1] in the shape of ``x``, a tensor on the device of ``x``.

    Raises:
        VdequantError: with one line that says what was expected, what came and what to do.
    """
    from vdequant import arrays

    return arrays.dequantize(x, quantizer, restorer=restorer, fidelity=fidelity, device=device)


def restore_frames(
    frames: Iterable[Array],
    quantizer: str = "auto",
    *,
    restorer: str = "auto",
    fidelity: float = 1.0,
    device: str = "auto",
    dtype: str = "float32",
    look_ahead: int = 12,
) -> Iterator[Array]:
    """Restore pictures as they come, one out for one in, in order; memory does not grow with their number.

    The quantizer is found in the first ``look_ahead`` pictures, which are held back until then, and kept. When it is
    stated, only the first picture is looked at and none is held back. From then on every result comes before the next
    picture is asked for, so an emulator or a camera may be the iterable. The same pictures give the same results: each
    is restored for itself, without the smoother over time that :func:`restore` has.

    Args:
        frames: NumPy ``(H, W, 3)``, ``(N, H, W, 3)`` or gray ``(H, W)``, or torch tensors of these shapes or
            ``(3, H, W)`` or ``(N, 3, H, W)``, each as uint8, uint16 or floats in [0, 1].
        quantizer, restorer, fidelity, device: as for :func:`dequantize`; with restorer "auto" the smaller network
            runs on a CPU, as for video.
        dtype: of the results: "float32" in [0, 1], "uint8" or "uint16" (rounded).
        look_ahead: see above; 1 decides from the first picture alone.

    Yields:
        The same shape and kind, on the same device.

    Raises:
        VdequantError: with one line that says what was expected, what came and what to do.
    """
    from vdequant import streaming

    return streaming.restore_frames(
        frames,
        quantizer,
        restorer=restorer,
        fidelity=fidelity,
        device=device,
        dtype=dtype,
        look_ahead=look_ahead,
    )
