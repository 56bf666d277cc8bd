"""What the samples mean: matrix, range and chroma position, from the picture, then the stream, then convention."""

from __future__ import annotations

from typing import Literal

from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vdequant.color import LUMA_WEIGHTS, default_matrix
from vdequant.errors import InputError
from vdequant.frames import ColorTags, Layout, Matrix, Siting
from vdequant.media.pixels import Storage, storage
from vdequant.settings import Settings

UNSPECIFIED = 2  # of matrix, primaries and transfer (H.273); of the range it is 0
FULL_RANGE = 2  # FFmpeg's AVCOL_RANGE_JPEG

MATRIX_BY_NAME = {"601": Matrix.SMPTE170M, "709": Matrix.BT709, "2020": Matrix.BT2020_NCL}

# Codecs made for photographs or lossless storage, where an untagged gray picture uses all codes; video codecs do not.
_FULL_RANGE_GRAY = ("png", "apng", "mjpeg", "ffv1", "rawvideo", "gif", "tiff", "bmp", "pgm", "pam", "qtrle", "targa")
# MPEG-1 and JPEG center chroma between the luma samples; everything later puts it below the left one.
_CENTERED = ("mjpeg", "mpeg1video", "jpegls", "jpeg2000", "webp")


def pick(frame_value: int, stream_value: int, unset: int = UNSPECIFIED) -> int:
    """The picture's own tag, else the stream's. ``unset`` marks "no tag" besides 0 where 0 has no meaning."""
    return int(frame_value) if frame_value != unset else int(stream_value)


def color_tags(frame: VideoFrame, context: VideoCodecContext) -> ColorTags:
    """Primaries and transfer as tagged; reserved 0 counts as untagged."""
    primaries = pick(frame.color_primaries or UNSPECIFIED, context.color_primaries)
    transfer = pick(frame.color_trc or UNSPECIFIED, context.color_trc)
    return ColorTags(primaries or UNSPECIFIED, transfer or UNSPECIFIED)


def _matrix(frame: VideoFrame, context: VideoCodecContext, settings: Settings) -> tuple[Matrix, bool]:
    """The YUV matrix, and whether it had to be assumed."""
    if settings.matrix != "auto":
        return MATRIX_BY_NAME[settings.matrix], False
    tag = pick(frame.colorspace, context.colorspace)
    if tag in (UNSPECIFIED, 0, 3):
        return default_matrix(frame.height), True
    if tag not in set(LUMA_WEIGHTS):
        raise InputError(
            f"expected color matrix 601, 709 or 2020, the file is tagged {tag} (H.273); say which to use: --matrix 709"
        )
    return Matrix(tag), False


def _full_range(frame: VideoFrame, context: VideoCodecContext, store: Storage, settings: Settings) -> bool:
    if settings.range != "auto":
        return settings.range == "pc"
    tag = pick(frame.color_range, context.color_range, unset=0)
    if tag:
        return tag == FULL_RANGE
    return store.full_range or (store.model == "gray" and context.name in _FULL_RANGE_GRAY)


def _siting(frame: VideoFrame, context: VideoCodecContext) -> Siting:
    """PyAV 19 tells the position; 18 does not, and then the codec's convention holds."""
    tag = int(getattr(frame, "chroma_location", 0) or 0)
    if tag in (1, 2, 3):
        return Siting(tag)
    return Siting.CENTER if context.name in _CENTERED else Siting.LEFT


def layout_of(frame: VideoFrame, context: VideoCodecContext, settings: Settings) -> tuple[Layout, bool]:
    """How ``frame``'s planes encode the picture, and whether the matrix was assumed.

    Raises:
        InputError: a pixel format or matrix that cannot be converted exactly.
    """
    store = storage(frame.format.name)
    model: Literal["rgb", "yuv", "gray"] = store.model
    if model == "rgb":
        return Layout(frame.width, frame.height, "rgb", store.bits), False
    full = _full_range(frame, context, store, settings)
    if model == "gray":
        return Layout(frame.width, frame.height, "gray", store.bits, full_range=full), False
    matrix, assumed = _matrix(frame, context, settings)
    siting = _siting(frame, context)
    layout = Layout(frame.width, frame.height, "yuv", store.bits, store.chroma, matrix, full, siting)
    return layout, assumed
