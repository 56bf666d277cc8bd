"""The ffmpeg program, for filters that are not in PyAV's libraries; optional, needed only to measure peers."""

from __future__ import annotations

import shutil
from importlib import import_module

import ffmpeg
import numpy as np

from vdequant.errors import InputError


def find_ffmpeg() -> str:
    """Path of an ffmpeg program: imageio-ffmpeg's when that is installed, else the system's.

    Raises:
        InputError: there is none.
    """
    try:
        program: str = import_module("imageio_ffmpeg").get_ffmpeg_exe()
        return program
    except ImportError:
        found = shutil.which("ffmpeg")
    if found is None:
        raise InputError("expected an ffmpeg program, found none: pip install imageio-ffmpeg, or install ffmpeg")
    return found


def filter_picture(picture: np.ndarray, filters: str) -> np.ndarray:
    """Run a filter chain such as "format=yuv444p,spp=6:4" on one picture.

    Args:
        picture: ``(H, W, 3)`` uint8 RGB.

    Returns:
        ``(H, W, 3)`` uint8 RGB.

    Raises:
        InputError: ffmpeg does not know the filter or failed.
    """
    height, width = picture.shape[:2]
    source = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}")
    sink = ffmpeg.output(source, "pipe:", vf=filters, format="rawvideo", pix_fmt="rgb24", loglevel="error")
    try:
        out, _ = sink.run(cmd=find_ffmpeg(), input=picture.tobytes(), capture_stdout=True, capture_stderr=True)
    except ffmpeg.Error as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise InputError(f"expected ffmpeg to run {filters!r}, it said: {''.join(last)}") from error
    return np.frombuffer(out, dtype=np.uint8).reshape(height, width, 3)
