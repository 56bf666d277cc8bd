"""The ffmpeg program, for filters that are not in PyAV's libraries; optional, for measuring peers and CAMBI."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from vdequant.errors import InputError

Pictures = NDArray[np.uint8]  # (T, H, W, 3) RGB

# Filters on a GPU need a device of this kind; Mesa's lavapipe gives one on a CPU.
VULKAN = ("-init_hw_device", "vulkan=vk:0", "-filter_hw_device", "vk")
CAMBI_SIDE = 216  # pixels: libvmaf leaves out pictures that are smaller in both directions
MOST_CONTRAST = 5  # the largest max_log_contrast; the default, 2, sees only steps of one code at 8 bits
# What libvmaf is given: studio-range BT.709, which CAMBI takes the luma of.
LUMA = {"out_color_matrix": "bt709", "out_range": "tv"}


def find_ffmpeg() -> str:
    """Path of an ffmpeg program: imageio-ffmpeg's when that is installed, else the system's.

    Raises:
        InputError: there is none.
    """
    try:
        program: str = import_module("imageio_ffmpeg").get_ffmpeg_exe()
        return program
    except (ImportError, RuntimeError):  # RuntimeError: its wheel for this machine holds no program
        found = shutil.which("ffmpeg")
    if found is None:
        raise InputError("expected an ffmpeg program, found none: pip install imageio-ffmpeg, or install ffmpeg")
    return found


def _run(stream: Any, given: bytes, what: str) -> bytes:
    try:
        out, _ = stream.run(cmd=find_ffmpeg(), input=given, capture_stdout=True, capture_stderr=True)
    except ffmpeg.Error as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise InputError(f"expected ffmpeg to run {what}, it said: {''.join(last)}") from error
    result: bytes = out
    return result


def _input(pictures: Pictures) -> Any:
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.dtype != np.uint8:
        raise ValueError(f"expected pictures (T, H, W, 3) uint8, got {pictures.shape} {pictures.dtype}")
    height, width = pictures.shape[1:3]
    return ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=25)


def filter_pictures(pictures: Pictures, filters: str, arguments: Sequence[str] = ()) -> Pictures:
    """Run a filter chain such as "format=yuv444p,spp=6:4" over a clip, or over one picture.

    Args:
        pictures: ``(T, H, W, 3)`` uint8 RGB.
        filters: the chain, as after ``-vf``; it must keep the size and the number of pictures.
        arguments: before the input, such as :data:`VULKAN`.

    Returns:
        ``(T, H, W, 3)`` uint8 RGB.

    Raises:
        InputError: ffmpeg does not know the filter, failed, or gave another number of samples.
    """
    options = {"format": "rawvideo", "pix_fmt": "rgb24", "loglevel": "error"}
    sink = ffmpeg.output(_input(pictures), "pipe:", vf=filters, **options).global_args(*arguments)
    out = _run(sink, pictures.tobytes(), repr(filters))
    if len(out) != pictures.size:
        raise InputError(f"expected {pictures.size} bytes of pictures from ffmpeg's {filters!r}, got {len(out)}")
    return np.frombuffer(out, dtype=np.uint8).reshape(pictures.shape)


def compress_pictures(pictures: Pictures, crf: int) -> Pictures:
    """A clip as it is behind x264 in 4:2:0, as recorders use it: BT.601, all else as FFmpeg has it.

    Args:
        pictures: ``(T, H, W, 3)`` uint8 RGB with even sides.
        crf: quality, 0 to 51; 23 is usual.

    Returns:
        ``(T, H, W, 3)`` uint8 RGB.

    Raises:
        InputError: an odd side, or no ffmpeg with libx264.
    """
    height, width = pictures.shape[1:3]
    if height % 2 or width % 2:
        raise InputError(f"expected pictures of even sides for x264 in 4:2:0, got {width}x{height}; crop them")
    with tempfile.TemporaryDirectory() as folder:
        path, what = str(Path(folder) / "clip.mkv"), f"libx264 at crf {crf}"
        coded = ffmpeg.output(_input(pictures), path, vcodec="libx264", crf=crf, pix_fmt="yuv420p", loglevel="error")
        _run(coded, pictures.tobytes(), what)
        options = {"format": "rawvideo", "pix_fmt": "rgb24", "loglevel": "error"}
        out = _run(ffmpeg.output(ffmpeg.input(path), "pipe:", **options), b"", what)
    return np.frombuffer(out, dtype=np.uint8).reshape(pictures.shape)


def _frames_of_log(log: Mapping[str, Any]) -> list[float]:
    return [frame["metrics"][name] for frame in log["frames"] for name in frame["metrics"] if name.startswith("cambi")]


def cambi(pictures: Pictures, max_log_contrast: int = MOST_CONTRAST) -> float:
    """Netflix's banding index (Tandon et al. 2021) by an ffmpeg with libvmaf: 0 is none, about 5 slightly annoying.

    It counts what looks like contours, true gradients of a clean picture included, so put the clean picture's score
    beside it; and blur and dither alone bring it to 0, so put PSNR beside it too.

    Args:
        pictures: ``(T, H, W, 3)`` uint8 RGB; the result is the mean over them.
        max_log_contrast: 0 to 5: steps up to ``2**(this - 2)`` codes of 8 bits count. libvmaf's default of 2 is
            blind to coarse quantization.

    Raises:
        InputError: no ffmpeg, or one without libvmaf; or pictures of fewer than 216 pixels either way.
    """
    height, width = pictures.shape[1:3]
    if max(height, width) < CAMBI_SIDE:
        raise InputError(f"expected {CAMBI_SIDE} or more pixels across or down for CAMBI, got {width}x{height}")
    source = _input(pictures).filter("scale", **LUMA).filter("format", "yuv420p").split()
    feature = f"name=cambi:max_log_contrast={max_log_contrast}"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "cambi.json"
        options = {"feature": feature, "n_threads": 1, "log_fmt": "json", "log_path": str(log)}
        both = ffmpeg.filter([source[0], source[1]], "libvmaf", **options)
        sink = ffmpeg.output(both, "-", format="null", loglevel="error")
        _run(sink, pictures.tobytes(), "libvmaf's cambi (pip install imageio-ffmpeg has it)")
        scores = _frames_of_log(json.loads(log.read_text()))
    return sum(scores) / len(scores)
