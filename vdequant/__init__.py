"""vdequant: turn coarsely quantized pictures and video into finely quantized ones.

Importing this package loads neither torch nor PyAV; the functions below import what they need when called.

    summary = vdequant.restore("game.mkv", "restored.mp4", vdequant.Settings(restorer="cellnet-s"))
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vdequant.errors import InputError, ModelError, OutputError, UsageError, VdequantError
from vdequant.settings import Settings

if TYPE_CHECKING:
    from vdequant.pipeline import Observer, Plan, Summary

__version__ = "0.1.0"

__all__ = [
    "InputError",
    "ModelError",
    "OutputError",
    "Settings",
    "UsageError",
    "VdequantError",
    "__version__",
    "probe",
    "restore",
]


def restore(
    input: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    observer: Observer | None = None,
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
