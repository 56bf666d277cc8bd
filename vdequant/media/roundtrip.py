"""Encode a picture with a lossy codec and decode it again, in memory: what uploads and recorders do to a capture."""

from __future__ import annotations

import io

import av
import torch.utils.dlpack
from torch import Tensor

from vdequant.color import from_rgb, to_rgb
from vdequant.frames import Layout, Matrix


def h264_roundtrip(picture: Tensor, crf: float, chroma: tuple[int, int]) -> Tensor:
    """One intra frame through x264 (limited range, BT.601) and back.

    Args:
        picture: ``(3, H, W)`` RGB in [0, 1]; even sizes when ``chroma`` is subsampled.
        crf: 0..51.
        chroma: log2 subsampling, (1, 1) or (0, 0).

    Returns:
        ``(3, H, W)`` float32.
    """
    height, width = picture.shape[-2:]
    layout = Layout(width, height, "yuv", 8, chroma, Matrix.SMPTE170M, full_range=False)
    name = "yuv420p" if chroma == (1, 1) else "yuv444p"
    stream_bytes = io.BytesIO()
    with av.open(stream_bytes, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, name
        stream.codec_context.thread_count = 1
        frame = av.VideoFrame.from_dlpack(from_rgb(picture, layout), format=name)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    stream_bytes.seek(0)
    with av.open(stream_bytes, "r") as decoder:
        decoded = next(decoder.decode(video=0))
        planes = tuple(torch.utils.dlpack.from_dlpack(plane).clone() for plane in decoded.planes)
    return to_rgb(planes, layout)
