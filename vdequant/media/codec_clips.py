"""Short clips through video codecs, in memory: what recorders, uploads and downloads make of a picture in motion."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
import numpy as np
import torch
import torch.utils.dlpack

from vdequant.color import from_rgb, to_rgb
from vdequant.frames import Layout, Matrix, Siting
from vdequant.media.pixels import pack

RATE = 30
CHROMA = {"yuv420p": (1, 1), "yuv422p": (1, 0), "yuv444p": (0, 0)}
SPACES = {Matrix.SMPTE170M: "ITU601", Matrix.BT709: "ITU709"}  # PyAV's names
INTERPOLATIONS = ("BILINEAR", "BICUBIC", "AREA")  # by which chroma is made smaller: programs differ
ENCODERS = {"libx264": 0.72, "libx265": 0.08, "libvpx-vp9": 0.12, "mpeg4": 0.08}
# Programs that convert with FFmpeg's scaler center chroma, OBS and cameras put it left; files hardly ever say which.
SITINGS = {Siting.CENTER: 0.5, Siting.LEFT: 0.42, Siting.TOPLEFT: 0.08}
FORMATS = {"yuv420p": 0.88, "yuv422p": 0.02, "yuv444p": 0.1}
PRESETS = ("ultrafast", "veryfast", "medium")
# First and last of the scale that each encoder has for quality, which is drawn evenly between them. They begin below
# what anyone chooses: encoders store what stays in sight for seconds finer than pictures of these short clips.
QUALITIES = {"libx264": (1, 34), "libx265": (2, 34), "libvpx-vp9": (2, 52), "mpeg4": (1, 12)}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a clip is written.

    Attributes:
        encoder: FFmpeg's name of it.
        pixel_format: a key of CHROMA.
        matrix: a key of SPACES.
        siting: where chroma is put, a key of SITINGS. What decodes the clip takes it for left, as of a file that says
            nothing.
        interpolation: one of INTERPOLATIONS, for centered chroma.
        options: of the encoder.
        scale: quantizer of encoders that have no options for one.
    """

    encoder: str = "libx264"
    pixel_format: str = "yuv420p"
    matrix: Matrix = Matrix.BT709
    siting: Siting = Siting.CENTER
    interpolation: str = "BICUBIC"
    options: dict[str, str] = field(default_factory=dict)
    scale: int | None = None


def x264(crf: float, pixel_format: str = "yuv420p", siting: Siting = Siting.CENTER) -> Encoding:
    """x264 as most recorders use it."""
    return Encoding(pixel_format=pixel_format, siting=siting, options={"preset": "veryfast", "crf": f"{crf:.1f}"})


def random_encoding(rng: np.random.Generator) -> Encoding:
    """Any encoder and quality, mostly x264 in 4:2:0."""
    encoder = str(rng.choice(list(ENCODERS), p=list(ENCODERS.values())))
    quality, scale = float(rng.uniform(*QUALITIES[encoder])), None
    if encoder == "libx264":
        options = {"crf": f"{quality:.1f}", "preset": str(rng.choice(PRESETS))}
    elif encoder == "libx265":
        options = {"crf": f"{quality:.1f}", "preset": "ultrafast", "x265-params": "log-level=none:pools=none"}
    elif encoder == "libvpx-vp9":
        options = {"crf": f"{quality:.0f}", "b": "0", "deadline": "realtime", "cpu-used": "8"}
    else:
        options, scale = {}, round(quality)
    return Encoding(
        encoder,
        str(rng.choice(list(FORMATS), p=list(FORMATS.values()))) if encoder != "mpeg4" else "yuv420p",
        list(SPACES)[int(rng.integers(len(SPACES)))],
        list(SITINGS)[int(rng.choice(len(SITINGS), p=list(SITINGS.values())))],
        str(rng.choice(INTERPOLATIONS)),
        options,
        scale,
    )


def _converted(picture: np.ndarray, how: Encoding) -> av.VideoFrame:
    """To YUV: with FFmpeg's scaler, as programs do that center chroma, or else by this package's own equations."""
    if how.siting is Siting.CENTER:
        return av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
            format=how.pixel_format, dst_colorspace=SPACES[how.matrix], interpolation=how.interpolation
        )
    rgb = torch.from_numpy(picture).permute(2, 0, 1).to(torch.float32) / 255
    return pack(from_rgb(rgb, _layout(picture, how, how.siting)), how.pixel_format)


def _layout(picture: np.ndarray, how: Encoding, siting: Siting) -> Layout:
    height, width = picture.shape[:2]
    return Layout(width, height, "yuv", 8, CHROMA[how.pixel_format], how.matrix, full_range=False, siting=siting)


def _written(pictures: Sequence[np.ndarray], how: Encoding) -> io.BytesIO:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = cast(av.VideoStream, container.add_stream(how.encoder, rate=RATE, options=how.options))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = how.pixel_format
        stream.codec_context.thread_count = 1
        if how.scale is not None:
            stream.codec_context.qmin = stream.codec_context.qmax = how.scale
        for number, picture in enumerate(pictures):
            frame = _converted(picture, how)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    return file


def codec_roundtrip(pictures: Sequence[np.ndarray], how: Encoding) -> list[np.ndarray]:
    """A clip through an encoder and its decoder.

    Args:
        pictures: ``(H, W, 3)`` uint8 RGB each, of one size, both sides even.
        how: it is written.

    Returns:
        As many pictures, ``(H, W, 3)`` uint8, converted to RGB as restored clips are.
    """
    layout = _layout(pictures[0], how, Siting.LEFT)
    found = []
    with av.open(_written(pictures, how), "r") as container:
        for frame in container.decode(video=0):
            planes = tuple(torch.utils.dlpack.from_dlpack(plane) for plane in frame.planes)
            rgb = (to_rgb(planes, layout) * 255).round_().clamp_(0, 255).to(torch.uint8)
            found.append(np.ascontiguousarray(rgb.permute(1, 2, 0).numpy()))
    return found
