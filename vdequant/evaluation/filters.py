"""The classical filters that restorers are compared with: functions of the stored pictures and one setting.

All take and give ``(T, H, W, 3)`` uint8 RGB. Parameters as the programs and libraries count them.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vdequant.errors import InputError
from vdequant.evaluation.degradations import Pictures, Stored
from vdequant.media.ffmpeg_cli import VULKAN, filter_pictures

Setting = tuple[float, ...]
TV_ROUNDS = 60


def _each(pictures: Pictures, work: Callable[[Pictures], NDArray[np.uint8]]) -> Pictures:
    return np.stack([work(np.ascontiguousarray(picture)) for picture in pictures])


def spp(stored: Stored, setting: Setting) -> Pictures:
    """ffmpeg's simple postprocessing, 64 shifted block transforms; setting: (quantizer,)."""
    return filter_pictures(stored.pictures, f"format=yuv444p,spp=6:{setting[0]:g}")


def gradfun(stored: Stored, setting: Setting) -> Pictures:
    """ffmpeg's gradfun; setting: (strength, radius)."""
    return filter_pictures(stored.pictures, f"format=gbrp,gradfun=strength={setting[0]:g}:radius={setting[1]:g}")


def deband(stored: Stored, setting: Setting) -> Pictures:
    """ffmpeg's deband; setting: (threshold, range)."""
    thresholds = ":".join(f"{plane}thr={setting[0]:g}" for plane in (1, 2, 3))
    return filter_pictures(stored.pictures, f"format=gbrp,deband={thresholds}:range={setting[1]:g}:blur=1")


def libplacebo(stored: Stored, setting: Setting) -> Pictures:
    """mpv's debanding through an ffmpeg with libplacebo and a Vulkan device; setting: (rounds, threshold)."""
    options = f"deband=true:deband_iterations={setting[0]:g}:deband_threshold={setting[1]:g}:deband_radius=16"
    chain = f"libplacebo={options}:deband_grain=0:dithering=none:format=gbrp"
    try:
        return filter_pictures(stored.pictures, chain, VULKAN)
    except InputError as error:
        raise InputError(f"expected an ffmpeg with libplacebo and a Vulkan device ({error})") from error


def bilateral(stored: Stored, setting: Setting) -> Pictures:
    """OpenCV's bilateral filter; setting: (sigma of color, sigma of space)."""
    return _each(stored.pictures, lambda p: np.asarray(cv2.bilateralFilter(p, -1, setting[0], setting[1])))


def gauss(stored: Stored, setting: Setting) -> Pictures:
    """A Gaussian blur by OpenCV; setting: (sigma in pixels,)."""
    return _each(stored.pictures, lambda p: np.asarray(cv2.GaussianBlur(p, (0, 0), setting[0])))


def nlm(stored: Stored, setting: Setting) -> Pictures:
    """OpenCV's non-local means for color pictures, which takes BGR; setting: (h,)."""
    h = setting[0]

    def work(picture: Pictures) -> Pictures:
        bgr = np.ascontiguousarray(picture[..., ::-1])
        return np.asarray(cv2.fastNlMeansDenoisingColored(bgr, None, h, h, 5, 11), np.uint8)[..., ::-1]

    return _each(stored.pictures, work)


def tv(stored: Stored, setting: Setting) -> Pictures:
    """scikit-image's total variation (Chambolle 2004); setting: (weight,)."""
    try:
        denoise = import_module("skimage.restoration").denoise_tv_chambolle
    except ImportError as error:
        raise InputError(
            "expected scikit-image for the peer tv, found none: pip install '.[evaluate]' in a checkout"
        ) from error

    def work(picture: Pictures) -> Pictures:
        smooth = denoise(picture / 255.0, weight=setting[0], channel_axis=2, max_num_iter=TV_ROUNDS)
        return np.asarray(np.round(smooth * 255).clip(0, 255), np.uint8)

    return _each(stored.pictures, work)


def _needs_files(stored: Stored, name: str) -> None:
    if not stored.files:
        raise InputError(f"expected JPEG files for the peer {name}, which reads nothing else; use --quantizer jpeg:10")


def _shown(file: NDArray[np.uint8]) -> Pictures:
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def libjpeg(stored: Stored, _: Setting) -> Pictures:
    """libjpeg's own decode, which is what the stored picture of a JPEG is; no setting."""
    _needs_files(stored, "libjpeg")
    return np.stack([_shown(np.frombuffer(file, np.uint8)) for file in stored.files])


def _jpegqs(program: str, quality: int, file: bytes) -> Pictures:
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "in.jpg", Path(folder) / "out.jpg"
        given.write_bytes(file)
        words = [program, "-t", "1", "-i", "0", "-q", str(quality), str(given), str(made)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode or not made.exists():
            raise InputError(f"expected jpegqs to decode a JPEG, it said: {done.stderr.strip()[-200:]}")
        return _shown(np.fromfile(made, np.uint8))


def jpegqs(stored: Stored, setting: Setting) -> Pictures:
    """The quant smoothing of the program jpegqs, which knows the JPEG's cells; setting: (quality,) 1 to 6."""
    _needs_files(stored, "jpegqs")
    program = shutil.which("jpegqs")
    if program is None:
        raise InputError("expected the program jpegqs, found none: apt-get install jpegqs")
    return np.stack(list(map(partial(_jpegqs, program, int(setting[0])), stored.files)))
